//! Operators that combine many elements: reductions, shares, normalizations, products.

use super::model::Model;

#[test]
fn ranges_are_reduced_over_any_axes() {
    let reduce = |op: &str, axes: &[i64], keep: i64| {
        Model::new(&[0, 2, 2, 2]).node(op, &["x"], "y").ints("axes", axes).int("keepdims", keep)
    };
    let request = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 12.0];
    for keep in [0, 1] {
        for (op, axes, expected) in [
            ("ReduceMean", &[2, 3][..], &[2.5, 7.5][..]),
            ("ReduceMax", &[-1], &[2.0, 4.0, 6.0, 12.0]),
            ("ReduceMin", &[1], &[1.0, 2.0, 3.0, 4.0]),
            ("ReduceMean", &[1, 3], &[3.5, 6.5]),
            ("ReduceL2", &[2], &[3.162_277_7, 4.472_136, 8.602_325, 13.416_408]),
            ("ReduceSumSquare", &[0, 1], &[26.0, 40.0, 58.0, 160.0]),
            ("ReduceMax", &[0, 1, 2, 3], &[12.0]),
        ] {
            reduce(op, axes, keep).gives(&request, expected);
            reduce(op, axes, keep).channels_last().gives(&request, expected);
        }
        let sum = Model::new(&[0, 2, 2, 2])
            .integers("axes", &[1])
            .node("ReduceSum", &["x", "axes"], "y")
            .int("keepdims", keep);
        sum.gives(&request, &[6.0, 8.0, 10.0, 16.0]);
    }
    let global = |op| Model::new(&[0, 2, 2, 2]).node(op, &["x"], "y").channels_last();
    global("GlobalMaxPool").gives(&request, &[4.0, 12.0]);
    global("GlobalAveragePool").gives(&request, &[2.5, 7.5]);
}

#[test]
fn shares_are_taken_along_any_axis() {
    let softmax =
        |op: &str, axis: i64| Model::new(&[0, 2, 1, 2]).node(op, &["x"], "y").int("axis", axis);
    let (zero, three) = (0.0, 3.0_f32.ln());
    let request = [zero, three, three, zero];
    for model in [softmax("Softmax", 1), softmax("Softmax", 1).channels_last()] {
        model.gives(&request, &[0.25, 0.75, 0.75, 0.25]);
    }
    softmax("Softmax", -1).gives(&request, &[0.25, 0.75, 0.75, 0.25]);
    softmax("Softmax", 2).gives(&request, &[1.0; 4]);
    let logs = [0.25_f32.ln(), 0.75_f32.ln(), 0.75_f32.ln(), 0.25_f32.ln()];
    softmax("LogSoftmax", 3).gives(&request, &logs);
    softmax("LogSoftmax", 1).gives(&request, &logs);
    // Before version 13 everything from the axis on is one range.
    let old = softmax("Softmax", 1).opset(11);
    old.gives(&request, &[0.125, 0.375, 0.375, 0.125]);
}

#[test]
fn rows_are_normalized_and_scaled() {
    let layer = Model::new(&[0, 2, 2])
        .floats("scale", &[2], &[1.0, 10.0])
        .floats("shift", &[2], &[0.5, 0.0])
        .node("LayerNormalization", &["x", "scale", "shift"], "y")
        .float("epsilon", 0.0);
    layer.gives(&[1.0, 3.0, 8.0, 4.0], &[-0.5, 10.0, 1.5, -10.0]);
    assert_eq!(layer.steps(), 1);
    let instance = Model::new(&[0, 2, 1, 2])
        .floats("scale", &[2], &[1.0, 10.0])
        .floats("shift", &[2], &[0.5, 0.0])
        .node("InstanceNormalization", &["x", "scale", "shift"], "y")
        .float("epsilon", 0.0);
    instance.gives(&[1.0, 3.0, 8.0, 4.0], &[-0.5, 1.5, 10.0, -10.0]);
    instance.channels_last().gives(&[1.0, 3.0, 8.0, 4.0], &[-0.5, 1.5, 10.0, -10.0]);
    let batch = |shape: &[i64]| {
        Model::new(shape)
            .floats("scale", &[2], &[2.0, 1.0])
            .floats("bias", &[2], &[0.0, 1.0])
            .floats("mean", &[2], &[1.0, 0.0])
            .floats("variance", &[2], &[1.0, 4.0])
            .node("BatchNormalization", &["x", "scale", "bias", "mean", "variance"], "a")
            .float("epsilon", 0.0)
            .node("Relu", &["a"], "y")
    };
    let expected = [0.0, 2.0, 5.0, 0.0];
    batch(&[0, 2, 1, 2]).gives(&[1.0, 2.0, 8.0, -4.0], &expected);
    batch(&[0, 2, 2]).gives(&[1.0, 2.0, 8.0, -4.0], &expected);
    batch(&[0, 2]).gives(&[2.0, 8.0], &[2.0, 5.0]);
    let response = Model::new(&[0, 2, 1, 1])
        .node("LRN", &["x"], "y")
        .int("size", 3)
        .float("alpha", 3.0)
        .float("beta", 1.0);
    response.gives(&[1.0, 2.0], &[1.0 / 6.0, 2.0 / 6.0]);
}

#[test]
fn computed_matrices_are_multiplied() {
    // x times its own transpose.
    let square = Model::new(&[0, 2, 2])
        .node("Transpose", &["x"], "t")
        .ints("perm", &[0, 2, 1])
        .node("MatMul", &["x", "t"], "y");
    square.gives(&[1.0, 2.0, 3.0, 4.0], &[5.0, 11.0, 11.0, 25.0]);
    let left = Model::new(&[0, 2, 1]).floats("m", &[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).node(
        "MatMul",
        &["m", "x"],
        "y",
    );
    left.gives(&[4.0, 5.0], &[4.0, 5.0, 9.0]);
    let stacked = Model::new(&[0, 1, 2])
        .floats("m", &[3, 2, 1], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0])
        .node("MatMul", &["x", "m"], "y");
    stacked.gives(&[4.0, 5.0], &[4.0, 5.0, 9.0]);
    let vector =
        Model::new(&[0, 2, 2]).floats("v", &[2], &[1.0, 10.0]).node("MatMul", &["x", "v"], "y");
    vector.gives(&[1.0, 2.0, 3.0, 4.0], &[21.0, 43.0]);
    let large = Model::new(&[0, 1, 20, 33]).node("Identity", &["x"], "a");
    let large = large.node("Transpose", &["a"], "t").ints("perm", &[0, 1, 3, 2]).node(
        "MatMul",
        &["t", "a"],
        "y",
    );
    let x = super::model::numbers(20 * 33);
    let entry = |i: usize| (0..20).map(|k| x[k * 33 + i / 33] * x[k * 33 + i % 33]).sum();
    large.gives(&x, &(0..33 * 33).map(entry).collect::<Vec<f32>>());
}

#[test]
fn images_are_resized() {
    let resize = |mode: &str, coordinates: &str, rounding: &str, scales: [f32; 2]| {
        Model::new(&[0, 1, 1, 2])
            .floats("s", &[4], &[1.0, 1.0, scales[0], scales[1]])
            .node("Resize", &["x", "", "s"], "y")
            .text("mode", mode)
            .text("coordinate_transformation_mode", coordinates)
            .text("nearest_mode", rounding)
    };
    let request = [0.0, 4.0];
    resize("nearest", "asymmetric", "floor", [1.0, 2.0]).gives(&request, &[0.0, 0.0, 4.0, 4.0]);
    resize("nearest", "asymmetric", "ceil", [1.0, 2.0]).gives(&request, &[0.0, 4.0, 4.0, 4.0]);
    resize("nearest", "asymmetric", "floor", [2.0, 1.0]).gives(&request, &[0.0, 4.0, 0.0, 4.0]);
    resize("linear", "half_pixel", "", [1.0, 2.0]).gives(&request, &[0.0, 1.0, 3.0, 4.0]);
    resize("linear", "asymmetric", "", [1.0, 2.0]).gives(&request, &[0.0, 2.0, 4.0, 4.0]);
    let corners = resize("linear", "align_corners", "", [1.0, 2.0]);
    corners.gives(&request, &[0.0, 4.0 / 3.0, 8.0 / 3.0, 4.0]);
    let sized = Model::new(&[0, 1, 1, 2])
        .integers("sizes", &[1, 1, 2, 4])
        .node("Resize", &["x", "", "", "sizes"], "y")
        .text("coordinate_transformation_mode", "asymmetric")
        .text("nearest_mode", "floor");
    sized.gives(&request, &[0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 4.0, 4.0]);
    let cubic = resize("cubic", "half_pixel", "", [1.0, 2.0]).refusal();
    assert!(cubic.contains("mode cubic; supported: nearest and linear"), "{cubic}");
}

/// A layer normalization as exporters before version 17 write it.
fn written_out(last: impl Fn(Model) -> Model) -> Model {
    let model = Model::new(&[0, 2, 4])
        .floats("two", &[], &[2.0])
        .floats("epsilon", &[1], &[0.5])
        .floats("scale", &[4], &[1.0, 2.0, 3.0, 4.0])
        .floats("shift", &[4], &[0.5, 0.0, -0.5, 1.0])
        .node("ReduceMean", &["x"], "mean")
        .ints("axes", &[-1])
        .node("Sub", &["x", "mean"], "centred")
        .node("Sub", &["x", "mean"], "again")
        .node("Pow", &["again", "two"], "squares")
        .node("ReduceMean", &["squares"], "variance")
        .ints("axes", &[2])
        .node("Add", &["variance", "epsilon"], "shifted")
        .node("Sqrt", &["shifted"], "root");
    last(model).node("Mul", &["normal", "scale"], "scaled").node("Add", &["shift", "scaled"], "y")
}

#[test]
fn a_normalization_that_is_written_out_is_one_kernel() {
    let whole = Model::new(&[0, 2, 4])
        .floats("scale", &[4], &[1.0, 2.0, 3.0, 4.0])
        .floats("shift", &[4], &[0.5, 0.0, -0.5, 1.0])
        .node("LayerNormalization", &["x", "scale", "shift"], "y")
        .float("epsilon", 0.5);
    let input = [1.0, 2.0, 3.0, 4.0, -8.0, 0.5, 0.0, 9.0];
    let expected = whole.answer(&input.repeat(2));
    let quotient = written_out(|model| model.node("Div", &["centred", "root"], "normal"));
    let product = written_out(|model| {
        model.node("Reciprocal", &["root"], "one").node("Mul", &["one", "centred"], "normal")
    });
    for model in [quotient, product] {
        assert_eq!(model.steps(), whole.steps());
        model.gives(&input, &expected[..8]);
    }
    // Of something else it is none: the square is not that of the difference.
    let other = written_out(|model| model.node("Div", &["x", "root"], "normal"));
    assert!(other.steps() > whole.steps());
}
