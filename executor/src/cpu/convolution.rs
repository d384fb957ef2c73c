//! Convolution as a matrix product: filters times the columns of an image.

use super::kernels::{Operands, activate};
use super::matrix::{Kernels, Product};
use crate::artifact::{Convolution, LANES, Sliding};

/// Each column holds the inputs of one output pixel; the scratch area holds the columns of one
/// group of one image at a time.
pub(super) fn convolve(kernels: &Kernels, convolution: &Convolution, operands: Operands<'_>) {
    let Operands { reads: [input, weights, bias], scratch, write } = operands;
    let window = &convolution.window;
    let [high, wide] = window.output().expect("a checked window fits its image");
    let pixels = high * wide;
    let depth = convolution.depth();
    let filters = convolution.channels_out / convolution.groups;
    let group_input = input.len() / (convolution.images * convolution.groups);
    let direct = convolution.is_direct(pixels);
    let parts = input.chunks_exact(group_input).zip(write.chunks_exact_mut(filters * pixels));
    for (index, (input, output)) in parts.enumerate() {
        let group = index % convolution.groups;
        let weights = &weights[group * filters * depth..][..filters * depth];
        let bias = &bias[group * filters..][..filters];
        for (plane, &bias) in output.chunks_exact_mut(pixels).zip(bias) {
            plane.fill(bias);
        }
        let right_stride = pixels.next_multiple_of(LANES);
        let right = if direct {
            input
        } else {
            gather_columns(input, window, right_stride, scratch);
            &*scratch
        };
        let (rows, columns, left) = (filters, pixels, weights);
        kernels.multiply(Product { rows, depth, columns, left, right, right_stride, output });
        activate(convolution.activation, output);
    }
}

/// Writes the column matrix of some planes: a row per plane and tap, an element per output pixel.
fn gather_columns(input: &[f32], window: &Sliding, stride: usize, columns: &mut [f32]) {
    let [image_high, image_wide] = window.input;
    let [high, wide] = window.output().expect("a checked window fits its image");
    let mut rows = columns.chunks_exact_mut(stride);
    for plane in input.chunks_exact(image_high * image_wide) {
        for tap_y in 0..window.kernel[0] {
            for tap_x in 0..window.kernel[1] {
                let row = rows.next().expect("the scratch area has a row per plane and tap");
                let inside = window.covered(1, tap_x, wide);
                for (y, line) in row[..high * wide].chunks_exact_mut(wide).enumerate() {
                    match window.source(0, y, tap_y) {
                        Some(source) => {
                            let source = &plane[source * image_wide..][..image_wide];
                            gather_line(line, source, window, tap_x, &inside);
                        }
                        None => line.fill(0.0),
                    }
                }
            }
        }
    }
}

/// The elements of one image line that one tap sees.
fn gather_line(
    line: &mut [f32],
    source: &[f32],
    window: &Sliding,
    tap: usize,
    inside: &std::ops::Range<usize>,
) {
    line[..inside.start].fill(0.0);
    line[inside.end..].fill(0.0);
    let line = &mut line[inside.clone()];
    let Some(first) = window.source(1, inside.start, tap).filter(|_| !line.is_empty()) else {
        return;
    };
    if window.stride[1] == 1 {
        line.copy_from_slice(&source[first..first + inside.len()]);
    } else {
        for (to, from) in line.iter_mut().zip(source[first..].iter().step_by(window.stride[1])) {
            *to = *from;
        }
    }
}
