//! Operators that bring values to a common mean and variance.

use crate::artifact::{Activation, Combination, Reduction};
use crate::compile::builder::Builder;
use crate::compile::graph::{Affine, Frame, Op, Padding, Value};
use crate::compile::view::{NodeView, Refusal, axis};

/// `scale * (x - mean) / sqrt(variance + epsilon) + bias` per channel, as one factor and one shift.
pub(super) fn batch(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    if node.flag("training_mode", false) {
        return Err("training_mode; supported: inference".to_owned());
    }
    let names = ["the scale", "the bias", "the mean", "the variance"];
    let mut parameters = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let constant = graph.floats(node.input(index + 1)?, name)?;
        parameters.push(constant.floats().unwrap_or_default().to_vec());
    }
    let [scale, bias, mean, variance] = &parameters[..] else { return Err("four".to_owned()) };
    if [bias, mean, variance].iter().any(|other| other.len() != scale.len()) {
        return Err("its four parameters differ in length".to_owned());
    }
    let epsilon = node.float("epsilon", 1e-5)?;
    let factors: Vec<f32> =
        scale.iter().zip(variance).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
    let shift = (0..scale.len()).map(|c| bias[c] - mean[c] * factors[c]).collect();
    if factors.iter().chain(&shift).any(|value: &f32| !value.is_finite()) {
        return Err("its variance is not positive: factors would be infinite".to_owned());
    }
    let affine = Affine { scale: factors, shift, activation: Activation::None };
    Ok(vec![graph.emit(Op::Affine(affine), &[node.input(0)?])?])
}

/// Over all dimensions from the axis on.
pub(super) fn layer(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let begin = axis(node.int("axis", -1), graph.dims(input).len())?;
    let epsilon = node.float("epsilon", 1e-5)?;
    let normal = graph.emit(Op::Normalize { axis: begin, epsilon, line: None }, &[input])?;
    let scaled = binary(graph, Combination::Multiply, normal, node.input(1)?)?;
    let shifted = match node.optional(2) {
        Some(shift) => binary(graph, Combination::Add, scaled, shift)?,
        None => scaled,
    };
    Ok(vec![shifted])
}

/// Over each channel of each image.
pub(super) fn instance(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    if graph.dims(input).len() < 3 {
        return Err("supported: images".to_owned());
    }
    let epsilon = node.float("epsilon", 1e-5)?;
    let scale = graph.floats(node.input(1)?, "the scale")?;
    let shift = graph.floats(node.input(2)?, "the bias")?;
    let normal = graph.emit(Op::Normalize { axis: 2, epsilon, line: None }, &[input])?;
    let affine = Affine {
        scale: scale.floats().unwrap_or_default().to_vec(),
        shift: shift.floats().unwrap_or_default().to_vec(),
        activation: Activation::None,
    };
    if affine.scale.len() != affine.shift.len() {
        return Err("its scale and bias differ in length".to_owned());
    }
    Ok(vec![graph.emit(Op::Affine(affine), &[normal])?])
}

/// `x / (bias + alpha / size * sum of the squares of the neighbouring channels) ^ beta`.
pub(super) fn local_response(
    node: &NodeView<'_>,
    graph: &mut Builder,
) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let &[n, c, h, w] = graph.dims(input) else { return Err("supported: images".to_owned()) };
    let size = node.size("size", 0)?;
    let alpha = node.float("alpha", 1e-4)?;
    let (beta, bias) = (node.float("beta", 0.75)?, node.float("bias", 1.0)?);
    let squares = binary(graph, Combination::Multiply, input, input)?;
    // The mean over neighbouring channels is a pool whose image has the channels as its rows.
    let rows = graph.reshape(squares, vec![n, 1, c, h * w])?;
    let frame = Frame {
        kernel: [size.max(1), 1],
        stride: [1; 2],
        dilation: [1; 2],
        padding: Padding::Explicit { begin: [size.saturating_sub(1) / 2, 0], end: [size / 2, 0] },
        ceil: false,
    };
    let op = Op::Pool { frame, reduction: Reduction::AveragePadded };
    let mean = graph.emit(op, &[rows])?;
    let mean = graph.reshape(mean, vec![n, c, h, w])?;
    let (alpha, bias, beta) = (graph.scalar(alpha), graph.scalar(bias), graph.scalar(beta));
    let scaled = binary(graph, Combination::Multiply, mean, alpha)?;
    let shifted = binary(graph, Combination::Add, scaled, bias)?;
    let power = binary(graph, Combination::Power, shifted, beta)?;
    Ok(vec![binary(graph, Combination::Divide, input, power)?])
}

fn binary(
    graph: &mut Builder,
    kind: Combination,
    left: Value,
    right: Value,
) -> Result<Value, Refusal> {
    graph.emit(Op::Binary { kind, activation: Activation::None }, &[left, right])
}
