//! Kernels that work on elements or on rows.
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use super::activation::activate;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::run::Operands;
use crate::artifact::{Map, Pair, Rows};

pub(super) fn add(kernels: Kernels, pair: &Pair, operands: Operands<'_>) {
    kernels.work(Sum { pair, operands });
}

struct Sum<'a> {
    pair: &'a Pair,
    operands: Operands<'a>,
}

impl Work for Sum<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Operands { reads: [left, right, ..], write, .. } = self.operands;
        let [left_pitch, right_pitch, pitch] = self.pair.pitches;
        let inputs = left.chunks(left_pitch).zip(right.chunks(right_pitch));
        for ((left, right), sum) in inputs.zip(write.chunks_mut(pitch)) {
            let sum = &mut sum[..self.pair.width];
            for ((sum, left), right) in sum.iter_mut().zip(left).zip(right) {
                *sum = left + right;
            }
            activate(self.pair.activation, sum);
        }
    }
}

pub(super) fn map(kernels: Kernels, map: &Map, operands: Operands<'_>) {
    kernels.work(Each { map, operands });
}

struct Each<'a> {
    map: &'a Map,
    operands: Operands<'a>,
}

impl Work for Each<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Operands { reads: [input, ..], write, .. } = self.operands;
        let [input_pitch, pitch] = self.map.pitches;
        for (input, output) in input.chunks(input_pitch).zip(write.chunks_mut(pitch)) {
            let output = &mut output[..self.map.width];
            output.copy_from_slice(&input[..self.map.width]);
            activate(self.map.activation, output);
        }
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
