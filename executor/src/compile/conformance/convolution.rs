//! Windows of many shapes, with every instruction set that there is.

use super::model::{Model, numbers};
use crate::cpu::Kernels;

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

/// A model of one convolution, and what it gives for two images.
fn case(y: Axis, x: Axis, channels: [i64; 3]) -> (Model, Vec<f32>, Vec<f32>) {
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
    (model, input, expected)
}

/// The image alone gives the very bits that it gives in a batch.
fn check_alone(kernels: Kernels, model: &Model, input: &[f32], both: &[f32]) {
    let alone = model.run(kernels, 1, &input[..input.len() / 2]);
    assert_eq!(alone, both[..alone.len()], "{kernels:?}");
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
            for channels in [[1, 1, 1], [3, 5, 1], [4, 6, 2], [3, 3, 3], [20, 17, 1], [20, 20, 20]]
            {
                let (model, input, expected) = case(y, x, channels);
                for kernels in Kernels::all() {
                    let output = model.run(kernels, 2, &input);
                    assert_eq!(output, expected, "{kernels:?}");
                    check_alone(kernels, &model, &input, &output);
                }
            }
        }
    }
}

/// Convolutions that are computed by transforms: sums are rounded differently.
#[test]
fn convolutions_in_tiles_come_close_to_their_definition() {
    let axis = |size, begin, end| Axis { size, kernel: 3, stride: 1, dilation: 1, begin, end };
    let axes = [axis(12, 1, 1), axis(24, 1, 1), axis(27, 0, 1), axis(30, 1, 0), axis(26, 0, 0)];
    for y in axes {
        for x in axes {
            for channels in [[16, 16, 1], [17, 35, 1], [48, 20, 1]] {
                let (model, input, expected) = case(y, x, channels);
                let largest = expected.iter().map(|e: &f32| e.abs()).fold(0.0, f32::max);
                for kernels in Kernels::all() {
                    let output = model.run(kernels, 2, &input);
                    for (element, expected) in output.iter().zip(&expected) {
                        let error = (element - expected).abs() / largest;
                        assert!(error < 3e-5, "{kernels:?}, {element} beside {expected}");
                    }
                    check_alone(kernels, &model, &input, &output);
                }
            }
        }
    }
}

/// Pooling by its definition, for two images.
fn pool(y: Axis, x: Axis, channels: i64, max: bool, input: &[f32]) -> Vec<f32> {
    let mut output = Vec::new();
    for plane in 0..2 * channels {
        for (row, column) in (0..y.outputs()).flat_map(|r| (0..x.outputs()).map(move |c| (r, c))) {
            let pixels =
                y.taps(row).flat_map(|(_, py)| x.taps(column).map(move |(_, px)| (py, px)));
            let seen: Vec<f32> =
                pixels.map(|(py, px)| input[at((plane * y.size + py) * x.size + px)]).collect();
            let count = f32::from(u8::try_from(seen.len()).unwrap());
            let largest = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            output.push(if max { largest } else { seen.iter().sum::<f32>() / count });
        }
    }
    output
}

#[test]
fn pools_of_many_channels_equal_their_definition() {
    let axis =
        |size, kernel, stride, begin, end| Axis { size, kernel, stride, dilation: 1, begin, end };
    let axes =
        [axis(9, 3, 2, 1, 1), axis(7, 7, 1, 0, 0), axis(30, 2, 2, 0, 0), axis(5, 3, 1, 1, 1)];
    for y in axes {
        for x in axes {
            for (op, channels) in [("MaxPool", 20), ("AveragePool", 35)] {
                let input = numbers(at(2 * channels * y.size * x.size));
                let model = Model::new(&[0, channels, y.size, x.size])
                    .node(op, &["x"], "y")
                    .ints("kernel_shape", &[y.kernel, x.kernel])
                    .ints("strides", &[y.stride, x.stride])
                    .ints("pads", &[y.begin, x.begin, y.end, x.end]);
                let expected = pool(y, x, channels, op == "MaxPool", &input);
                for kernels in Kernels::all() {
                    let output = model.run(kernels, 2, &input);
                    assert_eq!(output.len(), expected.len());
                    let near = |(a, e): (&f32, &f32)| (a - e).abs() < 1e-5;
                    assert!(output.iter().zip(&expected).all(near), "{kernels:?} {op}");
                    check_alone(kernels, &model, &input, &output);
                }
            }
        }
    }
}
