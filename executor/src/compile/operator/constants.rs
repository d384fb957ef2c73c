//! Operators whose output is known once shapes are.

use crate::compile::builder::Builder;
use crate::compile::graph::Value;
use crate::compile::number::to_integer;
use crate::compile::shape::product;
use crate::compile::tensor::{Elements, Tensor};
use crate::compile::view::{NodeView, Refusal};

pub(super) fn constant(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let length = |count: usize| vec![count];
    let tensor = if let Some(attribute) = node.attribute("value") {
        Tensor::read(attribute.t.as_ref().ok_or("its value is no tensor")?)?
    } else if let Some(attribute) = node.attribute("value_float") {
        Tensor::from_floats(Vec::new(), vec![attribute.f])
    } else if let Some(attribute) = node.attribute("value_floats") {
        Tensor::from_floats(length(attribute.floats.len()), attribute.floats.clone())
    } else if let Some(attribute) = node.attribute("value_int") {
        Tensor::from_integers(Vec::new(), vec![attribute.i])
    } else if let Some(attribute) = node.attribute("value_ints") {
        Tensor::from_integers(length(attribute.ints.len()), attribute.ints.clone())
    } else {
        return Err("supported: value, value_float(s) and value_int(s)".to_owned());
    };
    tensor.check_finite()?;
    Ok(vec![graph.constant(tensor)])
}

pub(super) fn constant_of_shape(
    node: &NodeView<'_>,
    graph: &mut Builder,
) -> Result<Vec<Value>, Refusal> {
    let dims = sizes(&graph.integers(node.input(0)?, "the shape")?)?;
    let count = bounded(&dims)?;
    let one = match node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        Some(proto) => Tensor::read(proto)?,
        None => Tensor::from_floats(vec![1], vec![0.0]),
    };
    if one.len() != 1 {
        return Err(format!("a value of shape {:?}; supported: one element", one.dims));
    }
    let tensor = one.picked(dims, std::iter::repeat_n(0, count));
    Ok(vec![graph.constant(tensor)])
}

pub(super) fn shape(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let dims = graph.dims(node.input(0)?);
    let rank = i64::try_from(dims.len()).map_err(|_| "too many dimensions")?;
    let clamp = |bound: i64| {
        let counted = if bound < 0 { bound.saturating_add(rank) } else { bound };
        usize::try_from(counted.clamp(0, rank)).unwrap_or(0)
    };
    let (start, end) = (clamp(node.int("start", 0)), clamp(node.int("end", rank)));
    let part = dims.get(start..end).unwrap_or_default();
    let values: Vec<i64> =
        part.iter().map(|&dim| i64::try_from(dim)).collect::<Result<_, _>>().map_err(|_| "huge")?;
    Ok(vec![graph.constant(Tensor::from_integers(vec![values.len()], values))])
}

pub(super) fn size(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let count = product(graph.dims(node.input(0)?)).and_then(|count| i64::try_from(count).ok());
    let count = count.ok_or("more elements than numbers")?;
    Ok(vec![graph.constant(Tensor::from_integers(Vec::new(), vec![count]))])
}

pub(super) fn range(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let bounds = [node.input(0)?, node.input(1)?, node.input(2)?];
    let tensors = bounds.map(|value| graph.known(value).cloned());
    let [Some(start), Some(limit), Some(delta)] = tensors else {
        return Err("its bounds must be constants".to_owned());
    };
    let elements = match (&start.elements, &limit.elements, &delta.elements) {
        (Elements::Integers(a), Elements::Integers(b), Elements::Integers(step)) => {
            integers(single(a)?, single(b)?, single(step)?).map(Elements::Integers)
        }
        (Elements::Floats(a), Elements::Floats(b), Elements::Floats(step)) => {
            floats(single(a)?, single(b)?, single(step)?).map(Elements::Floats)
        }
        _ => Err("floats meet integers".to_owned()),
    }?;
    let mut tensor = Tensor { dims: Vec::new(), elements };
    tensor.dims = vec![tensor.len()];
    Ok(vec![graph.constant(tensor)])
}

fn single<T: Copy>(values: &[T]) -> Result<T, Refusal> {
    match *values {
        [value] => Ok(value),
        _ => Err("a bound is no scalar".to_owned()),
    }
}

fn integers(start: i64, limit: i64, delta: i64) -> Result<Vec<i64>, Refusal> {
    let length = i128::from(limit) - i128::from(start);
    let delta_wide = i128::from(delta);
    if delta == 0 {
        return Err("steps of zero".to_owned());
    }
    let count = length / delta_wide + i128::from(length % delta_wide != 0);
    let count = i64::try_from(count.max(0)).ok().filter(|&count| count <= COUNT_MAX);
    let count = count.ok_or_else(|| format!("more than {COUNT_MAX} elements"))?;
    Ok((0..count).map(|index| start + index * delta).collect())
}

fn floats(start: f32, limit: f32, delta: f32) -> Result<Vec<f32>, Refusal> {
    let count = ((limit - start) / delta).ceil();
    if !count.is_finite() || to_integer(count) > COUNT_MAX {
        return Err(format!("more than {COUNT_MAX} elements"));
    }
    let mut at = start;
    Ok((0..to_integer(count))
        .map(|_| {
            let value = at;
            at += delta;
            value
        })
        .collect())
}

/// Dimensions out of integers.
pub(super) fn sizes(numbers: &[i64]) -> Result<Vec<usize>, Refusal> {
    let size = |&number: &i64| usize::try_from(number).map_err(|_| format!("dimension {number}"));
    numbers.iter().map(size).collect()
}

/// How many elements these dimensions have, if a constant may have so many.
fn bounded(dims: &[usize]) -> Result<usize, Refusal> {
    let limit = usize::try_from(COUNT_MAX).unwrap_or(usize::MAX);
    product(dims)
        .filter(|&count| count <= limit)
        .ok_or_else(|| format!("shape {dims:?}; supported: at most {limit} elements"))
}

/// A constant that a node makes has at most so many elements.
const COUNT_MAX: i64 = 1 << 26;
