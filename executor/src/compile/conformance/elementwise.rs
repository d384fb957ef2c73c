//! Functions of one, two and three elements.

use std::f32::consts::{LN_2, SQRT_2};

use super::model::Model;

/// What a function makes of -2, -0.5, 0 and 1.5, plain and channels last.
fn check(op: &str, attributes: fn(Model) -> Model, expected: [f32; 4]) {
    let model = |shape: &[i64]| attributes(Model::new(shape).node(op, &["x"], "y"));
    model(&[0, 4]).gives(&[-2.0, -0.5, 0.0, 1.5], &expected);
    model(&[0, 2, 1, 2]).channels_last().gives(&[-2.0, -0.5, 0.0, 1.5], &expected);
}

#[test]
fn functions_of_one_element() {
    let plain = |model: Model| model;
    check("Abs", plain, [2.0, 0.5, 0.0, 1.5]);
    check("Ceil", plain, [-2.0, 0.0, 0.0, 2.0]);
    check("Cos", plain, [-0.416_146_8, 0.877_582_6, 1.0, 0.070_737_2]);
    check("Elu", plain, [-0.864_664_7, -0.393_469_3, 0.0, 1.5]);
    check("Erf", plain, [-0.995_322_3, -0.520_499_9, 0.0, 0.966_105_1]);
    check("Exp", plain, [0.135_335_3, 0.606_530_7, 1.0, 4.481_689]);
    check("Floor", plain, [-2.0, -1.0, 0.0, 1.0]);
    check("Gelu", plain, [-0.045_500_3, -0.154_268_8, 0.0, 1.399_789_2]);
    let tanh = |model: Model| model.text("approximate", "tanh");
    check("Gelu", tanh, [-0.045_402_3, -0.154_286, 0.0, 1.399_571_6]);
    check("HardSigmoid", plain, [0.1, 0.4, 0.5, 0.8]);
    check("HardSwish", plain, [-0.333_333_3, -0.208_333_3, 0.0, 1.125]);
    check("LeakyRelu", |model| model.float("alpha", 0.1), [-0.2, -0.05, 0.0, 1.5]);
    check("Mish", plain, [-0.252_501_5, -0.220_743_8, 0.0, 1.403_378_3]);
    check("Neg", plain, [2.0, 0.5, 0.0, -1.5]);
    check("Relu", plain, [0.0, 0.0, 0.0, 1.5]);
    check("Round", plain, [-2.0, 0.0, 0.0, 2.0]);
    check("Sigmoid", plain, [0.119_202_9, 0.377_540_7, 0.5, 0.817_574_5]);
    check("Sign", plain, [-1.0, -1.0, 0.0, 1.0]);
    check("Sin", plain, [-0.909_297_4, -0.479_425_5, 0.0, 0.997_495]);
    check("Softplus", plain, [0.126_928, 0.474_077, LN_2, 1.701_413_3]);
    check("Swish", plain, [-0.238_405_8, -0.188_770_3, 0.0, 1.226_361_7]);
    check("Tanh", plain, [-0.964_027_6, -0.462_117_2, 0.0, 0.905_148_3]);
    let positive = |op| Model::new(&[0, 2]).node(op, &["x"], "y");
    positive("Sqrt").gives(&[4.0, 2.25], &[2.0, 1.5]);
    positive("Log").gives(&[1.0, 2.0], &[0.0, LN_2]);
    positive("Reciprocal").gives(&[4.0, -0.5], &[0.25, -2.0]);
}

/// What a function makes of two rows of two with one constant, on either side.
fn combine(op: &str, constant: &[f32], dims: &[i64], right: [f32; 4], left: [f32; 4]) {
    for (inputs, expected) in [(["x", "c"], right), (["c", "x"], left)] {
        let model = Model::new(&[0, 2, 2]).floats("c", dims, constant).node(op, &inputs, "y");
        model.gives(&[1.0, 2.0, 3.0, 4.0], &expected);
    }
}

#[test]
fn functions_of_two_elements_are_broadcast() {
    combine("Add", &[10.0, 20.0], &[2], [11.0, 22.0, 13.0, 24.0], [11.0, 22.0, 13.0, 24.0]);
    combine("Sub", &[10.0, 20.0], &[2, 1], [-9.0, -8.0, -17.0, -16.0], [9.0, 8.0, 17.0, 16.0]);
    combine("Mul", &[2.0], &[], [2.0, 4.0, 6.0, 8.0], [2.0, 4.0, 6.0, 8.0]);
    combine("Div", &[4.0], &[1, 1, 1], [0.25, 0.5, 0.75, 1.0], [4.0, 2.0, 4.0 / 3.0, 1.0]);
    combine("Max", &[3.0, 2.5], &[2], [3.0, 2.5, 3.0, 4.0], [3.0, 2.5, 3.0, 4.0]);
    combine("Min", &[3.0, 2.5], &[2], [1.0, 2.0, 3.0, 2.5], [1.0, 2.0, 3.0, 2.5]);
    combine("Pow", &[2.0], &[], [1.0, 4.0, 9.0, 16.0], [2.0, 4.0, 8.0, 16.0]);
    combine("Pow", &[0.5], &[1], [1.0, SQRT_2, 1.732_050_8, 2.0], [0.5, 0.25, 0.125, 0.0625]);
    let slope =
        Model::new(&[0, 2, 2]).floats("c", &[2, 1], &[0.5, 2.0]).node("PRelu", &["x", "c"], "y");
    slope.gives(&[-1.0, 2.0, -3.0, 4.0], &[-0.5, 2.0, -6.0, 4.0]);
    let sum = Model::new(&[0, 2]).floats("c", &[1], &[1.0]).node("Sum", &["x", "c", "x"], "y");
    sum.gives(&[1.0, 2.0], &[3.0, 5.0]);
    let mean = Model::new(&[0, 2]).floats("c", &[1], &[1.0]).node("Mean", &["x", "c"], "y");
    mean.gives(&[1.0, 2.0], &[1.0, 1.5]);
}

#[test]
fn computed_operands_are_broadcast_in_either_layout() {
    // Each channel times its largest element, and plus a row of its own.
    let gate = Model::new(&[0, 2, 2, 2])
        .floats("row", &[2, 1, 2], &[1.0, 2.0, 3.0, 4.0])
        .node("GlobalMaxPool", &["x"], "max")
        .node("Mul", &["max", "x"], "a")
        .node("Add", &["a", "row"], "y");
    let (request, expected) =
        ([1.0, 2.0, 0.0, -1.0, 3.0, 1.0, 1.0, 0.0], [3.0, 6.0, 1.0, 0.0, 12.0, 7.0, 6.0, 4.0]);
    gate.gives(&request, &expected);
    gate.channels_last().gives(&request, &expected);
    // Columns against rows.
    let outer = Model::new(&[0, 2])
        .integers("column", &[1, 2, 1])
        .node("Reshape", &["x", "column"], "c")
        .node("Sub", &["c", "x"], "y");
    outer.gives(&[1.0, 5.0], &[0.0, -4.0, 4.0, 0.0]);
}

#[test]
fn comparisons_choose() {
    let compare = |op: &str| {
        Model::new(&[0, 3])
            .floats("zero", &[], &[0.0])
            .floats("no", &[3], &[7.0, 8.0, 9.0])
            .node(op, &["x", "zero"], "c")
            .node("Where", &["c", "x", "no"], "y")
    };
    let request = [-1.0, 0.0, 2.0];
    compare("Greater").gives(&request, &[7.0, 8.0, 2.0]);
    compare("GreaterOrEqual").gives(&request, &[7.0, 0.0, 2.0]);
    compare("Less").gives(&request, &[-1.0, 8.0, 9.0]);
    compare("LessOrEqual").gives(&request, &[-1.0, 0.0, 9.0]);
    compare("Equal").gives(&request, &[7.0, 0.0, 9.0]);
    let logic = |op: &str| {
        Model::new(&[0, 3])
            .floats("zero", &[], &[0.0])
            .floats("one", &[], &[1.0])
            .node("Greater", &["x", "zero"], "a")
            .node("Less", &["x", "one"], "b")
            .node(op, &["a", "b"], "c")
            .node("Not", &["c"], "d")
            .node("Cast", &["d"], "y")
            .int("to", 1)
    };
    logic("And").gives(&[-1.0, 0.5, 2.0], &[1.0, 0.0, 1.0]);
    logic("Or").gives(&[-1.0, 0.5, 2.0], &[0.0, 0.0, 0.0]);
    let mask = Model::new(&[0, 2])
        .integers("mask", &[1, 0])
        .floats("no", &[], &[-9.0])
        .node("Cast", &["mask"], "m")
        .int("to", 9)
        .node("Where", &["m", "x", "no"], "y");
    mask.gives(&[3.0, 4.0], &[3.0, -9.0]);
}

#[test]
fn constants_become_a_part_of_the_operation_before() {
    let chain = Model::new(&[0, 1, 1, 2])
        .floats("w", &[2, 1, 1, 1], &[1.0, -1.0])
        .floats("two", &[], &[2.0])
        .floats("channel", &[1, 2, 1, 1], &[1.0, 3.0])
        .node("Conv", &["x", "w"], "a")
        .node("Mul", &["two", "a"], "b")
        .node("Sub", &["channel", "b"], "c")
        .node("Div", &["c", "two"], "d")
        .node("Sigmoid", &["d"], "e")
        .node("Mul", &["d", "e"], "y");
    let silu = |x: f32| x / (1.0 + (-x).exp());
    chain.gives(&[1.0, 4.0], &[-0.5, -3.5, 2.5, 5.5].map(silu));
    assert_eq!(chain.steps(), 1);
    let gelu = Model::new(&[0, 2])
        .floats("w", &[2, 2], &[1.0, 0.0, 0.0, 1.0])
        .floats("root", &[], &[SQRT_2])
        .floats("one", &[], &[1.0])
        .floats("half", &[1], &[0.5])
        .node("MatMul", &["x", "w"], "a")
        .node("Div", &["a", "root"], "b")
        .node("Erf", &["b"], "c")
        .node("Add", &["c", "one"], "d")
        .node("Mul", &["a", "d"], "e")
        .node("Mul", &["e", "half"], "y");
    gelu.gives(&[-2.0, 1.5], &[-0.045_500_3, 1.399_789_2]);
    assert_eq!(gelu.steps(), 2);
}
