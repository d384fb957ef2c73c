//! Pooling, across the channels of some pixels at a time.
#![expect(unsafe_code, reason = "vector registers are loaded from and stored to raw pointers")]
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use std::ops::Range;

use super::convolution::View;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::math::float;
use super::run::Operands;
use super::tile::Sources;
use super::window::{Windows, slide};
use crate::artifact::{Pool, Reduction, Sliding};

pub(super) fn pool(kernels: Kernels, shape: &Pool, operands: Operands<'_>) {
    let Operands { reads: [image, ..], scratch, write } = operands;
    let max = shape.reduction == Reduction::Max;
    // What a tap in the padding sees: what changes nothing.
    scratch.fill(if max { f32::NEG_INFINITY } else { 0.0 });
    kernels.work(Pooling { shape, image, padding: scratch, write });
}

struct Pooling<'a> {
    shape: &'a Pool,
    image: &'a [f32],
    padding: &'a [f32],
    write: &'a mut [f32],
}

impl Work for Pooling<'_> {
    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        let shape = self.shape;
        let (elements, zeros, window) = (self.image, self.padding, &shape.window);
        let view = View { elements, pitch: shape.pitch_in, window, zeros };
        slide::<V>(&view, shape.images, shape.channels, &mut self);
    }
}

impl Windows for Pooling<'_> {
    #[inline(always)]
    fn take<V: Lanes>(&mut self, strip: Range<usize>, taps: Range<usize>, table: &[Sources]) {
        match self.shape.reduction {
            Reduction::Max => self.strip::<V, true>(strip, taps.start == 0, table),
            Reduction::Average | Reduction::AveragePadded => {
                self.strip::<V, false>(strip, taps.start == 0, table);
            }
        }
    }

    #[inline(always)]
    fn finish(&mut self, strip: Range<usize>) {
        if self.shape.reduction != Reduction::Max {
            self.average(strip);
        }
    }
}

impl Pooling<'_> {
    #[inline(always)]
    fn strip<V: Lanes, const MAX: bool>(
        &mut self,
        strip: Range<usize>,
        begins: bool,
        table: &[Sources],
    ) {
        let Pool { channels, pitch_out: pitch, .. } = *self.shape;
        for (slot, pixel) in strip.enumerate() {
            let output = &mut self.write[pixel * pitch..][..channels];
            for channel in (0..channels).step_by(V::LEN) {
                let left = channels - channel;
                let to = output[channel..].as_mut_ptr();
                // SAFETY: the processor has the instructions of `V`. Sources and output have `left`
                // elements from `channel` on.
                unsafe { reduce::<V, MAX>(table, slot, channel, left, begins, to) };
            }
        }
    }

    /// Makes means of the sums of some pixels.
    #[inline(always)]
    fn average(&mut self, strip: Range<usize>) {
        let shape = self.shape;
        let [high, wide] = shape.window.output().expect("a checked window fits its image");
        for pixel in strip {
            let (line, x) = (pixel / wide, pixel % wide);
            let count = match shape.reduction {
                Reduction::AveragePadded => shape.window.taps(),
                Reduction::Max | Reduction::Average => {
                    inside(&shape.window, 0, line % high) * inside(&shape.window, 1, x)
                }
            };
            let share = if count == 0 { 0.0 } else { 1.0 / float(count) };
            for element in &mut self.write[pixel * shape.pitch_out..][..shape.channels] {
                *element *= share;
            }
        }
    }
}

/// How many taps along an axis lie in the image.
fn inside(window: &Sliding, axis: usize, output: usize) -> usize {
    (0..window.kernel[axis]).filter(|&tap| window.source(axis, output, tap).is_some()).count()
}

/// The maximum or the sum of one register of channels of a pixel's sources.
///
/// # Safety
/// The processor has the instructions of `V`. Every source of the slot has `left` elements from
/// `channel` on, up to a register; as many can be written at `to`, and are there unless it begins.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
unsafe fn reduce<V: Lanes, const MAX: bool>(
    table: &[Sources],
    slot: usize,
    channel: usize,
    left: usize,
    begins: bool,
    to: *mut f32,
) {
    let mut result = V::splat(if MAX { f32::NEG_INFINITY } else { 0.0 });
    if !begins {
        result = V::load_first(to, left.min(V::LEN));
    }
    for sources in table {
        let from = sources[slot].wrapping_add(channel);
        let source = if left >= V::LEN { V::load(from) } else { V::load_first(from, left) };
        result = if MAX { source.max(result) } else { result.add(source) };
    }
    if left >= V::LEN {
        result.store(to);
    } else {
        result.store_first(to, left);
    }
}
