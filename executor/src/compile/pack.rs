//! The weights of all nodes in one range of bytes, in the layout of the target's kernels.

use super::graph::{Graph, Linear, Op};
use crate::artifact::{LANES, Place, Space, TENSOR_ALIGNMENT};

/// The weights of a graph for the `cpu` target.
#[derive(Debug)]
pub(super) struct Packed {
    /// All weights, little-endian.
    pub(super) bytes: Vec<u8>,
    /// Where each node's tensors lie, in the order of the graph's nodes.
    pub(super) nodes: Vec<PackedNode>,
}

/// Where a node's constant tensors lie, in the order in which its kernel reads them.
#[derive(Debug)]
pub(super) struct PackedNode {
    pub(super) places: Vec<Place>,
}

/// Packs the weights of a graph; batch sizes share them.
pub(super) fn pack(graph: &Graph) -> Packed {
    let mut bytes = Vec::new();
    let nodes = graph
        .nodes
        .iter()
        .map(|node| {
            let mut places = Vec::new();
            if let Op::Convolution(convolution) = &node.op {
                places.push(append(&mut bytes, &convolution.weights));
                places.push(append(&mut bytes, &convolution.bias));
            } else if let Op::Linear(linear) = &node.op {
                places.push(append(&mut bytes, &padded_rows(linear)));
                places.push(append(&mut bytes, &linear.bias));
            }
            PackedNode { places }
        })
        .collect();
    Packed { bytes, nodes }
}

fn append(bytes: &mut Vec<u8>, tensor: &[f32]) -> Place {
    bytes.resize(bytes.len().next_multiple_of(TENSOR_ALIGNMENT), 0);
    let offset = bytes.len();
    bytes.extend(tensor.iter().flat_map(|element| element.to_le_bytes()));
    Place { space: Space::Weights, offset }
}

/// The weights with every row padded to a multiple of [`LANES`].
fn padded_rows(linear: &Linear) -> Vec<f32> {
    let columns = linear.bias.len();
    let stride = columns.next_multiple_of(LANES);
    let mut padded = vec![0.0; linear.inner * stride];
    for (to, from) in padded.chunks_exact_mut(stride).zip(linear.weights.chunks_exact(columns)) {
        to[..columns].copy_from_slice(from);
    }
    padded
}
