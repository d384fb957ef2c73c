//! From an ONNX file to the graph: names become values, constants are gathered, every operator is
//! interpreted.

use std::collections::BTreeMap;

use prost::Message;

use super::CompileError;
use super::constant::Tensor;
use super::graph::{Graph, Node, Port, Value};
use super::onnx::{FLOAT, GraphProto, ModelProto, NodeProto, ValueInfoProto};
use super::operator::interpret;
use super::view::{Constants, NodeView};

/// The graph of an ONNX model.
pub(super) fn import(onnx: &[u8]) -> Result<Graph, CompileError> {
    let model = ModelProto::decode(onnx).map_err(|error| CompileError::Parse(error.to_string()))?;
    let standard = |domain: &str| matches!(domain, "" | "ai.onnx");
    let opset =
        model.opset_import.iter().find(|set| standard(&set.domain)).ok_or_else(|| {
            CompileError::Parse("it names no version of the operators".to_owned())
        })?;
    let graph = model.graph.ok_or_else(|| CompileError::Parse("it has no graph".to_owned()))?;
    Importer::new(&graph, opset.version)?.import(&graph)
}

struct Importer {
    model: String,
    opset: i64,
    constants: Constants,
    values: BTreeMap<String, Value>,
    nodes: Vec<Node>,
}

impl Importer {
    fn new(graph: &GraphProto, opset: i64) -> Result<Self, CompileError> {
        let mut importer = Self {
            model: graph.name.clone(),
            opset,
            constants: Constants::new(),
            values: BTreeMap::new(),
            nodes: Vec::new(),
        };
        for proto in &graph.initializer {
            let tensor = Tensor::read(proto)
                .map_err(|reason| importer.refuse(format!("constant {}: {reason}", proto.name)))?;
            importer.constants.insert(proto.name.clone(), tensor);
        }
        Ok(importer)
    }

    fn import(mut self, graph: &GraphProto) -> Result<Graph, CompileError> {
        // Old files list their constants among the inputs.
        let fed = graph.input.iter().filter(|info| !self.constants.contains_key(&info.name));
        let input = self.only("input", &fed.collect::<Vec<_>>())?;
        let (declared_batch, shape) = self.input_shape(input)?;
        let input = Port { name: input.name.clone(), value: self.define(&input.name), shape };
        for node in &graph.node {
            self.add(node)?;
        }
        let output = &self.only("output", &graph.output.iter().collect::<Vec<_>>())?.name;
        let value = *self
            .values
            .get(output)
            .ok_or_else(|| self.refuse(format!("output {output} is not computed")))?;
        let output = Port { name: output.clone(), value, shape: Vec::new() };
        let values = self.values.len();
        Ok(Graph { name: self.model, input, output, declared_batch, nodes: self.nodes, values })
    }

    fn add(&mut self, proto: &NodeProto) -> Result<(), CompileError> {
        let view = NodeView::new(proto, &self.constants, self.opset);
        if !matches!(proto.domain.as_str(), "" | "ai.onnx") {
            return Err(view.refuse(format!("operators of domain {} are unknown", proto.domain)));
        }
        let output = proto.output.first().ok_or_else(|| view.refuse("it has no output"))?;
        if self.values.contains_key(output) || self.constants.contains_key(output) {
            return Err(view.refuse(format!("{output} is computed twice")));
        }
        if let Some(folded) = folded(proto, &self.constants).transpose() {
            let tensor = folded.map_err(|reason| view.refuse(reason))?;
            self.constants.insert(output.clone(), tensor);
            return Ok(());
        }
        let (op, names) = interpret(&view)?;
        let inputs = names
            .into_iter()
            .map(|name| {
                let unknown = || view.refuse(format!("input {name} is computed by no node before"));
                self.values.get(name).copied().ok_or_else(unknown)
            })
            .collect::<Result<_, _>>()?;
        let (name, operator) = (view.name().to_owned(), view.operator().to_owned());
        let output = self.define(output);
        self.nodes.push(Node { name, operator, op, inputs, output });
        Ok(())
    }

    fn define(&mut self, name: &str) -> Value {
        let value = self.values.len();
        self.values.insert(name.to_owned(), value);
        value
    }

    fn only<'a>(
        &self,
        what: &str,
        infos: &[&'a ValueInfoProto],
    ) -> Result<&'a ValueInfoProto, CompileError> {
        match *infos {
            [info] => Ok(info),
            _ => Err(self.refuse(format!("{} {what}s; supported: one", infos.len()))),
        }
    }

    /// The declared batch size, if it is fixed, and the input's dimensions without it.
    fn input_shape(
        &self,
        info: &ValueInfoProto,
    ) -> Result<(Option<usize>, Vec<usize>), CompileError> {
        let refuse = |reason: String| self.refuse(format!("input {}: {reason}", info.name));
        let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let tensor = tensor.filter(|tensor| tensor.elem_type == FLOAT);
        let shape = tensor
            .and_then(|tensor| tensor.shape.as_ref())
            .ok_or_else(|| refuse("it must be a tensor of f32 with a shape".to_owned()))?;
        let [batch, rest @ ..] = &shape.dim[..] else {
            return Err(refuse("a scalar; the first dimension must be the batch".to_owned()));
        };
        let fixed = |dim: i64| usize::try_from(dim).ok().filter(|&dim| dim > 0);
        let rest = rest
            .iter()
            .enumerate()
            .map(|(axis, dim)| {
                let dynamic = || refuse(format!("dimension {} has no fixed size", axis + 1));
                dim.dim_value.and_then(fixed).ok_or_else(dynamic)
            })
            .collect::<Result<_, _>>()?;
        Ok((batch.dim_value.and_then(fixed), rest))
    }

    fn refuse(&self, reason: String) -> CompileError {
        CompileError::Model { model: self.model.clone(), reason }
    }
}

/// The node's result if it is a constant.
fn folded(proto: &NodeProto, constants: &Constants) -> Result<Option<Tensor>, String> {
    if proto.op_type == "Constant" {
        let value = proto.attribute.iter().find(|attribute| attribute.name == "value");
        let tensor = value.and_then(|attribute| attribute.t.as_ref());
        return Tensor::read(tensor.ok_or("supported: the attribute value, a tensor")?).map(Some);
    }
    let mut inputs = proto.input.iter().map(|name| constants.get(name));
    match (proto.op_type.as_str(), inputs.next().flatten(), inputs.next().flatten()) {
        ("Identity", Some(tensor), _) => Ok(Some(tensor.clone())),
        ("Reshape", Some(tensor), Some(Tensor::Integers(target))) => {
            tensor.reshaped(target).map(Some)
        }
        _ => Ok(None),
    }
}
