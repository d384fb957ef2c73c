//! Shape inference: what each operation makes of the shapes of its inputs, for one batch size.

use super::graph::{Convolution, Frame, Op, Padding};
use crate::artifact::Sliding;

/// The shape of an operation's output; in words why there is none.
pub(super) fn infer(op: &Op, inputs: &[&[usize]], batch: Batch) -> Result<Vec<usize>, String> {
    let input = *inputs.first().ok_or("it has no input")?;
    match op {
        Op::Convolution(convolution) => convolve(convolution, input),
        Op::Pool { frame, .. } => {
            let [n, c, h, w] = image(input)?;
            let [high, wide] = slide(frame, [h, w]).output().ok_or_else(|| misfit(frame, h, w))?;
            Ok(vec![n, c, high, wide])
        }
        Op::GlobalAverage => image(input).map(|[n, c, ..]| vec![n, c, 1, 1]),
        Op::Linear(linear) => match *input {
            [rows, inner] if inner == linear.inner => Ok(vec![rows, linear.bias.len()]),
            _ => {
                Err(format!("input shape {input:?}; its weights are for [batch, {}]", linear.inner))
            }
        },
        Op::Add { .. } => {
            let other = *inputs.get(1).ok_or("it has one input instead of two")?;
            if input != other {
                return Err(format!("shapes {input:?} and {other:?}; supported: equal shapes"));
            }
            Ok(input.to_vec())
        }
        Op::Softmax { axis } => {
            let last = i64::try_from(input.len()).map_err(|_| "too many dimensions")? - 1;
            if *axis != last && *axis != -1 {
                return Err(format!("axis {axis} of {input:?}; supported: the last one"));
            }
            Ok(input.to_vec())
        }
        Op::Relu | Op::Identity => Ok(input.to_vec()),
        Op::Flatten { axis } => {
            if *axis != 1 {
                return Err(format!("axis {axis}; supported: 1, which keeps the batch"));
            }
            let (rows, rest) = input.split_first().ok_or("a scalar cannot be flattened")?;
            let columns = product(rest).ok_or("the result exceeds any memory")?;
            Ok(vec![*rows, columns])
        }
        Op::Reshape { target } => rebatched(input, target, batch),
        Op::Shift(constant) => Err(format!(
            "a constant of shape {:?} is added; supported: one value per channel or column, right \
             after a Conv, Gemm or MatMul whose result is used nowhere else",
            constant.dims
        )),
        Op::Normalize { .. } => {
            Err("supported: right after a Conv whose result is used nowhere else".into())
        }
    }
}

/// The batch size that is being compiled for, and the one that the model was exported with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) size: usize,
    pub(super) declared: Option<usize>,
}

/// A window on an image of a known size.
pub(super) fn slide(frame: &Frame, input: [usize; 2]) -> Sliding {
    let mut sliding = Sliding {
        input,
        kernel: frame.kernel,
        stride: frame.stride,
        dilation: frame.dilation,
        begin: [0; 2],
        end: [0; 2],
    };
    for axis in 0..2 {
        let (size, stride) = (input[axis], frame.stride[axis]);
        let reach = (frame.kernel[axis] - 1) * frame.dilation[axis] + 1;
        let same = || (size.div_ceil(stride).max(1) - 1) * stride + reach;
        (sliding.begin[axis], sliding.end[axis]) = match &frame.padding {
            Padding::Explicit { begin, end } => (begin[axis], end[axis]),
            Padding::SameUpper => split(same().saturating_sub(size)),
            Padding::SameLower => {
                let (less, more) = split(same().saturating_sub(size));
                (more, less)
            }
        };
        if frame.ceil {
            let padded = size + sliding.begin[axis] + sliding.end[axis];
            let steps = padded.saturating_sub(reach).div_ceil(stride);
            // A window that would begin in the padding behind the image does not count.
            let begins_inside = steps * stride < size + sliding.begin[axis];
            let steps = if begins_inside { steps } else { steps - 1 };
            sliding.end[axis] += (steps * stride + reach).saturating_sub(padded);
        }
    }
    sliding
}

/// The shape that a Reshape gives, by the rules of the format: 0 keeps a dimension, -1 takes what
/// is left.
pub(super) fn reshape(input: &[usize], target: &[i64]) -> Result<Vec<usize>, String> {
    let refuse = || format!("shape {input:?} cannot become {target:?}");
    let mut shape = Vec::with_capacity(target.len());
    for (axis, &dim) in target.iter().enumerate() {
        shape.push(match dim {
            0 => *input.get(axis).ok_or_else(refuse)?,
            -1 => 1,
            _ => usize::try_from(dim).map_err(|_| refuse())?,
        });
    }
    let (have, fixed) = (product(input).ok_or_else(refuse)?, product(&shape).ok_or_else(refuse)?);
    if let Some(free) = target.iter().position(|&dim| dim == -1) {
        shape[free] = have.checked_div(fixed).ok_or_else(refuse)?;
    }
    if product(&shape) != Some(have) || target.iter().filter(|&&dim| dim == -1).count() > 1 {
        return Err(refuse());
    }
    Ok(shape)
}

/// A Reshape whose target was written for the batch size of the export is read for ours: the batch
/// stays dimension 0.
fn rebatched(input: &[usize], target: &[i64], batch: Batch) -> Result<Vec<usize>, String> {
    let size = i64::try_from(batch.size).map_err(|_| "the batch is too large")?;
    let declared = batch.declared.and_then(|declared| i64::try_from(declared).ok());
    let mut target = target.to_vec();
    if let Some(first) = target.first_mut()
        && declared == Some(*first)
    {
        *first = size;
    }
    let shape = reshape(input, &target)?;
    if shape.first() != Some(&batch.size) {
        return Err(format!("{input:?} becomes {shape:?}; the batch must stay dimension 0"));
    }
    Ok(shape)
}

fn convolve(convolution: &Convolution, input: &[usize]) -> Result<Vec<usize>, String> {
    let [n, c, h, w] = image(input)?;
    let expected = convolution.channels_per_group * convolution.groups;
    if c != expected {
        return Err(format!("{c} channels; its weights are for {expected}"));
    }
    let frame = &convolution.frame;
    let [high, wide] = slide(frame, [h, w]).output().ok_or_else(|| misfit(frame, h, w))?;
    Ok(vec![n, convolution.bias.len(), high, wide])
}

fn image(shape: &[usize]) -> Result<[usize; 4], String> {
    shape.try_into().map_err(|_| {
        format!("shape {shape:?}; supported: four dimensions (batch, channels, height, width)")
    })
}

fn misfit(frame: &Frame, height: usize, width: usize) -> String {
    format!("the window {frame:?} does not fit an image of {height} x {width}")
}

fn product(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))
}

/// Half of it and the rest, the larger part second.
fn split(padding: usize) -> (usize, usize) {
    (padding / 2, padding - padding / 2)
}
