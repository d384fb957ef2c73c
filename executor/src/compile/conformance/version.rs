//! Operators whose form depends on the version of the operator set.

use super::model::Model;

#[test]
fn parameters_are_attributes_in_old_versions_and_inputs_in_new_ones() {
    let old =
        Model::new(&[0, 4]).opset(6).node("Clip", &["x"], "y").float("min", -1.0).float("max", 1.0);
    old.gives(&[-2.0, 0.5, 1.0, 3.0], &[-1.0, 0.5, 1.0, 1.0]);
    let new = Model::new(&[0, 4]).floats("low", &[], &[-1.0]).node("Clip", &["x", "low"], "y");
    new.gives(&[-2.0, 0.5, 1.0, 3.0], &[-1.0, 0.5, 1.0, 3.0]);
    let old = Model::new(&[0, 4])
        .opset(9)
        .node("Slice", &["x"], "y")
        .ints("axes", &[1])
        .ints("starts", &[1])
        .ints("ends", &[3]);
    old.gives(&[1.0, 2.0, 3.0, 4.0], &[2.0, 3.0]);
    for opset in [11, 13] {
        let model = Model::new(&[0, 2]).opset(opset).integers("axes", &[2, 0]);
        let (up, down) = (
            model.clone().node("Unsqueeze", if opset < 13 { &["x"] } else { &["x", "axes"] }, "y"),
            model.node("Identity", &["x"], "a"),
        );
        let up = if opset < 13 { up.ints("axes", &[2, 0]) } else { up };
        up.gives(&[1.0, 2.0], &[1.0, 2.0]);
        assert_eq!(up.compiled().unwrap().manifest().outputs[0].shape, [1, 1, 1, 2]);
        let down = down.node("Squeeze", &["a"], "y");
        assert_eq!(down.compiled().unwrap().manifest().outputs[0].shape, [2]);
    }
    let even = Model::new(&[0, 5])
        .opset(18)
        .node("Split", &["x"], "a")
        .and("b")
        .int("axis", 1)
        .int("num_outputs", 2)
        .node("Neg", &["b"], "y");
    even.gives(&[1.0, 2.0, 3.0, 4.0, 5.0], &[-4.0, -5.0]);
    let upsample = Model::new(&[0, 1, 1, 2])
        .opset(9)
        .floats("s", &[4], &[1.0, 1.0, 1.0, 2.0])
        .node("Upsample", &["x", "s"], "y");
    upsample.gives(&[1.0, 2.0], &[1.0, 1.0, 2.0, 2.0]);
    let old = Model::new(&[0, 2, 2])
        .opset(6)
        .floats("c", &[2], &[10.0, 20.0])
        .node("Add", &["x", "c"], "y")
        .int("broadcast", 1)
        .int("axis", 1);
    old.gives(&[1.0, 2.0, 3.0, 4.0], &[11.0, 12.0, 23.0, 24.0]);
}

#[test]
fn what_a_model_leaves_out_is_not_looked_at() {
    let dead = Model::new(&[0, 2])
        .floats("bad", &[1], &[f32::NAN])
        .node("Frobnicate", &["x", "bad"], "nothing")
        .node("Dropout", &["x"], "a")
        .and("mask")
        .node("Neg", &["a"], "y");
    dead.gives(&[1.0, 2.0], &[-1.0, -2.0]);
    let mask = Model::new(&[0, 2]).node("Dropout", &["x"], "a").and("y").refusal();
    assert!(mask.contains("output y is not computed"), "{mask}");
}

#[test]
fn several_outputs_follow_each_other_in_each_answer() {
    let model = Model::new(&[0, 1, 1, 2])
        .output("a")
        .output("x")
        .floats("w", &[2, 1, 1, 1], &[1.0, 10.0])
        .node("Conv", &["x", "w"], "a")
        .node("ReduceSum", &["a"], "y")
        .int("keepdims", 0);
    model.gives(&[1.0, 2.0], &[1.0, 2.0, 10.0, 20.0, 1.0, 2.0, 33.0]);
    let artifact = model.compiled().unwrap();
    let shapes: Vec<_> = artifact.manifest().outputs.iter().map(|t| t.shape.clone()).collect();
    assert_eq!(shapes, [vec![1, 2, 1, 2], vec![1, 1, 1, 2], vec![]]);
    let constant = Model::new(&[0, 2]).output("c").floats("c", &[2], &[7.0, 8.0]).node(
        "Add",
        &["x", "c"],
        "y",
    );
    constant.gives(&[1.0, 2.0], &[7.0, 8.0, 8.0, 10.0]);
}
