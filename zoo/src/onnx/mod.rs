//! The ONNX file of a graph. Its weights are made while it is written, so that a model of any size
//! takes little memory; their lengths are known before, as the format wants.

mod proto;

use std::io::{self, Write};

use crate::net::{Attribute, Data, Graph, Node, Weight, int};
use proto::Message;

/// A file that can be written.
#[derive(Debug)]
pub(crate) struct File<'g> {
    graph: &'g Graph,
    /// Everything before the weights.
    head: Vec<u8>,
    /// What goes before each weight's data.
    heads: Vec<Message>,
    /// Everything behind the weights.
    tail: Message,
}

impl<'g> File<'g> {
    pub(crate) fn of(graph: &'g Graph, opset: i64) -> Self {
        let nodes = graph.nodes.iter().map(node);
        let begin = nodes.fold(Message::default(), |graph, node| graph.message(1, &node));
        let begin = begin.string(2, &graph.name);
        let heads: Vec<_> = graph.weights.iter().map(head).collect();
        let tail = Message::default()
            .message(11, &value("input", &graph.input, if graph.tokens { INT64 } else { FLOAT }))
            .message(12, &value(&graph.output.0, &graph.output.1, FLOAT));
        let weights: usize =
            heads.iter().zip(&graph.weights).map(|(h, w)| h.encoded().len() + w.bytes()).sum();
        let len = begin.encoded().len() + weights + tail.encoded().len();
        let operators = Message::default().string(1, "").integer(2, opset);
        let model = Message::default()
            .integer(1, if opset > 18 { 9 } else { 8 })
            .string(2, "clockwork zoo")
            .message(8, &operators)
            .announce(7, len);
        Self { graph, head: [model.encoded(), begin.encoded()].concat(), heads, tail }
    }

    pub(crate) fn bytes(&self) -> u64 {
        let heads: usize = self.heads.iter().map(|head| head.encoded().len()).sum();
        let data: usize = self.graph.weights.iter().map(Weight::bytes).sum();
        let len = self.head.len() + heads + data + self.tail.encoded().len();
        u64::try_from(len).expect("a length fits 64 bits")
    }

    pub(crate) fn write(&self, seed: u64, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        for (index, (head, weight)) in (0..).zip(self.heads.iter().zip(&self.graph.weights)) {
            out.write_all(head.encoded())?;
            weight.data.write(weight.elements(), (seed, index), out)?;
        }
        out.write_all(self.tail.encoded())
    }
}

/// A tensor up to its data.
fn head(weight: &Weight) -> Message {
    let kind = match weight.data {
        Data::Random { .. } | Data::Number(_) => FLOAT,
        Data::Integers(_) => INT64,
    };
    let dims =
        weight.dims.iter().fold(Message::default(), |tensor, &dim| tensor.integer(1, int(dim)));
    let tensor = dims.integer(2, kind).string(8, &weight.name).announce(9, weight.bytes());
    let len = tensor.encoded().len() + weight.bytes();
    let mut field = Message::default().announce(5, len);
    field.append(&tensor);
    field
}

fn node(node: &Node) -> Message {
    let message = node.inputs.iter().fold(Message::default(), |m, name| m.string(1, name));
    let message = message.string(2, &node.name).string(3, &node.name).string(4, node.operator);
    node.attributes.iter().fold(message, |m, (name, value)| m.message(5, &attribute(name, value)))
}

fn attribute(name: &str, value: &Attribute) -> Message {
    let message = Message::default().string(1, name);
    match value {
        Attribute::Float(value) => message.float(2, *value).integer(20, 1),
        Attribute::Integer(value) => message.integer(3, *value).integer(20, 2),
        Attribute::Integers(values) => {
            values.iter().fold(message, |m, &value| m.integer(8, value)).integer(20, 7)
        }
    }
}

/// An input or output of elements of this type and of any batch size.
fn value(name: &str, shape: &[usize], kind: i64) -> Message {
    let batch = Message::default().string(2, "batch");
    let dims = shape.iter().map(|&dim| Message::default().integer(1, int(dim)));
    let shape = dims.fold(Message::default().message(1, &batch), |m, dim| m.message(1, &dim));
    let tensor = Message::default().integer(1, kind).message(2, &shape);
    Message::default().string(1, name).message(2, &Message::default().message(1, &tensor))
}

/// `TensorProto.DataType.FLOAT`.
const FLOAT: i64 = 1;
/// `TensorProto.DataType.INT64`.
const INT64: i64 = 7;
