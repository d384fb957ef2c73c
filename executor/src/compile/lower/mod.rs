//! From the graph to one target's plan for one batch size: shapes are fixed, every operation
//! becomes kernels, every tensor gets its place.
//!
//! # Layout
//!
//! A value has a shape in the model's order of dimensions, whatever its layout. What a step writes
//! is in one of two layouts:
//!
//! * an *image* lies channels last: batch, row, column, channel. From one pixel to the next it is
//!   `pitch` elements, at least as many as it has channels. Convolutions, pools and what works on
//!   elements give images.
//! * everything else is *plain*: row-major in the order of the shape.
//!
//! An operation says which layout it reads: [`Lowering::image`] and [`Lowering::plain`] give a
//! value's tensor in that layout and insert a step that brings it there if nobody has yet. So the
//! layout of a value is whatever its producer made ([`Lowering::new_image`],
//! [`Lowering::new_plain`]), and both exist only where both are read. A value of one channel or one
//! pixel lies the same in both. Operations that only rename dimensions ([`Lowering::alias`]) move
//! nothing: a flattened image stays as it is until somebody wants it plain, and a fully connected
//! layer never does.
//!
//! Inputs are brought in at the plan's begin, in the layouts in which they are read; outputs are
//! brought out at its end. No other step touches io memory.
//!
//! A new operation is a function like those of `image`, `matrix` and `pointwise`, called from
//! [`Lowering::node`].

mod image;
mod layout;
mod matrix;
mod place;
mod pointwise;
mod workspace;

use super::CompileError;
use super::graph::{Graph, Node, Op};
use super::shape::{self, Batch};
use super::weights::Packed;
use crate::artifact::PlanFile;
use layout::Lowering;

/// The plan of a graph for one batch size. The weights that it needs are added to `weights`.
pub(super) fn lower(
    graph: &Graph,
    weights: &mut Packed,
    size: u16,
) -> Result<PlanFile, CompileError> {
    let batch = Batch { size: usize::from(size), declared: graph.declared_batch };
    let shapes = infer(graph, batch)?;
    let mut lowering = Lowering::new(shapes, batch.size, weights);
    lowering.enter(graph.input.value, 0, graph.input.shape.iter().product());
    for (index, node) in graph.nodes.iter().enumerate() {
        lowering.node(index, node).map_err(|reason| refuse(node, reason))?;
    }
    let elements = output_shape(graph)?.iter().product();
    lowering.leave(graph.output.value, 0, elements);
    Ok(lowering.finish(size))
}

/// The shape of one output, without the batch.
pub(super) fn output_shape(graph: &Graph) -> Result<Vec<usize>, CompileError> {
    let mut shapes = infer(graph, Batch { size: 1, declared: graph.declared_batch })?;
    let mut shape = std::mem::take(&mut shapes[graph.output.value]);
    shape.remove(0);
    Ok(shape)
}

/// The shape of every value.
fn infer(graph: &Graph, batch: Batch) -> Result<Vec<Vec<usize>>, CompileError> {
    let mut shapes = vec![Vec::new(); graph.values];
    let mut input = vec![batch.size];
    input.extend(&graph.input.shape);
    shapes[graph.input.value] = input;
    for node in &graph.nodes {
        let inputs: Vec<&[usize]> = node.inputs.iter().map(|&v| shapes[v].as_slice()).collect();
        let shape = shape::infer(&node.op, &inputs, batch).map_err(|r| refuse(node, r))?;
        shapes[node.output] = shape;
    }
    Ok(shapes)
}

impl Lowering<'_> {
    /// Adds the steps of one node; in words why it has none.
    fn node(&mut self, index: usize, node: &Node) -> Result<(), String> {
        match &node.op {
            Op::Convolution(convolution) => self.convolution(index, node, convolution),
            Op::Linear(linear) => self.linear(index, node, linear),
            Op::Pool { frame, reduction } => self.pool(node, Some(frame), *reduction),
            Op::GlobalAverage => self.global_average(node),
            Op::Add { activation } => self.add(node, *activation),
            Op::Relu => self.relu(node),
            Op::Softmax { .. } => self.softmax(node),
            Op::Flatten { .. } | Op::Reshape { .. } | Op::Identity => {
                self.alias(node.inputs[0], node.output);
                Ok(())
            }
            Op::Shift(_) | Op::Normalize { .. } => unreachable!("shape inference refused it"),
        }
    }
}

fn refuse(node: &Node, reason: String) -> CompileError {
    CompileError::Node { node: node.name.clone(), operator: node.operator.clone(), reason }
}
