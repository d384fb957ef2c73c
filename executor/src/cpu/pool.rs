//! Pooling, across the channels of a pixel at a time.

use super::convolution::Origins;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::product::even;
use super::run::Operands;
use super::tile::STRIP;
use crate::artifact::{Pool, Reduction};

pub(super) fn pool(kernels: Kernels, shape: &Pool, operands: Operands<'_>) {
    kernels.work(Windows { shape, operands });
}

struct Windows<'a> {
    shape: &'a Pool,
    operands: Operands<'a>,
}

impl Work for Windows<'_> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled for the caller's instruction set")]
    fn run<V: Lanes>(self) {
        let Self { shape, operands } = self;
        let Operands { reads: [image, ..], write, .. } = operands;
        let window = &shape.window;
        let outputs = window.output().expect("a checked window fits its image");
        let wide = window.kernel[1];
        for strip in even(shape.images * outputs[0] * outputs[1], STRIP) {
            let origins = Origins::new(window, outputs, strip.clone());
            for (slot, pixel) in strip.enumerate() {
                let output = &mut write[pixel * shape.pitch_out..][..shape.channels];
                let inside = (0..window.taps()).filter_map(|tap| {
                    let source = origins.source(window, slot, [tap / wide, tap % wide])?;
                    Some(&image[source * shape.pitch_in..][..shape.channels])
                });
                match shape.reduction {
                    Reduction::Max => largest(output, inside),
                    Reduction::Average => {
                        let count = sum(output, inside);
                        scale(output, if count == 0 { 0.0 } else { share(count) });
                    }
                    Reduction::AveragePadded => {
                        sum(output, inside);
                        scale(output, share(window.taps()));
                    }
                }
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the caller's instruction set")]
fn largest<'a>(output: &mut [f32], inside: impl Iterator<Item = &'a [f32]>) {
    output.fill(f32::NEG_INFINITY);
    for source in inside {
        for (largest, &element) in output.iter_mut().zip(source) {
            *largest = if element > *largest { element } else { *largest };
        }
    }
}

/// Returns how many there are.
#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the caller's instruction set")]
fn sum<'a>(output: &mut [f32], inside: impl Iterator<Item = &'a [f32]>) -> usize {
    let mut count = 0;
    output.fill(0.0);
    for source in inside {
        count += 1;
        for (sum, element) in output.iter_mut().zip(source) {
            *sum += element;
        }
    }
    count
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "compiled for the caller's instruction set")]
fn scale(output: &mut [f32], factor: f32) {
    for element in output {
        *element *= factor;
    }
}

/// One of so many.
fn share(count: usize) -> f32 {
    let [high, low] =
        [count >> 16, count & 0xffff].map(|part| u16::try_from(part).map_or(0.0, f32::from));
    1.0 / (high * 65536.0 + low)
}
