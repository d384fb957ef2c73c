//! Shape inference: what each operation makes of the shapes of its inputs, for one request.

use super::graph::{Convolution, Frame, Info, Move, Op, Pad, Padding};
use super::view::Refusal;
use crate::artifact::Sliding;

/// The dimensions of an operation's output; in words why there is none.
pub(super) fn infer(op: &Op, inputs: &[&Info]) -> Result<Vec<usize>, Refusal> {
    let dims = |index: usize| {
        let input = inputs.get(index).ok_or_else(|| format!("it has no input {index}"));
        input.map(|info| info.dims.as_slice())
    };
    match op {
        Op::Convolution(convolution) => convolve(convolution, dims(0)?),
        Op::Pool { frame, .. } => {
            let [n, c, h, w] = image(dims(0)?)?;
            let [high, wide] = slide(frame, [h, w]).output().ok_or_else(|| misfit(frame, h, w))?;
            Ok(vec![n, c, high, wide])
        }
        Op::Linear(linear) => match dims(0)? {
            [rows @ .., inner] if *inner == linear.inner => {
                Ok([rows, &[linear.bias.len()]].concat())
            }
            other => Err(format!("a matrix of {} rows meets {other:?}", linear.inner)),
        },
        Op::MatMul => multiply(dims(0)?, dims(1)?),
        Op::Unary(_) | Op::Softmax { .. } | Op::Normalize { .. } => Ok(dims(0)?.to_vec()),
        Op::Binary { .. } => broadcast(dims(0)?, dims(1)?),
        Op::Select => broadcast(&broadcast(dims(0)?, dims(1)?)?, dims(2)?),
        Op::Affine(affine) => match dims(0)? {
            [_, channels, ..] if *channels == affine.scale.len() => Ok(dims(0)?.to_vec()),
            other => Err(format!("{} factors for the channels of {other:?}", affine.scale.len())),
        },
        &Op::Reduce { axis, count, keep, .. } => {
            let (before, rest) = dims(0)?.split_at(axis);
            let kept = vec![1; if keep { count } else { 0 }];
            Ok([before, &kept, &rest[count..]].concat())
        }
        Op::Reshape { dims: to } => {
            let from = dims(0)?;
            let same = product(from).is_some() && product(from) == product(to);
            if same { Ok(to.clone()) } else { Err(format!("{from:?} cannot become {to:?}")) }
        }
        Op::Move(movement) => Ok(movement.axes.iter().map(|along| along.len).collect()),
        Op::Gather { axis, indices } => {
            let mut dims = dims(0)?.to_vec();
            dims[*axis] = indices.len();
            Ok(dims)
        }
        Op::Lookup => match dims(0)? {
            [rows, row @ ..] if *rows > 0 => Ok([dims(1)?, row].concat()),
            table => Err(format!("a table of shape {table:?} has no rows")),
        },
        Op::Concat { axis } => concat(*axis, inputs),
        Op::Pad(pad) => padded(pad, dims(0)?),
        Op::Resize(resize) => {
            let [n, c, ..] = image(dims(0)?)?;
            Ok(vec![n, c, resize.rows.len(), resize.columns.len()])
        }
    }
}

/// The shape that two shapes are broadcast to.
pub(super) fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Refusal> {
    let rank = left.len().max(right.len());
    let at = |dims: &[usize], axis: usize| {
        (axis + dims.len()).checked_sub(rank).map_or(1, |index| dims[index])
    };
    let dim = |axis: usize| match (at(left, axis), at(right, axis)) {
        (a, b) if a == b => Ok(a),
        (1, b) => Ok(b),
        (a, 1) => Ok(a),
        _ => Err(format!("{left:?} and {right:?} cannot be broadcast to one shape")),
    };
    (0..rank).map(dim).collect()
}

fn multiply(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Refusal> {
    let ([outer @ .., rows, inner], [others @ .., depth, columns]) = (left, right) else {
        return Err(format!("{left:?} times {right:?}; supported: two dimensions and more"));
    };
    if inner != depth {
        return Err(format!("{left:?} times {right:?}: {inner} columns meet {depth} rows"));
    }
    Ok([&broadcast(outer, others)?[..], &[*rows, *columns]].concat())
}

fn concat(axis: usize, inputs: &[&Info]) -> Result<Vec<usize>, Refusal> {
    let [first, rest @ ..] = inputs else { return Err("it has no inputs".to_owned()) };
    let mut dims = first.dims.clone();
    for other in rest.iter().map(|info| &info.dims) {
        let differs = |(index, (a, b)): (usize, (&usize, &usize))| index != axis && a != b;
        if dims.len() != other.len() || dims.iter().zip(other).enumerate().any(differs) {
            return Err(format!("{:?} and {other:?} differ beside axis {axis}", first.dims));
        }
        dims[axis] += other[axis];
    }
    Ok(dims)
}

fn padded(pad: &Pad, dims: &[usize]) -> Result<Vec<usize>, Refusal> {
    if pad.begin.len() != dims.len() || pad.end.len() != dims.len() {
        return Err(format!("{} pads for {dims:?}", pad.begin.len() + pad.end.len()));
    }
    Ok(dims.iter().zip(&pad.begin).zip(&pad.end).map(|((dim, a), b)| dim + a + b).collect())
}

impl Move {
    /// Whether the output is the input.
    pub(super) fn keeps(&self, dims: &[usize]) -> bool {
        self.axes.len() == dims.len()
            && self.axes.iter().zip(dims).enumerate().all(|(axis, (along, &dim))| {
                along.source == Some(axis)
                    && along.len == dim
                    && (dim == 1 || (along.begin, along.step) == (0, 1))
            })
    }

    /// Where in a row-major input of this shape its output begins, and the elements from each index
    /// to the next along its dimensions.
    pub(super) fn strides(&self, shape: &[usize]) -> (usize, Vec<isize>) {
        let inputs = strides(shape);
        let signed = |stride: usize| isize::try_from(stride).expect("a tensor fits memory");
        let begin =
            |along: &super::graph::Along| along.source.map(|axis| along.begin * inputs[axis]);
        let stride = |along: &super::graph::Along| {
            along.source.map_or(0, |axis| along.step * signed(inputs[axis]))
        };
        (self.axes.iter().filter_map(begin).sum(), self.axes.iter().map(stride).collect())
    }
}

/// Elements from one index to the next along each dimension of a row-major tensor.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
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

/// The shape that a Reshape gives, by the rules of the format: 0 keeps a dimension (unless zeros are
/// allowed), -1 takes what is left.
pub(super) fn reshape(input: &[usize], target: &[i64], zeros: bool) -> Result<Vec<usize>, Refusal> {
    let refuse = || format!("shape {input:?} cannot become {target:?}");
    let mut shape = Vec::with_capacity(target.len());
    for (axis, &dim) in target.iter().enumerate() {
        shape.push(match dim {
            0 if !zeros => *input.get(axis).ok_or_else(refuse)?,
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

/// How many elements a tensor has; none if that exceeds any number.
pub(super) fn product(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim))
}

/// Half of it and the rest, the larger part second.
fn split(padding: usize) -> (usize, usize) {
    (padding / 2, padding - padding / 2)
}
