//! Models for the tests, built node by node.

use clockwork_wire::BatchSize;
use prost::Message;

use crate::artifact::Artifact;
use crate::compile::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::compile::tensor::{FLOAT, INT64};
use crate::compile::{CompileError, Onnx, compile};
use crate::cpu::{Kernels, Memory, run};

/// A model under construction: a chain of nodes from `x` to `y`.
#[derive(Clone, Default)]
pub(super) struct Model {
    shape: Vec<i64>,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<TensorProto>,
    /// The version of the operators; 17 if it is not set.
    opset: Option<i64>,
    /// Outputs before `y`.
    outputs: Vec<String>,
    /// The element type of `x`; float if it is not set.
    kind: Option<i32>,
}

impl Model {
    pub(super) fn new(shape: &[i64]) -> Self {
        Self { shape: shape.to_vec(), ..Self::default() }
    }

    pub(super) fn node(mut self, op: &str, inputs: &[&str], output: &str) -> Self {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.to_owned()],
            op_type: op.to_owned(),
            ..NodeProto::default()
        });
        self
    }

    pub(super) fn opset(mut self, version: i64) -> Self {
        self.opset = Some(version);
        self
    }

    /// Another element type of `x`.
    pub(super) fn of(mut self, kind: i32) -> Self {
        self.kind = Some(kind);
        self
    }

    /// One more output, before `y`.
    pub(super) fn output(mut self, name: &str) -> Self {
        self.outputs.push(name.to_owned());
        self
    }

    /// Gives the last node one more output.
    pub(super) fn and(mut self, output: &str) -> Self {
        self.nodes.last_mut().expect("a node").output.push(output.to_owned());
        self
    }

    /// The same on an image that lies channels last: a convolution that changes nothing makes it.
    pub(super) fn channels_last(mut self) -> Self {
        let channels = usize::try_from(self.shape[1]).expect("channels");
        for name in self.nodes.iter_mut().flat_map(|node| &mut node.input) {
            if name == "x" {
                "image".clone_into(name);
            }
        }
        let unit = |i| if i % (channels + 1) == 0 { 1.0 } else { 0.0 };
        let filters: Vec<f32> = (0..channels * channels).map(unit).collect();
        let dims = [self.shape[1], self.shape[1], 1, 1];
        let mut model = self.floats("unit", &dims, &filters).node("Conv", &["x", "unit"], "image");
        model.nodes.rotate_right(1);
        model
    }

    /// Gives the last node an attribute.
    pub(super) fn with(mut self, attribute: AttributeProto) -> Self {
        self.nodes.last_mut().expect("a node").attribute.push(attribute);
        self
    }

    pub(super) fn ints(self, name: &str, ints: &[i64]) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            ints: ints.to_vec(),
            ..Default::default()
        })
    }

    pub(super) fn int(self, name: &str, i: i64) -> Self {
        self.with(AttributeProto { name: name.to_owned(), i, ..Default::default() })
    }

    pub(super) fn float(self, name: &str, f: f32) -> Self {
        self.with(AttributeProto { name: name.to_owned(), f, ..Default::default() })
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        let s = text.as_bytes().to_vec();
        self.with(AttributeProto { name: name.to_owned(), s, ..Default::default() })
    }

    pub(super) fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.constants.push(TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: FLOAT,
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    pub(super) fn integers(mut self, name: &str, values: &[i64]) -> Self {
        self.constants.push(TensorProto {
            name: name.to_owned(),
            dims: vec![i64::try_from(values.len()).unwrap()],
            data_type: INT64,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let dim = |&dim: &i64| DimensionProto {
            dim_value: (dim > 0).then_some(dim),
            ..DimensionProto::default()
        };
        let shape = TensorShapeProto { dim: self.shape.iter().map(dim).collect() };
        let tensor = TensorTypeProto { elem_type: self.kind.unwrap_or(FLOAT), shape: Some(shape) };
        let kind = TypeProto { tensor_type: Some(tensor) };
        let outputs = self.outputs.iter().cloned().chain(["y".to_owned()]);
        let graph = GraphProto {
            name: "test".to_owned(),
            node: self.nodes.clone(),
            initializer: self.constants.clone(),
            input: vec![ValueInfoProto { name: "x".to_owned(), r#type: Some(kind) }],
            output: outputs.map(|name| ValueInfoProto { name, r#type: None }).collect(),
            ..GraphProto::default()
        };
        let opset = OperatorSetIdProto {
            version: self.opset.unwrap_or(17),
            ..OperatorSetIdProto::default()
        };
        ModelProto { graph: Some(graph), opset_import: vec![opset] }.encode_to_vec()
    }

    pub(super) fn onnx(&self) -> Onnx {
        Onnx { bytes: self.bytes().into(), folder: None }
    }

    /// The output for a batch of two.
    pub(super) fn answer(&self, input: &[f32]) -> Vec<f32> {
        self.run(Kernels::detect(), 2, input)
    }

    /// The output for a batch of one or two.
    pub(super) fn run(&self, kernels: Kernels, batch: u16, input: &[f32]) -> Vec<f32> {
        let [one, two, batch] = [1, 2, batch].map(|size| BatchSize::new(size).unwrap());
        let artifact = compile(&self.bytes(), &[one, two]).unwrap();
        let plan = artifact.cpu().plan(batch).unwrap();
        let sizes = plan.sizes();
        assert_eq!(input.len(), sizes.input);
        let weights = artifact.cpu().weights.bytes().expect("they are in memory");
        let weights = weights.as_chunks().0;
        let weights: Vec<f32> = weights.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let mut output = vec![f32::NAN; sizes.output];
        let mut workspace = vec![f32::NAN; sizes.workspace];
        let (output_memory, workspace) = (&mut output[..], &mut workspace[..]);
        let memory = Memory { input, output: output_memory, workspace, weights: &weights };
        run(&kernels, plan, memory);
        output
    }

    /// Asserts the answer to one request, for two at once.
    pub(super) fn gives(&self, request: &[f32], expected: &[f32]) {
        let answer = self.answer(&request.repeat(2));
        let expected = expected.repeat(2);
        assert_eq!(answer.len(), expected.len(), "{:?}", self.nodes);
        let near = |(a, e): (&f32, &f32)| (a - e).abs() <= 2e-6 * e.abs().max(1.0);
        let same = answer.iter().zip(&expected).all(near);
        assert!(same, "{:?}\nis       {answer:?}\nexpected {expected:?}", self.nodes);
    }

    pub(super) fn compiled(&self) -> Result<Artifact, CompileError> {
        compile(&self.bytes(), &[BatchSize::ONE])
    }

    pub(super) fn refusal(&self) -> String {
        let error: CompileError = compile(&self.bytes(), &[BatchSize::ONE]).unwrap_err();
        error.to_string()
    }

    /// How many kernels it takes, besides those that only move data.
    pub(super) fn steps(&self) -> usize {
        let artifact = compile(&self.bytes(), &[BatchSize::ONE]).unwrap();
        artifact.cpu().plans[0].steps().iter().filter(|step| !step.kernel.moves()).count()
    }
}

/// Small whole numbers, so that sums are exact.
pub(super) fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| f32::from(u8::try_from(i * 7 % 11).unwrap()) - 5.0).collect()
}
