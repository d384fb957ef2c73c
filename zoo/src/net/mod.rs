//! A network under construction: nodes, weights, and what is known of every value.

mod activate;
mod attend;
mod layer;
mod moments;
mod shape;
mod text;
mod value;
mod weight;
mod window;

use std::cell::RefCell;
use std::collections::BTreeMap;

pub(crate) use activate::Activation;
pub(crate) use layer::int;
pub(crate) use value::Value;
pub(crate) use weight::{Data, Weight};
pub(crate) use window::{Window, k, rect};

use moments::Moments;

/// A finished network.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) name: String,
    /// The input's shape, without the batch.
    pub(crate) input: Vec<usize>,
    /// Whether the input is of integers: tokens.
    pub(crate) tokens: bool,
    /// The output's name and shape, without the batch.
    pub(crate) output: (String, Vec<usize>),
    pub(crate) nodes: Vec<Node>,
    pub(crate) weights: Vec<Weight>,
}

/// An operator at work. Its only output has its name.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) operator: &'static str,
    pub(crate) inputs: Vec<String>,
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
}

/// What an attribute of a node is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Float(f32),
    Integer(i64),
    Integers(Vec<i64>),
}

/// A network under construction. Values point to it, and their methods add to it.
#[derive(Debug)]
pub(crate) struct Net {
    opset: i64,
    parts: RefCell<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    graph: Graph,
    values: Vec<Known>,
    /// How many nodes there are of each operator.
    counts: BTreeMap<&'static str, usize>,
}

/// What is known of a value.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    /// Without the batch.
    shape: Vec<usize>,
    moments: Moments,
}

/// The network that `build` makes.
pub(crate) fn graph(name: &str, opset: i64, build: fn(&Net) -> Value<'_>) -> Graph {
    let net = Net { opset, parts: RefCell::default() };
    let output = build(&net);
    let output = (output.name(), output.shape());
    let mut graph = net.parts.into_inner().graph;
    (graph.name, graph.output) = (name.to_owned(), output);
    graph
}

impl Net {
    /// The input: square images of three channels.
    pub(crate) fn image(&self, side: usize) -> Value<'_> {
        let shape = vec![3, side, side];
        self.parts.borrow_mut().graph.input.clone_from(&shape);
        self.know(Known { name: "input".to_owned(), shape, moments: Moments::NORMAL })
    }

    /// Adds a node; `operator` is what begins its name.
    fn begin<'n>(&'n self, operator: &'static str, inputs: &[Value<'n>]) -> Pending<'n> {
        let mut parts = self.parts.borrow_mut();
        let count = parts.counts.entry(operator).or_default();
        *count += 1;
        let name = format!("{}{count}", operator.to_lowercase());
        drop(parts);
        let inputs = inputs.iter().map(|input| input.name()).collect();
        Pending { net: self, node: Node { name, operator, inputs, attributes: Vec::new() } }
    }

    fn know(&self, known: Known) -> Value<'_> {
        let values = &mut self.parts.borrow_mut().values;
        values.push(known);
        Value { net: self, id: values.len() - 1 }
    }
}

/// A node that still gets weights and attributes.
struct Pending<'n> {
    net: &'n Net,
    node: Node,
}

impl<'n> Pending<'n> {
    /// A constant that is the node's next input.
    fn weight(mut self, part: &str, dims: &[usize], data: Data) -> Self {
        let name = format!("{}.{part}", self.node.name);
        self.node.inputs.push(name.clone());
        let weight = Weight { name, dims: dims.to_vec(), data };
        self.net.parts.borrow_mut().graph.weights.push(weight);
        self
    }

    /// A list of integers that is the node's next input.
    fn integers(self, part: &str, values: &[i64]) -> Self {
        self.weight(part, &[values.len()], Data::Integers(values.to_vec()))
    }

    /// A single integer that is the node's next input.
    fn integer(self, part: &str, value: i64) -> Self {
        self.weight(part, &[], Data::Integers(vec![value]))
    }

    /// A single number that is the node's next input.
    fn scalar(self, part: &str, value: f64) -> Self {
        self.weight(part, &[], Data::Number(value))
    }

    /// A value that is the node's next input.
    fn value(mut self, value: Value<'n>) -> Self {
        self.node.inputs.push(value.name());
        self
    }

    fn set(mut self, name: &'static str, value: Attribute) -> Self {
        self.node.attributes.push((name, value));
        self
    }

    fn ends(self, shape: Vec<usize>, moments: Moments) -> Value<'n> {
        let name = self.node.name.clone();
        self.net.parts.borrow_mut().graph.nodes.push(self.node);
        self.net.know(Known { name, shape, moments })
    }
}

impl Graph {
    pub(crate) fn parameters(&self) -> usize {
        self.weights.iter().filter(|weight| weight.is_trained()).map(Weight::elements).sum()
    }

    pub(crate) fn operators(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for node in &self.nodes {
            *counts.entry(node.operator).or_default() += 1;
        }
        counts
    }

    /// Weights, statistics among them, and operators when every batch normalization behind a convolution
    /// is part of it: then the convolution has a bias, and the normalization's four vectors are gone.
    pub(crate) fn folded(&self) -> (usize, BTreeMap<&'static str, usize>) {
        let random = self.weights.iter().filter(|weight| weight.is_random());
        let mut weights: usize = random.map(Weight::elements).sum();
        let mut operators = self.operators();
        for (producer, norm) in self.foldable() {
            *operators.entry(norm.operator).or_default() -= 1;
            let channels = self.weights.iter().find(|w| w.name == norm.inputs[1]);
            let channels = channels.map_or(0, Weight::elements);
            let had_bias = producer.inputs.len() > 2;
            weights -= if had_bias { 4 * channels } else { 3 * channels };
        }
        operators.retain(|_, count| *count > 0);
        (weights, operators)
    }

    /// The convolutions whose only consumer is a batch normalization, with it.
    fn foldable(&self) -> impl Iterator<Item = (&Node, &Node)> {
        let mut consumers = BTreeMap::<&str, usize>::new();
        for input in self.nodes.iter().flat_map(|node| &node.inputs) {
            *consumers.entry(input).or_default() += 1;
        }
        let convolutions = self.nodes.iter().filter(|node| node.operator == "Conv");
        let convolutions: BTreeMap<&str, &Node> =
            convolutions.map(|node| (node.name.as_str(), node)).collect();
        self.nodes.iter().filter(|node| node.operator == "BatchNormalization").filter_map(
            move |norm| {
                let input = norm.inputs[0].as_str();
                let producer = convolutions.get(input)?;
                (consumers[input] == 1).then_some((*producer, norm))
            },
        )
    }
}
