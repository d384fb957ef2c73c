//! From an ONNX file to the graph: names become values, every operator is interpreted, and what
//! does not depend on the input is computed.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::builder::Builder;
use super::external::Beside;
use super::graph::{Graph, Port, Value};
use super::onnx::{DimensionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use super::operator::interpret;
use super::shape::product;
use super::tensor::{Class, INT32, INT64, Tensor, class};
use super::view::NodeView;
use super::{CompileError, Onnx};
use crate::artifact::Scalar;

/// The graph of an ONNX model, whose file is gone when it is there.
pub(super) fn import(onnx: Onnx) -> Result<Graph, CompileError> {
    let Onnx { bytes, folder } = onnx;
    if bytes.is_empty() {
        return Err(CompileError::Parse("it is empty".to_owned()));
    }
    let model =
        ModelProto::decode(bytes).map_err(|error| CompileError::Parse(error.to_string()))?;
    let standard = |domain: &str| matches!(domain, "" | "ai.onnx");
    let opset =
        model.opset_import.iter().find(|set| standard(&set.domain)).ok_or_else(|| {
            CompileError::Parse("it names no version of the operators".to_owned())
        })?;
    let graph = model.graph.ok_or_else(|| CompileError::Parse("it has no graph".to_owned()))?;
    Importer::new(&graph, opset.version, Beside(folder.as_deref())).import()
}

struct Importer<'a> {
    proto: &'a GraphProto,
    opset: i64,
    builder: Builder,
    initializers: BTreeMap<&'a str, &'a TensorProto>,
    beside: Beside<'a>,
    values: BTreeMap<&'a str, Value>,
    /// How often each name will still be read.
    unread: BTreeMap<&'a str, usize>,
}

impl<'a> Importer<'a> {
    fn new(proto: &'a GraphProto, opset: i64, beside: Beside<'a>) -> Self {
        let initializers =
            proto.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let (builder, values) = (Builder::default(), BTreeMap::new());
        let unread = uses(proto);
        Self { proto, opset, builder, initializers, beside, values, unread }
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
            let known = self.builder.values.len();
            self.add(node)?;
            self.release(node, known);
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
        let scalar = scalar(tensor.elem_type).ok_or_else(|| {
            let (found, all) = (tensor.elem_type, "float32 (1), int32 (6) and int64 (7)");
            refuse(format!("element type {found}; supported: {all}"))
        })?;
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
        let value = self.builder.feed(dims, scalar != Scalar::Float32);
        self.values.insert(&info.name, value);
        Ok(Port { name: info.name.clone(), value, scalar })
    }

    fn output(&mut self, info: &'a ValueInfoProto) -> Result<Port, CompileError> {
        let found = self.find(&info.name)?;
        let value =
            found.ok_or_else(|| self.refuse(format!("output {} is not computed", info.name)))?;
        if self.builder.is_whole(value) {
            let reason = format!("output {} is of integers; supported: float32", info.name);
            return Err(self.refuse(reason));
        }
        Ok(Port { name: info.name.clone(), value, scalar: Scalar::Float32 })
    }

    /// The value of a name. A constant is read when it is first asked for.
    fn find(&mut self, name: &'a str) -> Result<Option<Value>, CompileError> {
        if let Some(&value) = self.values.get(name) {
            return Ok(Some(value));
        }
        let Some(proto) = self.initializers.get(name) else { return Ok(None) };
        let read = || match self.beside.fetch(proto)? {
            Some(fetched) => Tensor::read(&fetched),
            None => Tensor::read(proto),
        };
        let tensor = read().map_err(|reason| self.refuse(format!("constant {name}: {reason}")))?;
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

    /// Lets the constants go that only this node needed, its own among them (all from `known` on): weights are part
    /// of an operation by now, and a large model has no room for them twice.
    fn release(&mut self, node: &'a NodeProto, known: usize) {
        let mut gone: Vec<Value> = (known..self.builder.values.len()).collect();
        for name in &node.input {
            if let Some(unread) = self.unread.get_mut(name.as_str()) {
                *unread -= 1;
                gone.extend(self.values.get(name.as_str()).filter(|_| *unread == 0));
            }
        }
        let awaited = |name: &&str| self.unread.get(name).is_some_and(|&unread| unread > 0);
        let kept = self.values.iter().filter(|(name, _)| awaited(name)).map(|(_, &value)| value);
        let kept: BTreeSet<Value> = kept.collect();
        gone.retain(|value| !kept.contains(value));
        self.builder.forget(&gone);
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

/// What the elements of an input are; none if it is not supported. Floats of other widths are fed as
/// float32.
fn scalar(data_type: i32) -> Option<Scalar> {
    match (data_type, class(i64::from(data_type))) {
        (INT32, _) => Some(Scalar::Int32),
        (INT64, _) => Some(Scalar::Int64),
        (_, Some(Class::Float)) => Some(Scalar::Float32),
        (_, Some(Class::Integer | Class::Boolean) | None) => None,
    }
}

/// How often each name is read by the nodes that count, and by whoever asks for an output.
fn uses(graph: &GraphProto) -> BTreeMap<&str, usize> {
    let mut uses = BTreeMap::new();
    let read = live(graph).into_iter().flat_map(|node| &node.input);
    for name in read.chain(graph.output.iter().map(|info| &info.name)) {
        *uses.entry(name.as_str()).or_default() += 1;
    }
    uses
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
