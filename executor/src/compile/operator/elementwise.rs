//! Operators on single elements.

use std::collections::VecDeque;

use crate::artifact::{Activation, Combination};
use crate::compile::builder::Builder;
use crate::compile::graph::{Op, Unary, Value};
use crate::compile::number::{size_to_float, to_float, to_integer};
use crate::compile::tensor::{Class, Elements, Tensor, class};
use crate::compile::view::{NodeView, Refusal};

pub(super) fn identity(node: &NodeView<'_>, _graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    // The mask of a Dropout that drops nothing has no second output that could be read.
    Ok(vec![node.input(0)?])
}

pub(super) fn unary(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let function = match node.operator() {
        "Abs" => Unary::Abs,
        "Ceil" => Unary::Ceil,
        "Cos" => Unary::Cosine,
        "Elu" => Unary::Elu { alpha: node.float("alpha", 1.0)? },
        "Erf" => Unary::Erf,
        "Exp" => Unary::Exp,
        "Floor" => Unary::Floor,
        "Gelu" if node.text("approximate") == "tanh" => Unary::GeluTanh,
        "Gelu" => Unary::Gelu,
        "HardSigmoid" => {
            Unary::HardSigmoid { alpha: node.float("alpha", 0.2)?, beta: node.float("beta", 0.5)? }
        }
        "HardSwish" => Unary::HardSwish,
        "LeakyRelu" => Unary::LeakyRelu { slope: node.float("alpha", 0.01)? },
        "Log" => Unary::Logarithm,
        "Neg" => Unary::Negative,
        "Not" => Unary::Not,
        "Reciprocal" => Unary::Reciprocal,
        "Relu" => Unary::Relu,
        "Round" => Unary::Round,
        "Sigmoid" => Unary::Sigmoid,
        "Sign" => Unary::Sign,
        "Sin" => Unary::Sine,
        "Softplus" => Unary::Softplus,
        "Sqrt" => Unary::Sqrt,
        "Swish" if node.float("alpha", 1.0)?.to_bits() == 1.0_f32.to_bits() => Unary::Silu,
        "Tanh" => Unary::Tanh,
        other => return Err(format!("{other} with these attributes")),
    };
    Ok(vec![graph.emit(Op::Unary(function), &[node.input(0)?])?])
}

pub(super) fn binary(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let kind = match node.operator() {
        "Add" => Combination::Add,
        "And" => Combination::And,
        "Div" => Combination::Divide,
        "Equal" => Combination::Equal,
        "Greater" => Combination::Greater,
        "GreaterOrEqual" => Combination::GreaterOrEqual,
        "Less" => Combination::Less,
        "LessOrEqual" => Combination::LessOrEqual,
        "Mul" => Combination::Multiply,
        "Or" => Combination::Or,
        _ => Combination::Subtract,
    };
    let (left, right) = (node.input(0)?, old_broadcast(node, graph)?);
    Ok(vec![emit(graph, kind, left, right)?])
}

/// Before version 7 the second operand's dimensions are laid on those of the first from `axis` on.
fn old_broadcast(node: &NodeView<'_>, graph: &mut Builder) -> Result<Value, Refusal> {
    let right = node.input(1)?;
    if node.opset() >= 7 || !node.flag("broadcast", false) || node.attribute("axis").is_none() {
        return Ok(right);
    }
    let rank = graph.dims(node.input(0)?).len();
    let begin = crate::compile::view::axis(node.int("axis", 0), rank)?;
    let mut dims = graph.dims(right).to_vec();
    let missing =
        (rank - begin).checked_sub(dims.len()).ok_or("the axis leaves too few dimensions")?;
    dims.extend(std::iter::repeat_n(1, missing));
    graph.reshape(right, dims)
}

fn emit(
    graph: &mut Builder,
    kind: Combination,
    left: Value,
    right: Value,
) -> Result<Value, Refusal> {
    graph.emit(Op::Binary { kind, activation: Activation::None }, &[left, right])
}

/// Power; an exponent that is an integer counts as a float.
pub(super) fn power(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let (base, exponent) = (node.input(0)?, node.input(1)?);
    let whole_base = graph.known(base).is_some_and(|tensor| tensor.integers().is_some());
    let exponent = if whole_base { exponent } else { converted(graph, exponent, Class::Float)? };
    let known = graph.known(exponent).and_then(|tensor| match tensor.floats() {
        Some(&[number]) => Some(number),
        _ => None,
    });
    // The exponents that exporters write for squares and roots.
    let result = match known {
        Some(2.0) => emit(graph, Combination::Multiply, base, base)?,
        Some(0.5) => graph.emit(Op::Unary(Unary::Sqrt), &[base])?,
        _ => emit(graph, Combination::Power, base, exponent)?,
    };
    Ok(vec![result])
}

pub(super) fn variadic(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let kind = match node.operator() {
        "Max" => Combination::Max,
        "Min" => Combination::Min,
        _ => Combination::Add,
    };
    Ok(vec![chain(node, graph, kind)?])
}

pub(super) fn mean(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let sum = chain(node, graph, Combination::Add)?;
    let count = graph.scalar(size_to_float(node.inputs().len()));
    Ok(vec![emit(graph, Combination::Divide, sum, count)?])
}

fn chain(node: &NodeView<'_>, graph: &mut Builder, kind: Combination) -> Result<Value, Refusal> {
    let mut inputs = VecDeque::from(node.inputs());
    let first = inputs.pop_front().ok_or("it has no inputs")?;
    inputs.into_iter().try_fold(first, |left, right| emit(graph, kind, left, right))
}

/// `x * tanh(softplus(x))`.
pub(super) fn mish(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let soft = graph.emit(Op::Unary(Unary::Softplus), &[input])?;
    let gate = graph.emit(Op::Unary(Unary::Tanh), &[soft])?;
    Ok(vec![emit(graph, Combination::Multiply, input, gate)?])
}

/// Slopes are one per channel in old files, whatever the rank of the input.
pub(super) fn slope(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let (input, mut slope) = (node.input(0)?, node.input(1)?);
    let (dims, slopes) = (graph.dims(input), graph.dims(slope));
    if node.opset() < 9
        && let &[count] = slopes
        && dims.len() > 2
        && dims[1] == count
    {
        let aligned = [&[count][..], &vec![1; dims.len() - 2]].concat();
        slope = graph.reshape(slope, aligned)?;
    }
    Ok(vec![emit(graph, Combination::Slope, input, slope)?])
}

pub(super) fn select(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let (condition, yes, no) = (node.input(0)?, node.input(1)?, node.input(2)?);
    let computed = graph.known(yes).is_none() || graph.known(no).is_none();
    let condition = if computed && graph.known(condition).is_some() {
        converted(graph, condition, Class::Float)?
    } else {
        condition
    };
    Ok(vec![graph.emit(Op::Select, &[condition, yes, no])?])
}

/// Bounds are attributes before version 11, then inputs.
pub(super) fn clip(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    if graph.known(input).is_some_and(|tensor| tensor.integers().is_some()) {
        let low =
            node.optional(1).map_or(Ok(input), |min| emit(graph, Combination::Max, input, min))?;
        let result =
            node.optional(2).map_or(Ok(low), |max| emit(graph, Combination::Min, low, max))?;
        return Ok(vec![result]);
    }
    let bound = |index: usize, name: &str, default: f32| -> Result<f32, Refusal> {
        let limit = if node.opset() < 11 {
            node.attribute(name).map_or(default, |attribute| attribute.f)
        } else {
            node.optional(index).map_or(Ok(default), |value| graph.number(value, name))?
        };
        if limit.is_nan() {
            Err(format!("{name} is NaN"))
        } else {
            Ok(limit.clamp(f32::MIN, f32::MAX))
        }
    };
    let (min, max) = (bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?);
    Ok(vec![graph.emit(Op::Unary(Unary::Clip { min, max }), &[input])?])
}

pub(super) fn cast(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let to = if node.operator() == "CastLike" {
        if graph.is_whole(node.input(1)?) { Class::Integer } else { Class::Float }
    } else {
        let number = node.int("to", 1);
        class(number).ok_or_else(|| format!("element type {number}"))?
    };
    Ok(vec![converted(graph, input, to)?])
}

/// What is computed is f32: it can become a truth value, and an integer if it is one.
fn converted(graph: &mut Builder, value: Value, to: Class) -> Result<Value, Refusal> {
    let Some(tensor) = graph.known(value).cloned() else {
        return match (to, graph.is_whole(value)) {
            (Class::Float, false) | (Class::Integer, true) => Ok(value),
            (Class::Float, true) => graph.as_floats(value),
            (Class::Boolean, _) => graph.emit(Op::Unary(Unary::NotZero), &[value]),
            (Class::Integer, false) => {
                Err("computed floats become integers; supported: float32 and bool".to_owned())
            }
        };
    };
    let truth = |truth: bool| i64::from(truth);
    let elements = match (&tensor.elements, to) {
        (Elements::Floats(_), Class::Float) | (Elements::Integers(_), Class::Integer) => {
            return Ok(value);
        }
        (Elements::Integers(values), Class::Float) => {
            Elements::Floats(values.iter().map(|&number| to_float(number)).collect())
        }
        (Elements::Integers(values), Class::Boolean) => {
            Elements::Integers(values.iter().map(|&number| truth(number != 0)).collect())
        }
        (Elements::Floats(values), Class::Integer) => {
            Elements::Integers(values.iter().map(|&number| to_integer(number)).collect())
        }
        (Elements::Floats(values), Class::Boolean) => {
            Elements::Integers(values.iter().map(|&number| truth(number != 0.0)).collect())
        }
    };
    Ok(graph.constant(Tensor { dims: tensor.dims.clone(), elements }))
}
