//! Windows on images.

use super::model::{Model, numbers};

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
