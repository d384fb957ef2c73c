//! Transposed convolutions, by their definition: each element adds the filters to its window of the result.

use super::model::{Model, numbers};

/// One dimension.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: [usize; 2],
    extra: usize,
}

impl Axis {
    fn outputs(&self) -> usize {
        let reach = (self.kernel - 1) * self.dilation + 1;
        (self.size - 1) * self.stride + reach + self.extra - self.pads[0] - self.pads[1]
    }

    /// Where an element goes by a tap.
    fn target(&self, element: usize, tap: usize) -> Option<usize> {
        let at = element * self.stride + tap * self.dilation;
        at.checked_sub(self.pads[0]).filter(|&at| at < self.outputs())
    }
}

/// For one request.
fn expected(y: Axis, x: Axis, channels: [usize; 3], input: &[f32], weights: &[f32]) -> Vec<f32> {
    let [from, own, groups] = channels;
    let mut output = vec![0.0; own * groups * y.outputs() * x.outputs()];
    for channel in 0..from {
        let group = channel / (from / groups);
        for filter in 0..own {
            for (row, column) in (0..y.size).flat_map(|row| (0..x.size).map(move |c| (row, c))) {
                let element = input[(channel * y.size + row) * x.size + column];
                for (down, across) in (0..y.kernel).flat_map(|d| (0..x.kernel).map(move |a| (d, a)))
                {
                    let weight = ((channel * own + filter) * y.kernel + down) * x.kernel + across;
                    let (Some(row), Some(column)) = (y.target(row, down), x.target(column, across))
                    else {
                        continue;
                    };
                    let place = ((group * own + filter) * y.outputs() + row) * x.outputs() + column;
                    output[place] += element * weights[weight];
                }
            }
        }
    }
    output
}

fn long(size: usize) -> i64 {
    i64::try_from(size).expect("a size")
}

fn case(y: Axis, x: Axis, channels: [usize; 3]) {
    let [from, own, groups] = channels;
    let weights = numbers(from * own * y.kernel * x.kernel);
    let input = numbers(from * y.size * x.size);
    let dims = [from, own, y.kernel, x.kernel].map(long);
    let pairs = |of: fn(&Axis) -> usize| [of(&y), of(&x)].map(long);
    let model = Model::new(&[0, long(from), long(y.size), long(x.size)])
        .floats("w", &dims, &weights)
        .node("ConvTranspose", &["x", "w"], "y")
        .int("group", long(groups))
        .ints("strides", &pairs(|axis| axis.stride))
        .ints("dilations", &pairs(|axis| axis.dilation))
        .ints("output_padding", &pairs(|axis| axis.extra))
        .ints("pads", &[y.pads[0], x.pads[0], y.pads[1], x.pads[1]].map(long));
    model.gives(&input, &expected(y, x, channels, &input, &weights));
}

#[test]
fn transposed_convolutions_are_their_definition() {
    let axis = |size, kernel, stride, dilation, pads, extra| Axis {
        size,
        kernel,
        stride,
        dilation,
        pads,
        extra,
    };
    let plain = axis(4, 3, 1, 1, [0, 0], 0);
    for (y, x) in [
        (plain, plain),
        (axis(3, 2, 2, 1, [0, 0], 0), axis(4, 2, 2, 1, [0, 0], 0)),
        (axis(3, 4, 2, 1, [1, 1], 0), axis(4, 3, 2, 1, [1, 1], 1)),
        (axis(3, 3, 3, 2, [2, 0], 1), axis(2, 2, 1, 3, [0, 1], 0)),
        // More is taken away than the filters add.
        (axis(4, 1, 3, 1, [2, 1], 0), axis(3, 2, 2, 1, [1, 1], 0)),
    ] {
        for channels in [[1, 1, 1], [4, 3, 1], [4, 2, 2], [3, 1, 3]] {
            case(y, x, channels);
        }
    }
}

#[test]
fn signals_are_images_of_one_row_and_biases_are_added() {
    let signal = Model::new(&[0, 1, 2])
        .floats("w", &[1, 1, 3], &[1.0, 10.0, 100.0])
        .floats("b", &[1], &[0.5])
        .node("ConvTranspose", &["x", "w", "b"], "y")
        .ints("strides", &[2]);
    signal.gives(&[1.0, 2.0], &[1.5, 10.5, 102.5, 20.5, 200.5]);
}

#[test]
fn what_cannot_be_transposed_is_refused_in_words() {
    let model = || {
        let model = Model::new(&[0, 2, 4, 4]).floats("w", &[2, 1, 3, 3], &numbers(18));
        model.node("ConvTranspose", &["x", "w"], "y")
    };
    for (model, words) in [
        (model().ints("output_shape", &[8, 8]), "output_shape; supported: pads"),
        (model().text("auto_pad", "SAME_UPPER"), "automatic padding"),
        (model().int("group", 3), "2 input channels in 3 groups"),
        (model().ints("output_padding", &[1]), "one number per dimension"),
        (model().ints("pads", &[9, 9, 9, 9]), "pads"),
        (model().ints("strides", &[1 << 40, 1]), ""),
        (model().ints("dilations", &[1 << 62, 1]), ""),
    ] {
        let refused = model.refusal();
        assert!(refused.contains(words), "{refused}");
    }
}
