//! A normalization before a convolution becomes a part of its filters.

use super::count_uses;
use crate::artifact::Activation;
use crate::compile::graph::{Affine, Convolution, Graph, Op, Padding};

/// Folds factors and summands of channels into the one convolution that reads them.
pub(super) fn fold(graph: &mut Graph) {
    let uses = count_uses(graph);
    let mut makers = vec![None; graph.values.len()];
    let mut folded = false;
    for index in 0..graph.nodes.len() {
        makers[graph.nodes[index].output] = Some(index);
        let Op::Convolution(_) = graph.nodes[index].op else { continue };
        let input = graph.nodes[index].inputs[0];
        let Some(maker) = makers[input].filter(|_| uses[input] == 1) else { continue };
        let Op::Affine(affine) = graph.nodes[maker].op.clone() else { continue };
        let source = graph.nodes[maker].inputs[0];
        let node = &mut graph.nodes[index];
        if let Op::Convolution(filters) = &mut node.op
            && affine.activation == Activation::None
            && passes(&affine, filters)
        {
            take_in(filters, &affine);
            node.inputs[0] = source;
            folded = true;
        }
    }
    if folded {
        graph.prune();
    }
}

/// Whether a border of zeros is the same before and behind the normalization.
fn passes(affine: &Affine, filters: &Convolution) -> bool {
    let channels = filters.channels_per_group * filters.groups == affine.scale.len();
    let borderless = match &filters.frame.padding {
        Padding::Explicit { begin, end } => begin.iter().chain(end).all(|&border| border == 0),
        Padding::SameUpper | Padding::SameLower => filters.frame.kernel == [1, 1],
    };
    channels && (borderless || affine.shift.iter().all(|&shift| shift == 0.0))
}

fn take_in(filters: &mut Convolution, affine: &Affine) {
    let taps: usize = filters.frame.kernel.iter().product();
    let per_group = filters.channels_per_group;
    let filters_per_group = filters.bias.len() / filters.groups;
    let each = filters.weights.chunks_exact_mut(per_group * taps).zip(&mut filters.bias);
    for (index, (filter, bias)) in each.enumerate() {
        let first = index / filters_per_group * per_group;
        for (channel, weights) in filter.chunks_exact_mut(taps).enumerate() {
            let (scale, shift) = (affine.scale[first + channel], affine.shift[first + channel]);
            *bias += weights.iter().sum::<f32>() * shift;
            for weight in weights {
                *weight *= scale;
            }
        }
    }
}
