//! What each ONNX operator means: its attributes and constants, checked, as an [`Op`].

use super::CompileError;
use super::graph::{Constant, Convolution, Frame, Linear, Op, Padding};
use super::view::NodeView;
use crate::artifact::{Activation, Reduction};

/// The operators that the compiler knows.
pub(super) const SUPPORTED: &str = "Add, AveragePool, BatchNormalization, Constant, Conv, Dropout, \
     Flatten, Gemm, GlobalAveragePool, Identity, MatMul, MaxPool, Relu, Reshape, Softmax";

/// The operation of a node, and the names of the values that it computes with.
pub(super) fn interpret<'a>(node: &NodeView<'a>) -> Result<(Op, Vec<&'a str>), CompileError> {
    let first = || node.data(0).map(|name| vec![name]);
    Ok(match node.operator() {
        "Add" => return add(node),
        "AveragePool" => (average_pool(node)?, first()?),
        "BatchNormalization" => (batch_normalization(node)?, first()?),
        "Conv" => (Op::Convolution(convolution(node)?), first()?),
        "Dropout" | "Identity" => (Op::Identity, first()?),
        "Flatten" => (Op::Flatten { axis: node.int("axis", 1) }, first()?),
        "Gemm" => (Op::Linear(gemm(node)?), first()?),
        "GlobalAveragePool" => (Op::GlobalAverage, first()?),
        "MatMul" => (Op::Linear(mat_mul(node)?), first()?),
        "MaxPool" => (max_pool(node)?, first()?),
        "Relu" => (Op::Relu, first()?),
        "Reshape" => (Op::Reshape { target: node.integers(1)?.to_vec() }, first()?),
        "Softmax" => {
            let default = if node.opset() < 13 { 1 } else { -1 };
            (Op::Softmax { axis: node.int("axis", default) }, first()?)
        }
        _ => return Err(node.refuse(format!("unknown operator; supported: {SUPPORTED}"))),
    })
}

fn add<'a>(node: &NodeView<'a>) -> Result<(Op, Vec<&'a str>), CompileError> {
    for (data, constant) in [(0, 1), (1, 0)] {
        if let Some(constant) = node.constant(constant) {
            return Ok((Op::Shift(constant.clone()), vec![node.data(data)?]));
        }
    }
    Ok((Op::Add { activation: Activation::None }, vec![node.data(0)?, node.data(1)?]))
}

fn convolution(node: &NodeView<'_>) -> Result<Convolution, CompileError> {
    let weights = node.floats(1)?;
    let [out, channels_per_group, high, wide] = weights.dims[..] else {
        let reason = format!("weights of shape {:?}; supported: 2-D images", weights.dims);
        return Err(node.refuse(reason));
    };
    let groups = node.size("group", 1)?;
    if out == 0 || channels_per_group == 0 || out % groups != 0 {
        let reason = format!("{out} output channels in {groups} groups of {channels_per_group}");
        return Err(node.refuse(reason));
    }
    let frame = frame(node, Some([high, wide]))?;
    let bias = match node.optional_floats(2)? {
        Some(bias) if bias.values.len() == out => bias.values.clone(),
        Some(bias) => {
            let reason = format!("{} biases for {out} channels", bias.values.len());
            return Err(node.refuse(reason));
        }
        None => vec![0.0; out],
    };
    let weights = weights.values.clone();
    let activation = Activation::None;
    Ok(Convolution { weights, bias, channels_per_group, groups, frame, activation })
}

/// `alpha * A * B + beta * C` with constant B and C.
fn gemm(node: &NodeView<'_>) -> Result<Linear, CompileError> {
    if node.int("transA", 0) != 0 {
        return Err(node.refuse("transA = 1; supported: 0"));
    }
    let alpha = node.float("alpha", 1.0);
    let beta = node.float("beta", 1.0);
    let mut linear = linear(node, node.int("transB", 0) != 0)?;
    linear.weights.iter_mut().for_each(|weight| *weight *= alpha);
    if let Some(bias) = node.optional_floats(2)? {
        let columns = linear.bias.len();
        let scaled = bias.per_column(columns).ok_or_else(|| {
            let shape = &bias.dims;
            node.refuse(format!("C of shape {shape:?}; supported: one value per {columns} columns"))
        })?;
        linear.bias = scaled.iter().map(|value| beta * value).collect();
    }
    Ok(linear)
}

fn mat_mul(node: &NodeView<'_>) -> Result<Linear, CompileError> {
    linear(node, false)
}

fn linear(node: &NodeView<'_>, transposed: bool) -> Result<Linear, CompileError> {
    let matrix = node.floats(1)?;
    let [first, second] = matrix.dims[..] else {
        let reason = format!("weights of shape {:?}; supported: a matrix", matrix.dims);
        return Err(node.refuse(reason));
    };
    if first == 0 || second == 0 {
        return Err(node.refuse("its weights are empty"));
    }
    let (inner, columns) = if transposed { (second, first) } else { (first, second) };
    let weights = if transposed {
        (0..inner * columns).map(|i| matrix.values[i % columns * inner + i / columns]).collect()
    } else {
        matrix.values.clone()
    };
    Ok(Linear { weights, bias: vec![0.0; columns], inner, activation: Activation::None })
}

fn max_pool(node: &NodeView<'_>) -> Result<Op, CompileError> {
    if node.int("storage_order", 0) != 0 || node.outputs() > 1 {
        return Err(node.refuse("indices or column-major order; supported: the maxima alone"));
    }
    Ok(Op::Pool { frame: frame(node, None)?, reduction: Reduction::Max })
}

fn average_pool(node: &NodeView<'_>) -> Result<Op, CompileError> {
    let frame = frame(node, None)?;
    let padded = node.int("count_include_pad", 0) != 0;
    if padded && frame.ceil {
        return Err(node.refuse("count_include_pad with ceil_mode; supported: one of them"));
    }
    let reduction = if padded { Reduction::AveragePadded } else { Reduction::Average };
    Ok(Op::Pool { frame, reduction })
}

/// `scale * (x - mean) / sqrt(variance + epsilon) + bias` per channel, as one factor and one shift.
fn batch_normalization(node: &NodeView<'_>) -> Result<Op, CompileError> {
    let parameters = [1, 2, 3, 4].map(|index| node.floats(index));
    let [scale, bias, mean, variance] = parameters;
    let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
    let channels = scale.values.len();
    if [bias, mean, variance].iter().any(|constant| constant.values.len() != channels) {
        return Err(node.refuse("its four parameters differ in length"));
    }
    let epsilon = node.float("epsilon", 1e-5);
    let factors: Vec<f32> =
        scale.values.iter().zip(&variance.values).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    let shift = (0..channels).map(|c| bias.values[c] - mean.values[c] * factors[c]).collect();
    Ok(Op::Normalize { scale: factors, shift })
}

/// The window of a convolution (whose size its weights give) or of a pool.
fn frame(node: &NodeView<'_>, kernel: Option<[usize; 2]>) -> Result<Frame, CompileError> {
    let declared = node.sizes("kernel_shape")?;
    let kernel = match (kernel, declared.as_deref()) {
        (Some(kernel), None) => kernel,
        (given, Some(&[high, wide])) if given.is_none_or(|given| given == [high, wide]) => {
            [high, wide]
        }
        _ => {
            let reason = format!("kernel_shape {declared:?}; supported: two dimensions");
            return Err(node.refuse(reason));
        }
    };
    if kernel.contains(&0) {
        return Err(node.refuse("a window without taps"));
    }
    let stride = node.pair("strides", 1)?;
    let dilation = node.pair("dilations", 1)?;
    let padding = padding(node)?;
    Ok(Frame { kernel, stride, dilation, padding, ceil: node.int("ceil_mode", 0) != 0 })
}

fn padding(node: &NodeView<'_>) -> Result<Padding, CompileError> {
    match node.text("auto_pad") {
        "SAME_UPPER" => Ok(Padding::SameUpper),
        "SAME_LOWER" => Ok(Padding::SameLower),
        "VALID" => Ok(Padding::Explicit { begin: [0; 2], end: [0; 2] }),
        "" | "NOTSET" => match node.sizes("pads")?.as_deref() {
            None => Ok(Padding::Explicit { begin: [0; 2], end: [0; 2] }),
            Some(&[top, left, bottom, right]) => {
                Ok(Padding::Explicit { begin: [top, left], end: [bottom, right] })
            }
            Some(pads) => Err(node.refuse(format!("pads {pads:?}; supported: four numbers"))),
        },
        other => Err(node.refuse(format!("auto_pad {other}"))),
    }
}

impl Constant {
    /// The values if there is one per column of a matrix, however the shape says so.
    pub(super) fn per_column(&self, columns: usize) -> Option<Vec<f32>> {
        match self.values[..] {
            [value] => Some(vec![value; columns]),
            _ if self.values.len() == columns && self.dims.last() == Some(&columns) => {
                Some(self.values.clone())
            }
            _ => None,
        }
    }

    /// The values if there is one per channel of an image, however the shape says so.
    pub(super) fn per_channel(&self, channels: usize) -> Option<Vec<f32>> {
        let dims: &[usize] = match &self.dims[..] {
            [1, rest @ ..] if rest.len() == 3 => rest,
            dims => dims,
        };
        match (&self.values[..], dims) {
            (&[value], _) => Some(vec![value; channels]),
            (values, &[c, 1, 1]) if c == channels => Some(values.to_vec()),
            _ => None,
        }
    }
}
