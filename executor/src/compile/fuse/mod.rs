//! Makes one operation of what a kernel does in one pass: a bias, a normalization or an activation
//! becomes a part of the operation before it.

mod ahead;
mod linear;
mod pattern;
mod residual;

use super::graph::{Affine, Convolution, Graph, Info, Linear, Node, Op, Unary, Value};
use crate::artifact::Activation;
use linear::Line;

/// Folds every node that can be a part of its predecessor into it.
pub(super) fn fuse(graph: &mut Graph) {
    pattern::replace(graph);
    ahead::fold(graph);
    let uses = count_uses(graph);
    let mut fused: Vec<Node> = Vec::with_capacity(graph.nodes.len());
    // Which of the fused nodes computes a value.
    let mut makers: Vec<Option<usize>> = vec![None; graph.values.len()];
    for node in graph.nodes.drain(..) {
        let before = computed(&node, &graph.values)
            // Somebody else needs the value in between if it has a second use.
            .filter(|&input| uses[input] == 1)
            .and_then(|input| makers[input]);
        if let Some(index) = before
            && absorb(&mut fused[index], &node, &graph.values)
        {
            fused[index].output = node.output;
            makers[node.output] = Some(index);
        } else {
            makers[node.output] = Some(fused.len());
            fused.push(node);
        }
    }
    graph.nodes = fused;
    residual::attach(graph);
}

/// How often each value is read, outputs included.
pub(super) fn count_uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.values.len()];
    for port in &graph.outputs {
        uses[port.value] += 1;
    }
    for &input in graph.nodes.iter().flat_map(|node| &node.inputs) {
        uses[input] += 1;
    }
    uses
}

/// The one input of a node that is no constant.
fn computed(node: &Node, values: &[Info]) -> Option<Value> {
    let mut inputs = node.inputs.iter().copied().filter(|&input| values[input].constant.is_none());
    inputs.next().filter(|_| inputs.next().is_none())
}

/// Whether a node became a part of the one before it.
fn absorb(before: &mut Node, node: &Node, values: &[Info]) -> bool {
    if let Op::Unary(unary) = node.op {
        return activation(unary).is_some_and(|activation| activate(&mut before.op, activation));
    }
    let dims = &values[before.output].dims;
    if values[node.output].dims != *dims {
        return false;
    }
    let line = |axis: usize| Line::of(node, values, axis);
    let none = Activation::None;
    if let Op::Convolution(convolution) = &mut before.op {
        convolution.activation == none && line(1).is_some_and(|l| l.scale_filters(convolution))
    } else if let Op::Linear(linear) = &mut before.op {
        let last = dims.len() - 1;
        linear.activation == none && line(last).is_some_and(|l| l.scale_columns(linear))
    } else if let Op::Affine(affine) = &mut before.op {
        affine.activation == none && line(1).is_some_and(|l| l.follow(affine))
    } else if let Op::Normalize { axis, line: own, .. } = &mut before.op {
        let columns = dims[*axis];
        *axis + 1 == dims.len() && line(*axis).is_some_and(|l| l.follow_normal(own, columns))
    } else {
        false
    }
}

/// The activation that a kernel can apply while it writes.
pub(super) fn activation(unary: Unary) -> Option<Activation> {
    match unary {
        Unary::Relu => Some(Activation::Relu),
        Unary::Clip { min, max } => Some(Activation::Clip { low: min, high: max }),
        Unary::Sigmoid => Some(Activation::Sigmoid),
        Unary::Silu => Some(Activation::Silu),
        Unary::HardSigmoid { alpha, beta } => {
            Some(Activation::HardSigmoid { slope: alpha, offset: beta })
        }
        Unary::HardSwish => Some(Activation::HardSwish),
        Unary::Abs
        | Unary::Ceil
        | Unary::Cosine
        | Unary::Elu { .. }
        | Unary::Erf
        | Unary::Exp
        | Unary::Floor
        | Unary::Gelu
        | Unary::GeluTanh
        | Unary::LeakyRelu { .. }
        | Unary::Logarithm
        | Unary::Negative
        | Unary::Not
        | Unary::NotZero
        | Unary::Reciprocal
        | Unary::Round
        | Unary::Sign
        | Unary::Sine
        | Unary::Softplus
        | Unary::Sqrt
        | Unary::Tanh => None,
    }
}

fn activate(before: &mut Op, new: Activation) -> bool {
    let (Op::Convolution(Convolution { activation, .. })
    | Op::Linear(Linear { activation, .. })
    | Op::Affine(Affine { activation, .. })
    | Op::Binary { activation, .. }) = before
    else {
        return false;
    };
    let free = *activation == Activation::None;
    if free {
        *activation = new;
    }
    free
}
