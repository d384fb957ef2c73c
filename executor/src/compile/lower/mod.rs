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
//! Inputs are brought in at the begin of the part of the plan that reads them, in the layouts in
//! which they are read; outputs are brought out at the plan's end. No other step touches io memory.
//!
//! # Parts
//!
//! How many requests of a batch are computed together is decided per node (`grouping`). Nodes for
//! which it is the same number are a part of the plan, which is repeated until all requests have gone
//! through it; [`Lowering::turn_to`] begins another. Within a part shapes are those of its number of
//! requests; where a value lies for each repetition follows when places are given (`place`). A plan
//! for a GPU has one part.
//!
//! A new operation is a function like those of `image`, `matrix` and `pointwise`, called from
//! [`Lowering::node`].

mod gpu;
mod grouping;
mod held;
mod image;
mod join;
mod layout;
mod matrix;
mod place;
mod pointwise;
mod range;
mod slots;
mod strides;
mod workspace;

use super::CompileError;
use super::graph::{Graph, Node, Op, Port};
use super::weights::Packed;
use crate::artifact::{Element, PlanFile, Target};
use layout::Lowering;

/// The plan of a graph for one target and batch size. The weights that it needs are added to `weights`.
pub(super) fn lower(
    graph: &Graph,
    weights: &mut Packed,
    target: Target,
    size: u16,
) -> Result<PlanFile, CompileError> {
    let mut groups = vec![usize::from(size); graph.nodes.len()];
    if target == Target::Cpu && size > 1 {
        let alone = vec![1; graph.nodes.len()];
        let footprints = grouping::footprints(&lowered(graph, weights, target, (1, &alone))?);
        groups = grouping::groups(&footprints, size.into());
    }
    lower_in_groups(graph, weights, target, (size, &groups))
}

/// The plan for a batch of this size in which so many requests are computed together for each node;
/// each number divides the size.
pub(super) fn lower_in_groups(
    graph: &Graph,
    weights: &mut Packed,
    target: Target,
    (size, groups): (u16, &[usize]),
) -> Result<PlanFile, CompileError> {
    Ok(lowered(graph, weights, target, (size, groups))?.finish(size))
}

/// All steps of that plan.
fn lowered<'a>(
    graph: &'a Graph,
    weights: &'a mut Packed,
    target: Target,
    (size, groups): (u16, &[usize]),
) -> Result<Lowering<'a>, CompileError> {
    let whole = usize::from(size);
    let first = groups.first().copied().unwrap_or(whole);
    let mut lowering = Lowering::new(graph, target, first, weights);
    let words = |port: &Port| {
        let elements: usize = graph.values[port.value].dims.iter().product();
        elements * port.scalar.bytes() / size_of::<f32>()
    };
    let request = graph.inputs.iter().map(words).sum();
    let answer = graph.outputs.iter().map(words).sum();
    let mut offset = 0;
    for port in &graph.inputs {
        lowering.enter(port, offset, request);
        offset += words(port);
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        lowering.turn_to(index, groups[index]);
        lowering.node(index, node).map_err(|reason| refuse(graph, node, reason))?;
    }
    let mut offset = 0;
    for port in &graph.outputs {
        lowering.leave(port.value, offset, answer);
        offset += words(port);
    }
    if let Some(node) = lowering.overflow() {
        let reason = match target.element() {
            Element::F16 => {
                format!("a weight of {node} is beyond 65504, the largest f16; use fp32 or tf32")
            }
            Element::F32 => format!(
                "a weight of {node} becomes NaN or infinite when what is around it is folded into it; its \
                 factors or its bias are too large for float32"
            ),
        };
        return Err(CompileError::Model { model: graph.name.clone(), reason });
    }
    Ok(lowering)
}

impl Lowering<'_> {
    /// Adds the steps of one node; in words why it has none.
    fn node(&mut self, index: usize, node: &Node) -> Result<(), String> {
        match &node.op {
            Op::Convolution(convolution) => self.convolution(index, node, convolution),
            Op::Linear(linear) => self.linear(index, node, linear),
            Op::MatMul => self.mat_mul(node),
            Op::Pool { frame, reduction } => self.pool(node, frame, *reduction),
            Op::Unary(unary) => self.unary(node, *unary),
            Op::Binary { kind, activation } => self.binary(node, *kind, *activation),
            Op::Select => self.select(node),
            Op::Affine(affine) => self.affine(index, node, affine),
            &Op::Reduce { kind, axis, count, .. } => self.reduce(node, kind, (axis, count)),
            &Op::Softmax { axis, count, logarithm } => self.shares(node, (axis, count), logarithm),
            Op::Normalize { axis, epsilon, line } => {
                self.normalize(index, node, (*axis, *epsilon), line.as_ref())
            }
            Op::Reshape { .. } => {
                self.alias(node.inputs[0], node.output);
                Ok(())
            }
            Op::Move(movement) => self.movement(node, movement),
            Op::Gather { axis, indices } => self.gather(node, *axis, indices),
            Op::Lookup => self.lookup(node),
            Op::Concat { axis } => self.concat(node, *axis),
            Op::Pad(pad) => self.border(node, pad),
            Op::Resize(resize) => self.resize(node, resize),
        }
    }
}

fn refuse(graph: &Graph, node: &Node, reason: String) -> CompileError {
    CompileError::Node {
        node: node.name.clone(),
        operator: node.operator.clone(),
        shapes: node.inputs.iter().map(|&value| graph.values[value].dims.clone()).collect(),
        reason,
    }
}
