//! Functions of single elements.
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::math::{erf, exp, gelu, tanh};
use super::run::Operands;
use crate::artifact::{Elementwise, Function};

pub(super) fn apply(kernels: Kernels, shape: &Elementwise, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    kernels.work(Apply { shape, input, output: write });
}

struct Apply<'a> {
    shape: &'a Elementwise,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Apply<'_> {
    #[inline(always)]
    fn each(self, of: impl Fn(f32) -> f32) {
        let [input_pitch, pitch] = self.shape.pitches;
        let rows = self.input.chunks(input_pitch).zip(self.output.chunks_mut(pitch));
        for (input, output) in rows {
            let input = &input[..self.shape.width];
            for (to, from) in output[..self.shape.width].iter_mut().zip(input) {
                *to = of(*from);
            }
        }
    }
}

impl Work for Apply<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let truth = |truth: bool| if truth { 1.0 } else { 0.0 };
        match self.shape.function {
            Function::Abs => self.each(f32::abs),
            Function::Ceil => self.each(f32::ceil),
            Function::Cosine => self.each(f32::cos),
            Function::Elu { alpha } => {
                self.each(|x| if x < 0.0 { alpha * x.exp_m1() } else { x });
            }
            Function::Erf => self.each(erf),
            Function::Exp => self.each(exp),
            Function::Floor => self.each(f32::floor),
            Function::Gelu => self.each(gelu),
            Function::GeluTanh => {
                self.each(|x| 0.5 * x * (1.0 + tanh(ROOT_TWO_BY_PI * (x + 0.044_715 * x * x * x))));
            }
            Function::LeakyRelu { slope } => {
                self.each(|x| if x < 0.0 { slope * x } else { x });
            }
            Function::Logarithm => self.each(f32::ln),
            Function::Negative => self.each(|x| -x),
            Function::Not => self.each(|x| truth(x == 0.0)),
            Function::NotZero => self.each(|x| truth(x != 0.0)),
            Function::Reciprocal => self.each(|x| 1.0 / x),
            Function::Round => self.each(f32::round_ties_even),
            Function::Sign => self.each(|x| truth(x > 0.0) - truth(x < 0.0)),
            Function::Sine => self.each(f32::sin),
            Function::Softplus => {
                self.each(|x| if x > 0.0 { x } else { 0.0 } + (-x.abs()).exp().ln_1p());
            }
            Function::Sqrt => self.each(f32::sqrt),
            Function::Tanh => self.each(tanh),
        }
    }
}

/// The square root of 2 / pi.
const ROOT_TWO_BY_PI: f32 = 0.797_884_6;
