//! Each operator, compiled and run, against its definition written down as plainly as possible.

use clockwork_wire::BatchSize;
use prost::Message;

use super::onnx::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use super::tensor::{FLOAT, INT64};
use super::{CompileError, compile};
use crate::cpu::{Kernels, Memory, run};

/// A model under construction: a chain of nodes from `x` to `y`.
#[derive(Clone, Default)]
struct Model {
    shape: Vec<i64>,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Model {
    fn new(shape: &[i64]) -> Self {
        Self { shape: shape.to_vec(), ..Self::default() }
    }

    fn node(mut self, op: &str, inputs: &[&str], output: &str) -> Self {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.to_owned()],
            op_type: op.to_owned(),
            ..NodeProto::default()
        });
        self
    }

    /// Gives the last node an attribute.
    fn with(mut self, attribute: AttributeProto) -> Self {
        self.nodes.last_mut().expect("a node").attribute.push(attribute);
        self
    }

    fn ints(self, name: &str, ints: &[i64]) -> Self {
        self.with(AttributeProto {
            name: name.to_owned(),
            ints: ints.to_vec(),
            ..Default::default()
        })
    }

    fn int(self, name: &str, i: i64) -> Self {
        self.with(AttributeProto { name: name.to_owned(), i, ..Default::default() })
    }

    fn text(self, name: &str, text: &str) -> Self {
        let s = text.as_bytes().to_vec();
        self.with(AttributeProto { name: name.to_owned(), s, ..Default::default() })
    }

    fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.constants.push(TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: FLOAT,
            float_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    fn integers(mut self, name: &str, values: &[i64]) -> Self {
        self.constants.push(TensorProto {
            name: name.to_owned(),
            dims: vec![i64::try_from(values.len()).unwrap()],
            data_type: INT64,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let dim = |&dim: &i64| DimensionProto {
            dim_value: (dim > 0).then_some(dim),
            ..DimensionProto::default()
        };
        let shape = TensorShapeProto { dim: self.shape.iter().map(dim).collect() };
        let tensor = TensorTypeProto { elem_type: FLOAT, shape: Some(shape) };
        let kind = TypeProto { tensor_type: Some(tensor) };
        let graph = GraphProto {
            name: "test".to_owned(),
            node: self.nodes.clone(),
            initializer: self.constants.clone(),
            input: vec![ValueInfoProto { name: "x".to_owned(), r#type: Some(kind) }],
            output: vec![ValueInfoProto { name: "y".to_owned(), r#type: None }],
            ..GraphProto::default()
        };
        let opset = OperatorSetIdProto { version: 17, ..OperatorSetIdProto::default() };
        ModelProto { graph: Some(graph), opset_import: vec![opset] }.encode_to_vec()
    }

    /// The output for a batch of two.
    fn answer(&self, input: &[f32]) -> Vec<f32> {
        let two = BatchSize::new(2).unwrap();
        let artifact = compile(&self.bytes(), &[BatchSize::ONE, two]).unwrap();
        let plan = artifact.cpu().plan(two).unwrap();
        let sizes = plan.sizes();
        assert_eq!(input.len(), sizes.input);
        let weights = artifact.cpu().weights.bytes().expect("they are in memory");
        let weights = weights.as_chunks().0;
        let weights: Vec<f32> = weights.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let mut output = vec![f32::NAN; sizes.output];
        let mut workspace = vec![f32::NAN; sizes.workspace];
        let (output_memory, workspace) = (&mut output[..], &mut workspace[..]);
        let memory = Memory { input, output: output_memory, workspace, weights: &weights };
        run(&Kernels::detect(), plan, memory);
        output
    }

    fn refusal(&self) -> String {
        let error: CompileError = compile(&self.bytes(), &[BatchSize::ONE]).unwrap_err();
        error.to_string()
    }

    /// How many kernels it takes, besides those that only move data.
    fn steps(&self) -> usize {
        let artifact = compile(&self.bytes(), &[BatchSize::ONE]).unwrap();
        artifact.cpu().plans[0].steps().iter().filter(|step| !step.kernel.moves()).count()
    }
}

/// Small whole numbers, so that sums are exact.
fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| f32::from(u8::try_from(i * 7 % 11).unwrap()) - 5.0).collect()
}

/// A window in one dimension as plain signed numbers: size, kernel, stride, dilation, padding.
#[derive(Clone, Copy)]
struct Axis {
    size: i64,
    kernel: i64,
    stride: i64,
    dilation: i64,
    begin: i64,
    end: i64,
}

impl Axis {
    fn outputs(self) -> i64 {
        let reach = (self.kernel - 1) * self.dilation + 1;
        (self.size + self.begin + self.end - reach) / self.stride + 1
    }

    /// The pixels that an output sees, with the tap through which it sees each.
    fn taps(self, output: i64) -> impl Iterator<Item = (i64, i64)> + Clone {
        let pixel = move |tap| (tap, output * self.stride + tap * self.dilation - self.begin);
        (0..self.kernel).map(pixel).filter(move |&(_, pixel)| (0..self.size).contains(&pixel))
    }
}

fn at(index: i64) -> usize {
    usize::try_from(index).unwrap()
}

/// Convolution by its definition, for two images.
fn convolution(y: Axis, x: Axis, channels: [i64; 3], input: &[f32], weights: &[f32]) -> Vec<f32> {
    let [channels_in, channels_out, groups] = channels;
    let (per_group, filters) = (channels_in / groups, channels_out / groups);
    let mut output = Vec::new();
    for (image, filter) in (0..2).flat_map(|n| (0..channels_out).map(move |filter| (n, filter))) {
        for (row, column) in (0..y.outputs()).flat_map(|r| (0..x.outputs()).map(move |c| (r, c))) {
            let mut sum = 0.0;
            for channel in 0..per_group {
                let plane = image * channels_in + filter / filters * per_group + channel;
                for (ty, py) in y.taps(row) {
                    for (tx, px) in x.taps(column) {
                        let weight = (filter * per_group + channel) * y.kernel + ty;
                        sum += weights[at(weight * x.kernel + tx)]
                            * input[at((plane * y.size + py) * x.size + px)];
                    }
                }
            }
            output.push(sum);
        }
    }
    output
}

fn check_convolution(y: Axis, x: Axis, channels: [i64; 3]) {
    let [channels_in, channels_out, groups] = channels;
    let dims = [channels_out, channels_in / groups, y.kernel, x.kernel];
    let weights = numbers(at(dims.iter().product()));
    let input = numbers(at(2 * channels_in * y.size * x.size));
    let model = Model::new(&[0, channels_in, y.size, x.size])
        .floats("w", &dims, &weights)
        .node("Conv", &["x", "w"], "y")
        .int("group", groups)
        .ints("strides", &[y.stride, x.stride])
        .ints("dilations", &[y.dilation, x.dilation])
        .ints("pads", &[y.begin, x.begin, y.end, x.end]);
    let expected = convolution(y, x, channels, &input, &weights);
    assert_eq!(model.answer(&input), expected);
}

#[test]
fn convolutions_of_many_shapes_equal_their_definition() {
    let axis = |size, kernel, stride, dilation, begin, end| Axis {
        size,
        kernel,
        stride,
        dilation,
        begin,
        end,
    };
    let axes = [
        axis(7, 3, 1, 1, 1, 1),
        axis(8, 3, 2, 1, 0, 1),
        axis(9, 2, 3, 2, 1, 0),
        axis(4, 1, 1, 1, 0, 0),
        axis(5, 5, 1, 1, 2, 2),
        axis(6, 1, 2, 1, 0, 0),
    ];
    for y in axes {
        for x in axes {
            for channels in [[1, 1, 1], [3, 5, 1], [4, 6, 2], [3, 3, 3], [20, 17, 1]] {
                check_convolution(y, x, channels);
            }
        }
    }
}

#[test]
fn same_padding_puts_an_odd_rest_where_its_name_says() {
    let input = numbers(2 * 6);
    for (auto_pad, begin, end) in [("SAME_UPPER", 0, 1), ("SAME_LOWER", 1, 0)] {
        let model = |base: Model| base.floats("w", &[1, 1, 1, 2], &[1.0, 10.0]);
        let named = model(Model::new(&[0, 1, 1, 6]))
            .node("Conv", &["x", "w"], "y")
            .text("auto_pad", auto_pad);
        let explicit = model(Model::new(&[0, 1, 1, 6]))
            .node("Conv", &["x", "w"], "y")
            .ints("pads", &[0, begin, 0, end]);
        assert_eq!(named.answer(&input), explicit.answer(&input), "{auto_pad}");
    }
}

fn pool(op: &str, attributes: fn(Model) -> Model) -> Vec<f32> {
    let base = Model::new(&[0, 1, 1, 5]).node(op, &["x"], "y").ints("kernel_shape", &[1, 3]);
    // Two images: 1 2 3 4 5 and -1 -2 -3 -4 -5.
    attributes(base).answer(&[1.0, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0, -3.0, -4.0, -5.0])
}

#[test]
fn pools_take_what_lies_in_the_image() {
    let strided = |model: Model| model.ints("strides", &[1, 2]);
    assert_eq!(pool("MaxPool", strided), [3.0, 5.0, -1.0, -3.0]);
    assert_eq!(pool("AveragePool", strided), [2.0, 4.0, -2.0, -4.0]);
    let padded = |model: Model| model.ints("strides", &[1, 3]).ints("pads", &[0, 1, 0, 0]);
    assert_eq!(pool("MaxPool", padded), [2.0, 5.0, -1.0, -3.0]);
    assert_eq!(pool("AveragePool", padded), [1.5, 4.0, -1.5, -4.0]);
    let counted = |model: Model| {
        model.ints("strides", &[1, 3]).ints("pads", &[0, 1, 0, 0]).int("count_include_pad", 1)
    };
    assert_eq!(pool("AveragePool", counted), [1.0, 4.0, -1.0, -4.0]);
    let ceil = |model: Model| model.ints("strides", &[1, 3]).int("ceil_mode", 1);
    assert_eq!(pool("MaxPool", ceil), [3.0, 5.0, -1.0, -4.0]);
    assert_eq!(pool("AveragePool", ceil), [2.0, 4.5, -2.0, -4.5]);
    let whole = Model::new(&[0, 2, 1, 2]).node("GlobalAveragePool", &["x"], "y");
    assert_eq!(whole.answer(&[1.0, 3.0, 5.0, 9.0, 0.0, 0.0, -2.0, 4.0]), [2.0, 7.0, 0.0, 1.0]);
}

#[test]
fn normalization_shift_and_activation_become_a_part_of_the_convolution() {
    let model = Model::new(&[0, 1, 1, 3])
        .floats("w", &[2, 1, 1, 1], &[1.0, -1.0])
        .floats("scale", &[2], &[2.0, 4.0])
        .floats("bias", &[2], &[0.5, 0.0])
        .floats("mean", &[2], &[1.0, 0.0])
        .floats("variance", &[2], &[4.0, 16.0])
        .floats("shift", &[2, 1, 1], &[0.0, 2.0])
        .node("Conv", &["x", "w"], "a")
        .node("BatchNormalization", &["a", "scale", "bias", "mean", "variance"], "b")
        .with(AttributeProto { name: "epsilon".to_owned(), ..AttributeProto::default() })
        .node("Add", &["shift", "b"], "c")
        .node("Relu", &["c"], "y");
    // Channel 0: (x - 1) * 2 / 2 + 0.5; channel 1: -x * 4 / 4 + 2; nothing below zero.
    let expected = [0.5, 1.5, 2.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 4.0];
    assert_eq!(model.answer(&[1.0, 2.0, 3.0, 0.0, -1.0, -2.0]), expected);
    assert_eq!(model.steps(), 1);
}

#[test]
fn a_value_with_a_second_use_is_computed_by_itself() {
    let model = Model::new(&[0, 1, 1, 2])
        .floats("w", &[1, 1, 1, 1], &[-1.0])
        .node("Conv", &["x", "w"], "a")
        .node("Relu", &["a"], "b")
        .node("Add", &["a", "b"], "c")
        .node("Relu", &["c"], "y");
    assert_eq!(model.answer(&[1.0, -2.0, 3.0, -4.0]), [0.0, 4.0, 0.0, 8.0]);
    assert_eq!(model.steps(), 3, "the second activation is a part of the sum");
}

#[test]
fn matrices_are_transposed_scaled_and_shifted_as_their_attributes_say() {
    let float = |name: &str, f| AttributeProto { name: name.to_owned(), f, ..Default::default() };
    let model = Model::new(&[0, 3])
        .floats("w", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .floats("c", &[1, 2], &[10.0, 20.0])
        .node("Gemm", &["x", "w", "c"], "y")
        .int("transB", 1)
        .with(float("alpha", 2.0))
        .with(float("beta", 0.5));
    assert_eq!(model.answer(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]), [13.0, 30.0, 9.0, 20.0]);
    let model = Model::new(&[0, 2])
        .floats("w", &[2, 1], &[3.0, 4.0])
        .floats("c", &[1], &[1.0])
        .node("MatMul", &["x", "w"], "a")
        .node("Add", &["a", "c"], "y");
    assert_eq!(model.answer(&[1.0, 2.0, 5.0, 0.0]), [12.0, 16.0]);
    assert_eq!(model.steps(), 1);
}

#[test]
fn softmax_gives_shares_of_each_row_however_large_its_elements() {
    let model = Model::new(&[0, 2]).node("Softmax", &["x"], "y");
    let output = model.answer(&[1000.0, 1000.0, -3.0_f32.ln(), 0.0]);
    for (share, expected) in output.iter().zip([0.5, 0.5, 0.25, 0.75]) {
        assert!((share - expected).abs() < 1e-6, "{output:?}");
    }
}

#[test]
fn a_model_that_only_renames_dimensions_copies_its_input() {
    let model = Model::new(&[1, 2, 1, 3])
        .integers("shape", &[1, -1])
        .node("Identity", &["x"], "a")
        .node("Reshape", &["a", "shape"], "y");
    let input = numbers(12);
    assert_eq!(model.answer(&input), input);
}

#[test]
fn what_is_not_supported_is_named_with_its_node() {
    let image = || Model::new(&[0, 2, 4, 4]);
    let cases = [
        (image().node("Frobnicate", &["x"], "y"), "node y (Frobnicate): unknown operator"),
        (image().node("Flatten", &["x"], "y").int("axis", 5), "axis 5; it has 4 dimensions"),
        (image().node("MaxPool", &["x"], "y").ints("kernel_shape", &[9, 9]), "does not fit"),
        (image().node("MaxPool", &["x"], "y"), "kernel_shape []; supported: two dimensions"),
        (image().node("Relu", &["z"], "y"), "input z is computed by no node before"),
        (image().node("Conv", &["x", "x"], "y"), "input 1, the weights, (shape [1, 2, 4, 4])"),
        (
            image().floats("c", &[3], &[0.0; 3]).node("Add", &["x", "c"], "y"),
            "node y (Add): [1, 2, 4, 4] and [3] cannot be broadcast to one shape",
        ),
        (
            image().integers("s", &[-1, 17]).node("Reshape", &["x", "s"], "y"),
            "[1, 2, 4, 4] cannot become [-1, 17]",
        ),
        (image().node("Reshape", &["x", "x"], "y"), "the shape is computed from the input's"),
        (
            image().floats("w", &[1, 3, 1, 1], &[0.0; 3]).node("Conv", &["x", "w"], "y"),
            "2 channels; its weights are for 3 (inputs of shape [[1, 2, 4, 4], [1, 3, 1, 1]])",
        ),
        (
            image().floats("w", &[1], &[f32::NAN]).node("Add", &["x", "w"], "y"),
            "constant w: element 0 of [1] is NaN",
        ),
        (Model::new(&[0, 0, 4]).node("Relu", &["x"], "y"), "dimension 1 of [?, ?, 4] has no fixed"),
        (image().node("Relu", &["x"], "z"), "output y is not computed"),
    ];
    for (model, expected) in cases {
        let refusal = model.refusal();
        assert!(refusal.contains(expected), "{refusal}");
    }
}
