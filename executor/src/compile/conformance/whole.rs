//! Several operators at once: what becomes one step, and what is refused.

use super::model::{Model, numbers};
use crate::compile::onnx::AttributeProto;

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
fn a_normalization_before_a_convolution_becomes_a_part_of_it() {
    let model = |padding: i64| {
        Model::new(&[0, 2, 1, 2])
            .floats("scale", &[2], &[2.0, 3.0])
            .floats("bias", &[2], &[1.0, 0.0])
            .floats("mean", &[2], &[0.0, 1.0])
            .floats("variance", &[2], &[1.0, 1.0])
            .floats("w", &[2, 1, 1, 2], &[1.0, 10.0, 2.0, 20.0])
            .node("BatchNormalization", &["x", "scale", "bias", "mean", "variance"], "a")
            .float("epsilon", 0.0)
            .node("Conv", &["a", "w"], "y")
            .int("group", 2)
            .ints("pads", &[0, 0, 0, padding])
    };
    // The channels become 3, 5 and 0, 3.
    model(0).gives(&[1.0, 2.0, 1.0, 2.0], &[53.0, 60.0]);
    assert_eq!(model(0).steps(), 1);
    model(1).gives(&[1.0, 2.0, 1.0, 2.0], &[53.0, 5.0, 60.0, 6.0]);
    assert_eq!(model(1).steps(), 2, "the border is zero behind the normalization");
}

#[test]
fn a_sum_with_the_result_of_a_convolution_is_a_part_of_it() {
    let block = Model::new(&[0, 2, 1, 2])
        .floats("w", &[2, 2, 1, 1], &[0.0, 1.0, 1.0, 0.0])
        .floats("v", &[2, 2, 1, 1], &[2.0, 0.0, 0.0, 2.0])
        .node("Conv", &["x", "v"], "skip")
        .node("Conv", &["x", "w"], "a")
        .node("Add", &["skip", "a"], "b")
        .node("Relu", &["b"], "c")
        .node("Conv", &["c", "w"], "d")
        .node("Add", &["d", "c"], "y");
    // Twice x and its channels swapped, not below zero; then that and its channels swapped.
    let expected = [1.0, 3.0, 1.0, 3.0];
    block.gives(&[1.0, 2.0, -1.0, -1.0], &expected);
    assert_eq!(block.steps(), 3);
    let twice = Model::new(&[0, 1, 1, 2])
        .floats("w", &[1, 1, 1, 1], &[3.0])
        .node("Conv", &["x", "w"], "a")
        .node("Add", &["a", "a"], "y");
    twice.gives(&[1.0, 2.0], &[6.0, 12.0]);
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
