//! A sum with the result of a convolution becomes a part of the convolution.

use super::count_uses;
use crate::artifact::{Activation, Combination};
use crate::compile::graph::{Graph, Node, Op, Value};

/// Gives convolutions what is added to their results as a second input.
pub(super) fn attach(graph: &mut Graph) {
    let uses = count_uses(graph);
    let mut makers = vec![None; graph.values.len()];
    for index in 0..graph.nodes.len() {
        if let Some((maker, other, activation)) = find(graph, &uses, &makers, index) {
            // The sum comes when both sides are there, so the convolution takes its place.
            let convolution = std::mem::replace(&mut graph.nodes[maker], gone());
            let mut inputs = convolution.inputs;
            inputs.push(other);
            let mut op = convolution.op;
            if let Op::Convolution(filters) = &mut op {
                filters.activation = activation;
            }
            let output = graph.nodes[index].output;
            let Node { name, operator, .. } = convolution;
            graph.nodes[index] = Node { name, operator, op, inputs, output };
        }
        makers[graph.nodes[index].output] = Some(index);
    }
    graph.nodes.retain(|node| !node.inputs.is_empty());
}

/// The convolution whose result a sum takes, the other side, and what is applied to the sum. Of two
/// convolutions the later one.
fn find(
    graph: &Graph,
    uses: &[usize],
    makers: &[Option<usize>],
    index: usize,
) -> Option<(usize, Value, Activation)> {
    let node = &graph.nodes[index];
    let (&Op::Binary { kind: Combination::Add, activation }, &[left, right]) =
        (&node.op, &node.inputs[..])
    else {
        return None;
    };
    let (a, b) = (&graph.values[left], &graph.values[right]);
    let alike = a.dims == b.dims && a.batched == b.batched;
    let computed = a.constant.is_none() && b.constant.is_none();
    if !alike || !computed || left == right {
        return None;
    }
    let candidates = [(left, right), (right, left)].into_iter().filter_map(|(value, other)| {
        let maker = makers[value].filter(|_| uses[value] == 1)?;
        takes_more(&graph.nodes[maker]).then_some((maker, other, activation))
    });
    candidates.max_by_key(|(maker, ..)| *maker)
}

/// Whether a node is a convolution whose kernel can add an image. One that has a filter per channel
/// has a kernel that cannot.
fn takes_more(node: &Node) -> bool {
    let Op::Convolution(filters) = &node.op else { return false };
    let depthwise = filters.channels_per_group == 1 && filters.bias.len() == filters.groups;
    node.inputs.len() == 1 && filters.activation == Activation::None && !depthwise
}

/// In the place of a node that has moved.
fn gone() -> Node {
    let op = Op::Reshape { dims: Vec::new() };
    Node { name: String::new(), operator: String::new(), op, inputs: Vec::new(), output: 0 }
}
