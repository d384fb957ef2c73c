//! Kernels that combine the elements of a range.
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use super::activation::activate;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::math::{exp, float, largest, sum};
use super::run::Operands;
use crate::artifact::{Affine, Normalize, Ranges, Reduce, Shares, Summary};

pub(super) fn reduce(kernels: Kernels, shape: &Reduce, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    kernels.work(Summarize { shape, input, output: write });
}

struct Summarize<'a> {
    shape: &'a Reduce,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Work for Summarize<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Ranges { len, inner, pitch, .. } = self.shape.ranges;
        let kind = self.shape.kind;
        let outputs = self.output.chunks_exact_mut(inner);
        for (range, output) in self.input.chunks(len * pitch).zip(outputs) {
            if inner == 1 && pitch == 1 {
                output[0] = row(kind, range);
            } else {
                columns(kind, range, pitch, output);
            }
            if kind == Summary::Mean {
                let count = float(len);
                for sum in output {
                    *sum /= count;
                }
            }
        }
    }
}

#[inline(always)]
fn row(kind: Summary, range: &[f32]) -> f32 {
    match kind {
        Summary::Max => largest(range),
        Summary::Min => range.iter().copied().fold(f32::INFINITY, f32::min),
        Summary::Mean | Summary::Sum => sum(range, |x| x),
    }
}

/// Ranges that lie side by side.
#[inline(always)]
fn columns(kind: Summary, range: &[f32], pitch: usize, output: &mut [f32]) {
    let (first, rest) = range.split_at(pitch.min(range.len()));
    output.copy_from_slice(&first[..output.len()]);
    for line in rest.chunks(pitch) {
        let pairs = output.iter_mut().zip(line);
        match kind {
            Summary::Max => pairs.for_each(|(a, &b)| *a = if b > *a { b } else { *a }),
            Summary::Min => pairs.for_each(|(a, &b)| *a = if b < *a { b } else { *a }),
            Summary::Mean | Summary::Sum => pairs.for_each(|(a, &b)| *a += b),
        }
    }
}

/// The exponentials of each range as shares of their sum, computed from its maximum down so that
/// none overflows.
pub(super) fn shares(kernels: Kernels, shape: &Shares, operands: Operands<'_>) {
    let Operands { reads: [input, ..], scratch, write } = operands;
    kernels.work(Share { shape, input, scratch, output: write });
}

struct Share<'a> {
    shape: &'a Shares,
    input: &'a [f32],
    scratch: &'a mut [f32],
    output: &'a mut [f32],
}

impl Work for Share<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Ranges { len, inner, .. } = self.shape.ranges;
        let blocks = self.input.chunks_exact(len * inner);
        let (maxima, sums) = self.scratch.split_at_mut(inner);
        for (input, output) in blocks.zip(self.output.chunks_exact_mut(len * inner)) {
            if inner == 1 {
                line(self.shape.logarithm, input, output);
            } else {
                let logarithm = self.shape.logarithm;
                Lines { logarithm, inner, input, output, maxima, sums }.share();
            }
        }
    }
}

#[inline(always)]
fn line(logarithm: bool, input: &[f32], output: &mut [f32]) {
    let max = largest(input);
    for (to, from) in output.iter_mut().zip(input) {
        *to = exp(from - max);
    }
    let total = sum(output, |x| x);
    if logarithm {
        let shift = max + total.ln();
        for (to, from) in output.iter_mut().zip(input) {
            *to = from - shift;
        }
    } else {
        let factor = 1.0 / total;
        for share in output {
            *share *= factor;
        }
    }
}

/// Ranges side by side.
struct Lines<'a> {
    logarithm: bool,
    inner: usize,
    input: &'a [f32],
    output: &'a mut [f32],
    maxima: &'a mut [f32],
    sums: &'a mut [f32],
}

impl Lines<'_> {
    #[inline(always)]
    fn share(self) {
        let Self { logarithm, inner, input, output, maxima, sums } = self;
        columns(Summary::Max, input, inner, maxima);
        sums.fill(0.0);
        for (to, from) in output.chunks_exact_mut(inner).zip(input.chunks_exact(inner)) {
            for (((to, from), max), sum) in to.iter_mut().zip(from).zip(&*maxima).zip(&mut *sums) {
                *to = exp(from - max);
                *sum += *to;
            }
        }
        if logarithm {
            for (sum, max) in sums.iter_mut().zip(&*maxima) {
                *sum = sum.ln() + max;
            }
        }
        for (to, from) in output.chunks_exact_mut(inner).zip(input.chunks_exact(inner)) {
            for ((to, from), sum) in to.iter_mut().zip(from).zip(&*sums) {
                *to = if logarithm { from - sum } else { *to / sum };
            }
        }
    }
}

/// Every row to mean 0 and variance 1, then perhaps times and plus the numbers of its column.
pub(super) fn normalize(kernels: Kernels, shape: &Normalize, operands: Operands<'_>) {
    let Operands { reads: [input, scale, shift, ..], write, .. } = operands;
    kernels.work(Standardize { shape, input, scale, shift, output: write });
}

struct Standardize<'a> {
    shape: &'a Normalize,
    input: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    output: &'a mut [f32],
}

impl Work for Standardize<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Normalize { columns, epsilon, .. } = *self.shape;
        let rows = self.input.chunks_exact(columns).zip(self.output.chunks_exact_mut(columns));
        for (input, output) in rows {
            let mean = sum(input, |x| x) / float(columns);
            let variance = sum(input, |x| (x - mean) * (x - mean)) / float(columns);
            let factor = 1.0 / (variance + epsilon).sqrt();
            for (to, from) in output.iter_mut().zip(input) {
                *to = (from - mean) * factor;
            }
            // Without factors and summands there are none to go with.
            let line = self.scale.iter().zip(self.shift);
            for (to, (scale, shift)) in output.iter_mut().zip(line) {
                *to = *to * scale + shift;
            }
        }
    }
}

/// Every row times and plus the numbers of its column.
pub(super) fn affine(kernels: Kernels, shape: &Affine, operands: Operands<'_>) {
    let Operands { reads: [input, scale, shift, ..], write, .. } = operands;
    kernels.work(Line { shape, input, scale, shift, output: write });
}

struct Line<'a> {
    shape: &'a Affine,
    input: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    output: &'a mut [f32],
}

impl Work for Line<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Affine { width, pitches: [input_pitch, pitch], activation, .. } = *self.shape;
        let rows = self.input.chunks(input_pitch).zip(self.output.chunks_mut(pitch));
        for (input, output) in rows {
            let output = &mut output[..width];
            let line = self.scale.iter().zip(self.shift);
            for ((to, from), (scale, shift)) in output.iter_mut().zip(input).zip(line) {
                *to = from * scale + shift;
            }
            activate(activation, output);
        }
    }
}
