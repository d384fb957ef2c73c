//! From an ONNX file to the graph: names become values, every operator is interpreted, and what
//! does not depend on the input is computed.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::CompileError;
use super::builder::Builder;
use super::graph::{Graph, Port, Value};
use super::onnx::{DimensionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use super::operator::interpret;
use super::shape::product;
use super::tensor::{Class, Tensor, class};
use super::view::NodeView;

/// The graph of an ONNX model.
pub(super) fn import(onnx: &[u8]) -> Result<Graph, CompileError> {
    let model = ModelProto::decode(onnx).map_err(|error| CompileError::Parse(error.to_string()))?;
    let standard = |domain: &str| matches!(domain, "" | "ai.onnx");
    let opset =
        model.opset_import.iter().find(|set| standard(&set.domain)).ok_or_else(|| {
            CompileError::Parse("it names no version of the operators".to_owned())
        })?;
    let graph = model.graph.ok_or_else(|| CompileError::Parse("it has no graph".to_owned()))?;
    Importer::new(&graph, opset.version).import()
}

struct Importer<'a> {
    proto: &'a GraphProto,
    opset: i64,
    builder: Builder,
    initializers: BTreeMap<&'a str, &'a TensorProto>,
    values: BTreeMap<&'a str, Value>,
}

impl<'a> Importer<'a> {
    fn new(proto: &'a GraphProto, opset: i64) -> Self {
        let initializers =
            proto.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        Self { proto, opset, builder: Builder::default(), initializers, values: BTreeMap::new() }
    }

    fn import(mut self) -> Result<Graph, CompileError> {
        let sparse = self.proto.sparse_initializer.first();
        if let Some(values) = sparse.and_then(|tensor| tensor.values.as_ref()) {
            return Err(self.refuse(format!("constant {} is sparse", values.name)));
        }
        let mut inputs = Vec::new();
        for info in &self.proto.input {
            // Old files list their constants among the inputs.
            if !self.initializers.contains_key(info.name.as_str()) {
                inputs.push(self.feed(info)?);
            }
        }
        for node in live(self.proto) {
            self.add(node)?;
        }
        let outputs = self.proto.output.iter().map(|info| self.output(info));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        if inputs.is_empty() || outputs.is_empty() {
            return Err(self.refuse("it has no input or no output".to_owned()));
        }
        let Builder { values, nodes, .. } = self.builder;
        let name = self.proto.name.clone();
        let mut graph = Graph { name, inputs, outputs, nodes, values };
        graph.prune();
        Ok(graph)
    }

    fn feed(&mut self, info: &'a ValueInfoProto) -> Result<Port, CompileError> {
        let refuse = |reason: String| self.refuse(format!("input {}: {reason}", info.name));
        let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let tensor = tensor.ok_or_else(|| refuse("it is no tensor".to_owned()))?;
        if class(i64::from(tensor.elem_type)) != Some(Class::Float) {
            let reason = format!("element type {}; supported: float32", tensor.elem_type);
            return Err(refuse(reason));
        }
        let shape = tensor.shape.as_ref().ok_or_else(|| refuse("it has no shape".to_owned()))?;
        let size = |(axis, dim): (usize, &DimensionProto)| {
            let fixed = dim.dim_value.and_then(|dim| usize::try_from(dim).ok());
            let open = dim.dim_value.is_none_or(|dim| dim <= 0);
            match fixed.filter(|&dim| dim > 0) {
                Some(dim) => Ok(dim),
                None if axis == 0 && open => Ok(1),
                None => {
                    let name = dim.dim_param.as_deref().unwrap_or("no name");
                    let all = shown(&shape.dim);
                    Err(refuse(format!(
                        "dimension {axis} of {all} has no fixed size ({name}); supported: a free \
                         dimension 0, the batch. Export the model with a fixed size"
                    )))
                }
            }
        };
        let dims = shape.dim.iter().enumerate().map(size).collect::<Result<Vec<_>, _>>()?;
        if product(&dims).is_none_or(|elements| elements > ELEMENTS_MAX) {
            return Err(refuse(format!("shape {dims:?} exceeds 4 GiB")));
        }
        let value = self.builder.feed(dims);
        self.values.insert(&info.name, value);
        Ok(Port { name: info.name.clone(), value })
    }

    fn output(&mut self, info: &'a ValueInfoProto) -> Result<Port, CompileError> {
        let found = self.find(&info.name)?;
        let value =
            found.ok_or_else(|| self.refuse(format!("output {} is not computed", info.name)))?;
        if self.builder.known(value).is_some_and(|tensor| tensor.floats().is_none()) {
            let reason = format!("output {} is of integers; supported: float32", info.name);
            return Err(self.refuse(reason));
        }
        Ok(Port { name: info.name.clone(), value })
    }

    /// The value of a name. A constant is read when it is first asked for.
    fn find(&mut self, name: &'a str) -> Result<Option<Value>, CompileError> {
        if let Some(&value) = self.values.get(name) {
            return Ok(Some(value));
        }
        let Some(proto) = self.initializers.get(name) else { return Ok(None) };
        let tensor = Tensor::read(proto)
            .map_err(|reason| self.refuse(format!("constant {name}: {reason}")))?;
        let value = self.builder.constant(tensor);
        self.values.insert(name, value);
        Ok(Some(value))
    }

    fn add(&mut self, proto: &'a NodeProto) -> Result<(), CompileError> {
        let name = [&proto.name].into_iter().chain(&proto.output).find(|name| !name.is_empty());
        self.builder.name = name.cloned().unwrap_or_default();
        self.builder.operator.clone_from(&proto.op_type);
        let mut inputs = Vec::with_capacity(proto.input.len());
        for name in &proto.input {
            let value = if name.is_empty() { None } else { self.find(name)? };
            if value.is_none() && !name.is_empty() {
                let reason = format!("input {name} is computed by no node before");
                return Err(self.refuse_node(&inputs, reason));
            }
            inputs.push(value);
        }
        if !matches!(proto.domain.as_str(), "" | "ai.onnx") {
            let reason = format!("operators of domain {} are unknown", proto.domain);
            return Err(self.refuse_node(&inputs, reason));
        }
        let view = NodeView::new(proto, &inputs, self.opset);
        let outputs = interpret(&view, &mut self.builder)
            .map_err(|reason| self.refuse_node(&inputs, reason))?;
        // Outputs that are not made are missed where they are used.
        for (name, value) in proto.output.iter().zip(outputs) {
            if name.is_empty() {
                continue;
            }
            let twice = self.values.insert(name, value).is_some();
            if twice || self.initializers.contains_key(name.as_str()) {
                return Err(self.refuse_node(&inputs, format!("{name} is computed twice")));
            }
        }
        Ok(())
    }

    fn refuse(&self, reason: String) -> CompileError {
        CompileError::Model { model: self.proto.name.clone(), reason }
    }

    fn refuse_node(&self, inputs: &[Option<Value>], reason: String) -> CompileError {
        CompileError::Node {
            node: self.builder.name.clone(),
            operator: self.builder.operator.clone(),
            shapes: inputs
                .iter()
                .flatten()
                .map(|&value| self.builder.dims(value).to_vec())
                .collect(),
            reason,
        }
    }
}

/// The nodes from which an output follows, in order.
fn live(graph: &GraphProto) -> Vec<&NodeProto> {
    let mut wanted: BTreeSet<&str> = graph.output.iter().map(|info| info.name.as_str()).collect();
    let mut nodes: Vec<&NodeProto> = Vec::with_capacity(graph.node.len());
    for node in graph.node.iter().rev() {
        if node.output.iter().any(|name| wanted.contains(name.as_str())) {
            wanted.extend(node.input.iter().map(String::as_str).filter(|name| !name.is_empty()));
            nodes.push(node);
        }
    }
    nodes.reverse();
    nodes
}

/// Dimensions as a model writes them.
fn shown(dims: &[DimensionProto]) -> String {
    let name = |dim: &DimensionProto| match (dim.dim_value, &dim.dim_param) {
        (Some(size), _) => size.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => "?".to_owned(),
    };
    format!("[{}]", dims.iter().map(name).collect::<Vec<_>>().join(", "))
}

impl Graph {
    /// Takes out the nodes whose results are not used.
    pub(super) fn prune(&mut self) {
        let mut used: BTreeSet<Value> = self.outputs.iter().map(|port| port.value).collect();
        for node in self.nodes.iter().rev() {
            if used.contains(&node.output) {
                used.extend(&node.inputs);
            }
        }
        self.nodes.retain(|node| used.contains(&node.output));
        // Constants that operations have taken in, and those that nobody reads, need no memory.
        let read: BTreeSet<Value> =
            self.nodes.iter().flat_map(|node| &node.inputs).copied().collect();
        for (value, info) in self.values.iter_mut().enumerate() {
            if !read.contains(&value) && !self.outputs.iter().any(|port| port.value == value) {
                info.constant = None;
            }
        }
    }
}

/// No input has more elements (4 GiB of f32).
const ELEMENTS_MAX: usize = 1 << 30;
