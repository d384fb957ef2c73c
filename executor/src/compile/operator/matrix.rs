//! Products of matrices.

use crate::artifact::{Activation, Combination};
use crate::compile::builder::Builder;
use crate::compile::graph::{Linear, Op, Value};
use crate::compile::tensor::Tensor;
use crate::compile::view::{NodeView, Refusal};

use super::movement;

/// `alpha * A * B + beta * C`.
pub(super) fn gemm(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let (mut left, mut right) = (node.input(0)?, node.input(1)?);
    if graph.dims(left).len() != 2 || graph.dims(right).len() != 2 {
        return Err("supported: matrices of two dimensions".to_owned());
    }
    if node.flag("transA", false) {
        left = movement::permute(graph, left, &[1, 0])?;
    }
    if node.flag("transB", false) {
        right = movement::permute(graph, right, &[1, 0])?;
    }
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    right = scaled(graph, right, alpha)?;
    let mut result = product(graph, left, right)?;
    if let Some(summand) = node.optional(2) {
        let summand = scaled(graph, summand, beta)?;
        let op = Op::Binary { kind: Combination::Add, activation: Activation::None };
        result = graph.emit(op, &[result, summand])?;
    }
    Ok(vec![result])
}

fn scaled(graph: &mut Builder, value: Value, factor: f32) -> Result<Value, Refusal> {
    if factor.to_bits() == 1.0_f32.to_bits() {
        return Ok(value);
    }
    let factor = graph.scalar(factor);
    graph.emit(
        Op::Binary { kind: Combination::Multiply, activation: Activation::None },
        &[value, factor],
    )
}

/// Vectors are matrices of one row or column, which the result does not have.
pub(super) fn mat_mul(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let (mut left, mut right) = (node.input(0)?, node.input(1)?);
    let row = graph.dims(left).len() == 1;
    let column = graph.dims(right).len() == 1;
    if row {
        let dims = [&[1], graph.dims(left)].concat();
        left = graph.reshape(left, dims)?;
    }
    if column {
        let dims = [graph.dims(right), &[1]].concat();
        right = graph.reshape(right, dims)?;
    }
    let mut result = product(graph, left, right)?;
    if row || column {
        let mut dims = graph.dims(result).to_vec();
        if column {
            dims.pop();
        }
        if row {
            dims.remove(dims.len() - if column { 1 } else { 2 });
        }
        result = graph.reshape(result, dims)?;
    }
    Ok(vec![result])
}

/// A constant matrix on the right makes a layer with weights.
fn product(graph: &mut Builder, left: Value, right: Value) -> Result<Value, Refusal> {
    if graph.known(left).is_none()
        && let Some(linear) = graph.known(right).and_then(|tensor| layer(tensor))
    {
        return graph.emit(Op::Linear(linear), &[left]);
    }
    graph.emit(Op::MatMul, &[left, right])
}

fn layer(tensor: &Tensor) -> Option<Linear> {
    let (outer, &[inner, columns]) = tensor.dims.split_last_chunk()?;
    if outer.iter().any(|&dim| dim != 1) || inner == 0 || columns == 0 {
        return None;
    }
    let weights = tensor.floats()?.to_vec();
    Some(Linear { weights, bias: vec![0.0; columns], inner, activation: Activation::None })
}
