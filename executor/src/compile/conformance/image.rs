//! Windows on images.

use super::model::{Model, numbers};

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
