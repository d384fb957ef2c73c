//! Operators that make one element of many, or shares of a whole.

use crate::artifact::{Activation, Combination};
use crate::compile::builder::Builder;
use crate::compile::graph::{Op, Reduce, Unary, Value};
use crate::compile::view::{NodeView, Refusal, axis};

/// The axes are an attribute before version 13 (sum) or 18 (the others), then an input.
pub(super) fn reduce(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let mut input = node.input(0)?;
    let rank = graph.dims(input).len();
    let named = match (node.ints("axes"), node.optional(1)) {
        (Some(axes), _) => axes.to_vec(),
        (None, Some(axes)) => graph.integers(axes, "the axes")?,
        (None, None) => Vec::new(),
    };
    let mut axes: Vec<usize> = named.iter().map(|&at| axis(at, rank)).collect::<Result<_, _>>()?;
    if axes.is_empty() {
        if node.flag("noop_with_empty_axes", false) {
            return Ok(vec![input]);
        }
        axes = (0..rank).collect();
    }
    axes.sort_unstable();
    axes.dedup();
    let (kind, squared, root) = match node.operator() {
        "ReduceMax" => (Reduce::Max, false, false),
        "ReduceMin" => (Reduce::Min, false, false),
        "ReduceMean" => (Reduce::Mean, false, false),
        "ReduceL2" => (Reduce::Sum, true, true),
        "ReduceSumSquare" => (Reduce::Sum, true, false),
        _ => (Reduce::Sum, false, false),
    };
    if squared {
        let op = Op::Binary { kind: Combination::Multiply, activation: Activation::None };
        input = graph.emit(op, &[input, input])?;
    }
    let mut result = over(graph, input, kind, &axes, node.flag("keepdims", true))?;
    if root {
        result = graph.emit(Op::Unary(Unary::Sqrt), &[result])?;
    }
    Ok(vec![result])
}

/// Runs of neighbouring axes one after the other, the last first.
fn over(
    graph: &mut Builder,
    input: Value,
    kind: Reduce,
    axes: &[usize],
    keep: bool,
) -> Result<Value, Refusal> {
    let mut value = input;
    for run in axes.chunk_by(|a, b| a + 1 == *b).rev() {
        let op = Op::Reduce { kind, axis: run[0], count: run.len(), keep };
        value = graph.emit(op, &[value])?;
    }
    Ok(value)
}

pub(super) fn global_average(
    node: &NodeView<'_>,
    graph: &mut Builder,
) -> Result<Vec<Value>, Refusal> {
    global(node, graph, Reduce::Mean)
}

pub(super) fn global_max(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    global(node, graph, Reduce::Max)
}

fn global(node: &NodeView<'_>, graph: &mut Builder, kind: Reduce) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let rank = graph.dims(input).len();
    if rank < 3 {
        return Err("supported: images".to_owned());
    }
    let op = Op::Reduce { kind, axis: 2, count: rank - 2, keep: true };
    Ok(vec![graph.emit(op, &[input])?])
}

/// Along one axis; before version 13 along that axis and all behind it.
pub(super) fn softmax(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let rank = graph.dims(input).len();
    let old = node.opset() < 13;
    let at = axis(node.int("axis", if old { 1 } else { -1 }), rank)?;
    let logarithm = node.operator() == "LogSoftmax";
    let count = if old { rank - at } else { 1 };
    Ok(vec![graph.emit(Op::Softmax { axis: at, count, logarithm }, &[input])?])
}
