//! Makes one operation of what a kernel does in one pass: a bias, a normalization or an activation
//! becomes a part of the operation before it.

use super::graph::{Constant, Convolution, Graph, Linear, Node, Op};
use crate::artifact::Activation;

/// Folds every node that can be a part of its predecessor into it.
pub(super) fn fuse(graph: &mut Graph) {
    let uses = count_uses(graph);
    let mut fused: Vec<Node> = Vec::with_capacity(graph.nodes.len());
    for node in graph.nodes.drain(..) {
        let before = match node.inputs[..] {
            // Somebody else needs the value in between if it has a second use.
            [input] if uses[input] == 1 => fused.iter_mut().find(|other| other.output == input),
            _ => None,
        };
        if let Some(before) = before
            && absorb(&mut before.op, &node.op)
        {
            before.output = node.output;
        } else {
            fused.push(node);
        }
    }
    graph.nodes = fused;
}

fn count_uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.values];
    uses[graph.output.value] += 1;
    for &input in graph.nodes.iter().flat_map(|node| &node.inputs) {
        uses[input] += 1;
    }
    uses
}

/// Whether `op` became a part of `before`.
fn absorb(before: &mut Op, op: &Op) -> bool {
    match (op, before) {
        (Op::Relu, before) => absorb_activation(before),
        (Op::Shift(constant), before) => absorb_shift(before, constant),
        (Op::Normalize { scale, shift }, Op::Convolution(convolution)) => {
            absorb_normalization(convolution, scale, shift)
        }
        _ => false,
    }
}

fn absorb_activation(before: &mut Op) -> bool {
    if let Op::Convolution(Convolution { activation, .. })
    | Op::Linear(Linear { activation, .. })
    | Op::Add { activation } = before
    {
        *activation = Activation::Relu;
        return true;
    }
    false
}

fn absorb_shift(before: &mut Op, constant: &Constant) -> bool {
    let (bias, shift) = if let Op::Convolution(convolution) = before
        && convolution.activation == Activation::None
    {
        let shift = constant.per_channel(convolution.bias.len());
        (&mut convolution.bias, shift)
    } else if let Op::Linear(linear) = before
        && linear.activation == Activation::None
    {
        let shift = constant.per_column(linear.bias.len());
        (&mut linear.bias, shift)
    } else {
        return false;
    };
    let Some(shift) = shift else { return false };
    for (bias, shift) in bias.iter_mut().zip(shift) {
        *bias += shift;
    }
    true
}

fn absorb_normalization(convolution: &mut Convolution, scale: &[f32], shift: &[f32]) -> bool {
    let channels = convolution.bias.len();
    if convolution.activation != Activation::None || scale.len() != channels {
        return false;
    }
    let per_channel = convolution.weights.len() / channels;
    let filters = convolution.weights.chunks_exact_mut(per_channel);
    for ((filter, bias), (scale, shift)) in
        filters.zip(&mut convolution.bias).zip(scale.iter().zip(shift))
    {
        for weight in filter {
            *weight *= scale;
        }
        *bias = *bias * scale + shift;
    }
    true
}
