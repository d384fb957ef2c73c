//! Activations on elements in place.
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::math::exp;
use crate::artifact::Activation;

/// Applies an activation in place to rows of `width` elements, `pitch` apart.
pub(super) fn finish(
    kernels: Kernels,
    activation: Activation,
    rows: &mut [f32],
    pitch: usize,
    width: usize,
) {
    kernels.work(Finish { activation, rows, pitch, width });
}

struct Finish<'a> {
    activation: Activation,
    rows: &'a mut [f32],
    pitch: usize,
    width: usize,
}

impl Work for Finish<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        for row in self.rows.chunks_mut(self.pitch) {
            let width = self.width.min(row.len());
            activate(self.activation, &mut row[..width]);
        }
    }
}

/// Applies an activation in place; to be inlined where an instruction set is switched on.
#[inline(always)]
pub(super) fn activate(activation: Activation, elements: &mut [f32]) {
    match activation {
        Activation::None => {}
        Activation::Relu => each(elements, |x| cut(x, 0.0, f32::INFINITY)),
        Activation::Clip { low, high } => each(elements, |x| cut(x, low, high)),
        Activation::Sigmoid => each(elements, sigmoid),
        Activation::Silu => each(elements, |x| x * sigmoid(x)),
        Activation::HardSigmoid { slope, offset } => {
            each(elements, |x| cut(slope * x + offset, 0.0, 1.0));
        }
        Activation::HardSwish => each(elements, |x| x * cut(x / 6.0 + 0.5, 0.0, 1.0)),
    }
}

#[inline(always)]
fn each(elements: &mut [f32], of: impl Fn(f32) -> f32) {
    for element in elements {
        *element = of(*element);
    }
}

/// The element, or the end of the range that it is beyond; NaN stays NaN.
#[inline(always)]
fn cut(element: f32, low: f32, high: f32) -> f32 {
    let element = if element < low { low } else { element };
    if element > high { high } else { element }
}

#[inline(always)]
fn sigmoid(element: f32) -> f32 {
    1.0 / (1.0 + exp(-element))
}
