//! Kernels that work on elements or on rows.

use super::activation::activate;
use super::run::Operands;
use crate::artifact::{Map, Pair, Rows};

pub(super) fn add(pair: &Pair, operands: Operands<'_>) {
    let Operands { reads: [left, right, ..], write, .. } = operands;
    let [left_pitch, right_pitch, pitch] = pair.pitches;
    let rows = left.chunks(left_pitch).zip(right.chunks(right_pitch)).zip(write.chunks_mut(pitch));
    for ((left, right), sum) in rows {
        let sum = &mut sum[..pair.width];
        for ((sum, left), right) in sum.iter_mut().zip(left).zip(right) {
            *sum = left + right;
        }
        activate(pair.activation, sum);
    }
}

pub(super) fn map(map: &Map, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    let [input_pitch, pitch] = map.pitches;
    for (input, output) in input.chunks(input_pitch).zip(write.chunks_mut(pitch)) {
        let output = &mut output[..map.width];
        output.copy_from_slice(&input[..map.width]);
        activate(map.activation, output);
    }
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
