//! Convolution of each channel by itself.

use super::activation::activate;
use super::convolution::Origins;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::product::even;
use super::run::Operands;
use super::tile::STRIP;
use crate::artifact::Depthwise;

pub(super) fn depthwise(kernels: Kernels, shape: &Depthwise, operands: Operands<'_>) {
    kernels.work(Channels { shape, operands });
}

struct Channels<'a> {
    shape: &'a Depthwise,
    operands: Operands<'a>,
}

impl Work for Channels<'_> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled for the caller's instruction set")]
    fn run<V: Lanes>(self) {
        let Self { shape, operands } = self;
        let Operands { reads: [image, weights, bias, _], write, .. } = operands;
        let window = &shape.window;
        let outputs = window.output().expect("a checked window fits its image");
        let [high, wide] = outputs;
        let wide_taps = window.kernel[1];
        for strip in even(shape.images * high * wide, STRIP) {
            let origins = Origins::new(window, outputs, strip.clone());
            for (slot, pixel) in strip.enumerate() {
                let output = &mut write[pixel * shape.pitch_out..][..shape.channels];
                output.copy_from_slice(bias);
                for (tap, weights) in weights.chunks_exact(shape.channels).enumerate() {
                    let tap = [tap / wide_taps, tap % wide_taps];
                    let Some(source) = origins.source(window, slot, tap) else { continue };
                    let source = &image[source * shape.pitch_in..][..shape.channels];
                    for ((sum, weight), element) in output.iter_mut().zip(weights).zip(source) {
                        *sum += weight * element;
                    }
                }
                activate(shape.activation, output);
            }
        }
    }
}
