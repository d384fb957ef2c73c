//! Operators that move elements.

use super::model::{Model, numbers};

/// An image of two channels, two rows and three columns, whose elements are 0 to 11.
fn image() -> Vec<f32> {
    (0..12_u8).map(f32::from).collect()
}

fn check(model: &Model, expected: &[f32]) {
    model.gives(&image(), expected);
    model.clone().channels_last().gives(&image(), expected);
}

fn base() -> Model {
    Model::new(&[0, 2, 2, 3])
}

#[test]
fn dimensions_change_places() {
    let transpose = |order: &[i64]| base().node("Transpose", &["x"], "y").ints("perm", order);
    check(&transpose(&[0, 1, 2, 3]), &image());
    let last = [0.0, 6.0, 1.0, 7.0, 2.0, 8.0, 3.0, 9.0, 4.0, 10.0, 5.0, 11.0];
    check(&transpose(&[0, 2, 3, 1]), &last);
    check(&transpose(&[2, 3, 0, 1]), &last);
    let turned = [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0];
    check(&transpose(&[0, 1, 3, 2]), &turned);
    let back = base()
        .node("Transpose", &["x"], "a")
        .ints("perm", &[0, 2, 3, 1])
        .node("Neg", &["a"], "b")
        .node("Transpose", &["b"], "c")
        .ints("perm", &[0, 3, 1, 2])
        .node("Neg", &["c"], "y");
    check(&back, &image());
}

#[test]
fn slices_are_taken_from_either_end_in_any_step() {
    let slice = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        base()
            .integers("starts", starts)
            .integers("ends", ends)
            .integers("axes", axes)
            .integers("steps", steps)
            .node("Slice", &["x", "starts", "ends", "axes", "steps"], "y")
    };
    check(&slice(&[1], &[i64::MAX], &[1], &[1]), &image()[6..]);
    check(&slice(&[0], &[1], &[-3], &[1]), &image()[..6]);
    check(&slice(&[0, 1], &[2, 3], &[2, 3], &[1, 1]), &[1.0, 2.0, 4.0, 5.0, 7.0, 8.0, 10.0, 11.0]);
    check(&slice(&[-1], &[i64::MIN], &[3], &[-2]), &[2.0, 0.0, 5.0, 3.0, 8.0, 6.0, 11.0, 9.0]);
    let odd = slice(&[-1, 0], &[-9, 3], &[2, 3], &[-1, 2]);
    check(&odd, &[3.0, 5.0, 0.0, 2.0, 9.0, 11.0, 6.0, 8.0]);
}

#[test]
fn a_slice_of_channels_is_used_where_it_lies() {
    let model = base()
        .integers("split", &[1, 1])
        .node("Split", &["x", "split"], "a")
        .and("b")
        .int("axis", 1)
        .node("Relu", &["b"], "c")
        .node("Concat", &["c", "a", "b"], "y")
        .int("axis", 1);
    let expected = [&image()[6..], &image()[..6], &image()[6..]].concat();
    check(&model, &expected);
}

#[test]
fn tensors_are_joined_along_any_axis() {
    let join = |axis: i64| {
        base()
            .floats("c", &[1, 2, 2, 3], &numbers(12))
            .node("Concat", &["x", "c"], "y")
            .int("axis", axis)
    };
    let (x, c) = (image(), numbers(12));
    check(&join(0), &[&x[..], &c].concat());
    check(&join(1), &[&x[..], &c].concat());
    check(&join(2), &[&x[..6], &c[..6], &x[6..], &c[6..]].concat());
    let rows = |index: usize| [&x[3 * index..][..3], &c[3 * index..][..3]].concat();
    check(&join(-1), &(0..4).flat_map(rows).collect::<Vec<_>>());
}

#[test]
fn entries_are_gathered_and_repeated() {
    let gather = |axis: i64, indices: &[i64]| {
        base().integers("i", indices).node("Gather", &["x", "i"], "y").int("axis", axis)
    };
    check(&gather(1, &[1, 0]), &[&image()[6..], &image()[..6]].concat());
    check(&gather(2, &[-1]), &[3.0, 4.0, 5.0, 9.0, 10.0, 11.0]);
    let columns = [2.0, 0.0, 2.0, 5.0, 3.0, 5.0, 8.0, 6.0, 8.0, 11.0, 9.0, 11.0];
    check(&gather(3, &[2, 0, 2]), &columns);
    let tile = base().integers("r", &[1, 2, 1, 1]).node("Tile", &["x", "r"], "y");
    check(&tile, &image().repeat(2));
    let expand =
        Model::new(&[0, 2, 1]).integers("s", &[3, 1, 2, 2]).node("Expand", &["x", "s"], "y");
    expand.gives(&[1.0, 2.0], &[1.0, 1.0, 2.0, 2.0].repeat(3));
}

#[test]
fn borders_are_added_and_taken_away() {
    let pad = |pads: &[i64], mode: &str| {
        base()
            .integers("p", pads)
            .floats("v", &[], &[9.0])
            .node("Pad", &["x", "p", "v"], "y")
            .text("mode", mode)
    };
    let one_row = |row: [f32; 3]| [&[9.0][..], &row].concat();
    let rows = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [9.0, 10.0, 11.0]];
    let expected: Vec<f32> = rows.into_iter().flat_map(one_row).collect();
    check(&pad(&[0, 0, 0, 1, 0, 0, 0, 0], "constant"), &expected);
    check(&pad(&[0, 1, 0, 0, 0, 0, 0, 0], "constant"), &[&[9.0; 6][..], &image()].concat());
    let edge: Vec<f32> = rows.into_iter().flat_map(|[a, b, c]| [a, a, b, c, c]).collect();
    check(&pad(&[0, 0, 0, 1, 0, 0, 0, 1], "edge"), &edge);
    let reflect: Vec<f32> = rows.into_iter().flat_map(|[a, b, c]| [c, b, a, b, c, b]).collect();
    check(&pad(&[0, 0, 0, 2, 0, 0, 0, 1], "reflect"), &reflect);
    let cropped: Vec<f32> = rows.into_iter().flat_map(|[_, b, c]| [b, c]).collect();
    check(&pad(&[0, 0, 0, -1, 0, 0, 0, 0], "constant"), &cropped);
}

#[test]
fn channels_become_pixels_and_back() {
    let deep = |mode: &str| {
        Model::new(&[0, 4, 1, 2])
            .node("DepthToSpace", &["x"], "y")
            .int("blocksize", 2)
            .text("mode", mode)
    };
    let request = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let expected = [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0];
    for mode in ["DCR", "CRD"] {
        deep(mode).gives(&request, &expected);
        deep(mode).channels_last().gives(&request, &expected);
    }
    let back = Model::new(&[0, 1, 2, 4]).node("SpaceToDepth", &["x"], "y").int("blocksize", 2);
    back.gives(&expected, &request);
}

#[test]
fn shapes_are_computed_when_a_model_is_read() {
    // [1, 6] by the arithmetic of an exporter: the shape's first entry, and -1 where it is 0.
    let model = base()
        .integers("zero", &[0])
        .integers("one", &[1])
        .integers("minus", &[-1])
        .node("Shape", &["x"], "shape")
        .node("Gather", &["shape", "zero"], "first")
        .node("ConstantOfShape", &["one"], "nothing")
        .node("Cast", &["nothing"], "z")
        .int("to", 7)
        .node("Equal", &["z", "zero"], "is")
        .node("Where", &["is", "minus", "one"], "rest")
        .node("Concat", &["first", "rest"], "target")
        .int("axis", 0)
        .node("Reshape", &["x", "target"], "y");
    check(&model, &image());
    assert_eq!(model.steps(), 0);
    let range = Model::new(&[0, 4])
        .node("Shape", &["x"], "shape")
        .integers("one", &[1])
        .node("Gather", &["shape", "one"], "n")
        .node("Squeeze", &["n"], "limit")
        .node("Constant", &[], "start")
        .int("value_int", 0)
        .node("Constant", &[], "step")
        .int("value_int", 2)
        .node("Range", &["start", "limit", "step"], "even")
        .node("Gather", &["x", "even"], "y")
        .int("axis", 1);
    range.gives(&[5.0, 6.0, 7.0, 8.0], &[5.0, 7.0]);
}
