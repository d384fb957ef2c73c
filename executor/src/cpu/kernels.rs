//! The kernels that are not matrix products, and the tensors that a kernel gets.

use crate::artifact::{Activation, Pool, Reduction, Rows, Sliding};

/// The tensors of one step. The caller has checked that lengths and shapes agree.
pub(super) struct Operands<'a> {
    /// What it reads; an empty slice stands for none.
    pub(super) reads: [&'a [f32]; 3],
    /// Its scratch area.
    pub(super) scratch: &'a mut [f32],
    /// What it writes, completely.
    pub(super) write: &'a mut [f32],
}

/// Applies an activation in place.
pub(super) fn activate(activation: Activation, tensor: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => tensor.iter_mut().for_each(|element| *element = element.max(0.0)),
    }
}

pub(super) fn add(activation: Activation, operands: Operands<'_>) {
    let Operands { reads: [left, right, _], write, .. } = operands;
    for ((sum, left), right) in write.iter_mut().zip(left).zip(right) {
        *sum = left + right;
    }
    activate(activation, write);
}

pub(super) fn copy(activation: Activation, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    write.copy_from_slice(input);
    activate(activation, write);
}

/// The exponentials of a row as shares of their sum, computed from its maximum down so that none
/// overflows.
pub(super) fn softmax(rows: &Rows, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    let rows = input.chunks_exact(rows.columns).zip(write.chunks_exact_mut(rows.columns));
    for (input, output) in rows {
        let max = input.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for (share, element) in output.iter_mut().zip(input) {
            *share = (element - max).exp();
        }
        let sum: f32 = output.iter().sum();
        for share in output {
            *share /= sum;
        }
    }
}

pub(super) fn pool(pool: &Pool, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    let window = &pool.window;
    let [high, wide] = window.output().expect("a checked window fits its image");
    let [image_high, image_wide] = window.input;
    let planes = input.chunks_exact(image_high * image_wide);
    for (plane, output) in planes.zip(write.chunks_exact_mut(high * wide)) {
        for (y, line) in output.chunks_exact_mut(wide).enumerate() {
            for (x, element) in line.iter_mut().enumerate() {
                *element = reduce(pool, plane, [y, x]);
            }
        }
    }
}

/// What one window of a plane becomes.
fn reduce(pool: &Pool, plane: &[f32], at: [usize; 2]) -> f32 {
    let window = &pool.window;
    let columns = (0..window.kernel[1]).filter_map(|tap| window.source(1, at[1], tap));
    let rows = (0..window.kernel[0]).filter_map(|tap| window.source(0, at[0], tap));
    let elements = rows.flat_map(|y| {
        let line = &plane[y * window.input[1]..][..window.input[1]];
        columns.clone().map(|x| line[x])
    });
    match pool.reduction {
        Reduction::Max => elements.fold(f32::NEG_INFINITY, f32::max),
        Reduction::Average => {
            let (sum, count) =
                elements.fold((0.0, 0.0), |(sum, n), element| (sum + element, n + 1.0));
            if count > 0.0 { sum / count } else { 0.0 }
        }
        Reduction::AveragePadded => elements.sum::<f32>() / taps(window),
    }
}

fn taps(window: &Sliding) -> f32 {
    let count = |taps: usize| u16::try_from(taps).map_or(f32::INFINITY, f32::from);
    count(window.kernel[0]) * count(window.kernel[1])
}
