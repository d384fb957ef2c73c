//! Computes operations on constants, when a model is compiled: above all the arithmetic on shapes
//! that exporters write. Slow and plain.

mod arithmetic;

use super::graph::{Move, Op, Pad, Reduce};
use super::number::size_to_float;
use super::shape::{product, strides};
use super::tensor::{Elements, Tensor};
use super::view::Refusal;
use crate::artifact::Combination;

/// The result of an operation, whose dimensions have been inferred; none if it is left to the
/// device.
pub(super) fn evaluate(
    op: &Op,
    inputs: &[&Tensor],
    dims: Vec<usize>,
) -> Result<Option<Tensor>, Refusal> {
    let first = *inputs.first().ok_or("it has no input")?;
    Ok(Some(match op {
        Op::Unary(unary) => return arithmetic::unary(*unary, first),
        Op::Binary { kind, .. } => {
            let right = *inputs.get(1).ok_or("it has one input")?;
            return binary(*kind, first, right, dims).map(Some);
        }
        Op::Select => return select(inputs, dims).map(Some),
        Op::Reshape { dims } => first.reshaped(dims.clone()),
        Op::Move(movement) => walk(movement, first, &dims),
        Op::Gather { axis, indices } => gather(*axis, indices, first, dims),
        Op::Concat { axis } => return concat(*axis, inputs, dims).map(Some),
        Op::Pad(pad) => return Ok(border(pad, first, dims)),
        &Op::Reduce { kind, axis, count, .. } => {
            return reduce(kind, axis..axis + count, first, dims);
        }
        Op::MatMul => return Ok(multiply(inputs, dims)),
        Op::Convolution(_)
        | Op::Linear(_)
        | Op::Pool { .. }
        | Op::Affine(_)
        | Op::Softmax { .. }
        | Op::Normalize { .. }
        | Op::Lookup
        | Op::Resize(_) => return Ok(None),
    }))
}

/// For each element of a tensor of shape `dims`, in order, the element that another one, which is
/// broadcast to it, has there.
fn broadcast<'a>(from: &[usize], dims: &'a [usize]) -> impl Iterator<Item = usize> + use<'a> {
    let missing = dims.len() - from.len();
    let own = strides(from);
    let stride = |axis: usize| match axis.checked_sub(missing) {
        Some(index) if from[index] != 1 => own[index],
        _ => 0,
    };
    let steps: Vec<usize> = (0..dims.len()).map(stride).collect();
    let all = strides(dims);
    (0..product(dims).unwrap_or(0)).map(move |at| {
        let along = |axis: usize| at / all[axis] % dims[axis] * steps[axis];
        (0..dims.len()).map(along).sum()
    })
}

fn binary(
    kind: Combination,
    left: &Tensor,
    right: &Tensor,
    dims: Vec<usize>,
) -> Result<Tensor, Refusal> {
    let places = broadcast(&left.dims, &dims).zip(broadcast(&right.dims, &dims));
    let elements = match (&left.elements, &right.elements) {
        (Elements::Floats(left), Elements::Floats(right)) => {
            let values = places.map(|(a, b)| arithmetic::floats(kind, left[a], right[b]));
            arithmetic::typed(kind, values.collect())
        }
        (Elements::Integers(left), Elements::Integers(right)) => {
            let values = places.map(|(a, b)| arithmetic::integers(kind, left[a], right[b]));
            let values = values.collect::<Option<_>>();
            Elements::Integers(values.ok_or("integers beyond their range, or divided by zero")?)
        }
        _ => return Err("floats meet integers".to_owned()),
    };
    Ok(Tensor { dims, elements })
}

fn select(inputs: &[&Tensor], dims: Vec<usize>) -> Result<Tensor, Refusal> {
    let [condition, yes, no] = inputs else { return Err("it needs three inputs".to_owned()) };
    let condition = truths(condition);
    let places = broadcast(&inputs[0].dims, &dims)
        .zip(broadcast(&yes.dims, &dims).zip(broadcast(&no.dims, &dims)));
    let chosen = places.map(|(c, (yes, no))| if condition[c] { (true, yes) } else { (false, no) });
    let elements = match (&yes.elements, &no.elements) {
        (Elements::Floats(yes), Elements::Floats(no)) => Elements::Floats(
            chosen.map(|(first, at)| if first { yes[at] } else { no[at] }).collect(),
        ),
        (Elements::Integers(yes), Elements::Integers(no)) => Elements::Integers(
            chosen.map(|(first, at)| if first { yes[at] } else { no[at] }).collect(),
        ),
        _ => return Err("floats meet integers".to_owned()),
    };
    Ok(Tensor { dims, elements })
}

fn truths(tensor: &Tensor) -> Vec<bool> {
    match &tensor.elements {
        Elements::Floats(values) => values.iter().map(|&value| value != 0.0).collect(),
        Elements::Integers(values) => values.iter().map(|&value| value != 0).collect(),
    }
}

fn walk(movement: &Move, tensor: &Tensor, dims: &[usize]) -> Tensor {
    let (begin, steps) = movement.strides(&tensor.dims);
    let all = strides(dims);
    let count = product(dims).unwrap_or(0);
    let source = |at: usize| {
        let along = |axis: usize| {
            isize::try_from(at / all[axis] % dims[axis]).expect("an index") * steps[axis]
        };
        let shift: isize = (0..dims.len()).map(along).sum();
        begin.checked_add_signed(shift).expect("a movement stays inside its input")
    };
    tensor.picked(dims.to_vec(), (0..count).map(source))
}

fn gather(axis: usize, indices: &[usize], tensor: &Tensor, dims: Vec<usize>) -> Tensor {
    let inner: usize = tensor.dims[axis + 1..].iter().product();
    let outer: usize = tensor.dims[..axis].iter().product();
    let (len, count) = (tensor.dims[axis], indices.len());
    let source = move |at: usize| {
        let (before, index, rest) = (at / inner / count, at / inner % count, at % inner);
        (before * len + indices[index]) * inner + rest
    };
    tensor.picked(dims, (0..outer * count * inner).map(source))
}

fn concat(axis: usize, inputs: &[&Tensor], dims: Vec<usize>) -> Result<Tensor, Refusal> {
    let outer: usize = dims[..axis].iter().product();
    let inner: usize = dims[axis + 1..].iter().product();
    let parts = || (0..outer).flat_map(|at| inputs.iter().map(move |tensor| (at, *tensor)));
    let range = |at: usize, tensor: &Tensor| {
        let len = tensor.dims[axis] * inner;
        at * len..(at + 1) * len
    };
    let elements = if inputs.iter().all(|tensor| tensor.floats().is_some()) {
        let part = |(at, tensor): (usize, &Tensor)| {
            tensor.floats().unwrap_or_default()[range(at, tensor)].to_vec()
        };
        Elements::Floats(parts().flat_map(part).collect())
    } else if inputs.iter().all(|tensor| tensor.integers().is_some()) {
        let part = |(at, tensor): (usize, &Tensor)| {
            tensor.integers().unwrap_or_default()[range(at, tensor)].to_vec()
        };
        Elements::Integers(parts().flat_map(part).collect())
    } else {
        return Err("floats meet integers".to_owned());
    };
    Ok(Tensor { dims, elements })
}

fn border(pad: &Pad, tensor: &Tensor, dims: Vec<usize>) -> Option<Tensor> {
    let values = tensor.floats()?;
    let (own, all) = (strides(&tensor.dims), strides(&dims));
    let source = |at: usize| -> Option<usize> {
        (0..dims.len()).try_fold(0, |sum, axis| {
            let index = (at / all[axis] % dims[axis]).checked_sub(pad.begin[axis])?;
            (index < tensor.dims[axis]).then(|| sum + index * own[axis])
        })
    };
    let count = product(&dims)?;
    let elements = (0..count).map(|at| source(at).map_or(pad.value, |from| values[from])).collect();
    Some(Tensor::from_floats(dims, elements))
}

fn reduce(
    kind: Reduce,
    axes: std::ops::Range<usize>,
    tensor: &Tensor,
    dims: Vec<usize>,
) -> Result<Option<Tensor>, Refusal> {
    let (outer, inner): (usize, usize) =
        (tensor.dims[..axes.start].iter().product(), tensor.dims[axes.end..].iter().product());
    let len: usize = tensor.dims[axes].iter().product();
    let places = |at: usize| {
        let (before, rest) = (at / inner, at % inner);
        (0..len).map(move |index| (before * len + index) * inner + rest)
    };
    let elements = match &tensor.elements {
        Elements::Floats(values) => {
            let result = |at: usize| {
                let range = places(at).map(|place| values[place]);
                match kind {
                    Reduce::Max => range.fold(f32::NEG_INFINITY, f32::max),
                    Reduce::Min => range.fold(f32::INFINITY, f32::min),
                    Reduce::Sum => range.sum(),
                    Reduce::Mean => range.sum::<f32>() / size_to_float(len),
                }
            };
            Elements::Floats((0..outer * inner).map(result).collect())
        }
        Elements::Integers(values) => {
            let result = |at: usize| {
                let mut range = places(at).map(|place| values[place]);
                match kind {
                    Reduce::Max => range.max(),
                    Reduce::Min => range.min(),
                    Reduce::Sum => range.try_fold(0_i64, i64::checked_add),
                    Reduce::Mean => {
                        let sum = range.try_fold(0_i64, i64::checked_add)?;
                        sum.checked_div(i64::try_from(len).ok()?)
                    }
                }
            };
            let values = (0..outer * inner).map(result).collect::<Option<_>>();
            Elements::Integers(values.ok_or("integers beyond their range")?)
        }
    };
    Ok(Some(Tensor { dims, elements }))
}

fn multiply(inputs: &[&Tensor], dims: Vec<usize>) -> Option<Tensor> {
    let [left, right] = inputs else { return None };
    let (a, b) = (left.floats()?, right.floats()?);
    let ([outer @ .., rows, columns], inner) = (&dims[..], *left.dims.last()?) else { return None };
    let counts = [rows * inner, inner * columns];
    let places = broadcast(&left.dims[..left.dims.len() - 2], outer)
        .zip(broadcast(&right.dims[..right.dims.len() - 2], outer));
    let mut product = Vec::with_capacity(dims.iter().product());
    for (first, second) in places {
        let (a, b) = (&a[first * counts[0]..], &b[second * counts[1]..]);
        for (row, column) in (0..*rows).flat_map(|r| (0..*columns).map(move |c| (r, c))) {
            product.push((0..inner).map(|k| a[row * inner + k] * b[k * columns + column]).sum());
        }
    }
    Some(Tensor::from_floats(dims, product))
}
