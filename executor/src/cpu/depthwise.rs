//! Convolution of each channel by itself.
#![expect(unsafe_code, reason = "vector registers are loaded from and stored to raw pointers")]
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use std::ops::Range;
use std::ptr;

use super::activation::activate;
use super::convolution::View;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::run::Operands;
use super::tile::Sources;
use super::window::{Windows, slide};
use crate::artifact::Depthwise;

pub(super) fn depthwise(kernels: Kernels, shape: &Depthwise, operands: Operands<'_>) {
    let Operands { reads: [image, weights, bias, _], scratch, write } = operands;
    scratch.fill(0.0);
    kernels.work(Channels { shape, image, zeros: scratch, weights, bias, write });
}

struct Channels<'a> {
    shape: &'a Depthwise,
    image: &'a [f32],
    /// What a tap in the padding sees.
    zeros: &'a [f32],
    weights: &'a [f32],
    bias: &'a [f32],
    write: &'a mut [f32],
}

impl Work for Channels<'_> {
    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        let shape = self.shape;
        let (elements, zeros, window) = (self.image, self.zeros, &shape.window);
        let view = View { elements, pitch: shape.pitch_in, window, zeros };
        slide::<V>(&view, shape.images, shape.channels, &mut self);
    }
}

impl Windows for Channels<'_> {
    /// What is not the first part adds to what the part before left.
    #[inline(always)]
    fn take<V: Lanes>(&mut self, strip: Range<usize>, part: Range<usize>, table: &[Sources]) {
        let Depthwise { channels, pitch_out: pitch, .. } = *self.shape;
        let bounds =
            self.shape.activation.bounds().filter(|_| part.end == self.shape.window.taps());
        let weights = &self.weights[part.start * channels..part.end * channels];
        for channel in (0..channels).step_by(V::LEN) {
            let left = channels - channel;
            let bias = self.bias[channel..][..left].as_ptr();
            let mut tile = Tile {
                weights: weights[channel..].as_ptr(),
                channels,
                table,
                first: 0,
                channel,
                left,
                bias: if part.start == 0 { bias } else { ptr::null() },
                output: ptr::null_mut(),
                pitch,
                bounds: bounds.unwrap_or((f32::NEG_INFINITY, f32::INFINITY)),
            };
            let mut rest = strip.clone();
            while !rest.is_empty() {
                let output = &mut self.write[rest.start * pitch + channel..];
                let count = if rest.len() >= PIXELS { PIXELS } else { 1 };
                assert!(
                    (count - 1) * pitch + left.min(V::LEN) <= output.len(),
                    "pixels lie inside"
                );
                tile.output = output.as_mut_ptr();
                tile.first = rest.start - strip.start;
                // The processor has the instructions of `V`. Sources have `channels` elements,
                // weights as many per tap of the table, the bias `left`, and the output as the
                // assertion says.
                if count == PIXELS {
                    // SAFETY: as said.
                    unsafe { several::<V, PIXELS>(&tile) };
                } else {
                    // SAFETY: as said.
                    unsafe { several::<V, 1>(&tile) };
                }
                rest.start += count;
            }
        }
    }

    #[inline(always)]
    fn finish(&mut self, strip: Range<usize>) {
        let shape = self.shape;
        for pixel in strip.filter(|_| shape.activation.bounds().is_none()) {
            let output = &mut self.write[pixel * shape.pitch_out..];
            activate(shape.activation, &mut output[..shape.channels]);
        }
    }
}

/// One register of channels of some pixels.
struct Tile<'a> {
    /// Weights of the first tap.
    weights: *const f32,
    /// Elements from the weights of one tap to those of the next.
    channels: usize,
    table: &'a [Sources],
    /// The first pixel's place in the table.
    first: usize,
    /// The first channel.
    channel: usize,
    /// Channels from there on.
    left: usize,
    /// What sums begin with; null for what the output holds.
    bias: *const f32,
    output: *mut f32,
    pitch: usize,
    bounds: (f32, f32),
}

/// A register, or as much of it as is left.
///
/// # Safety
/// The processor has the instructions of `V`, and there are `left` elements, up to a register.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
unsafe fn load<V: Lanes>(from: *const f32, left: usize) -> V {
    if left >= V::LEN { V::load(from) } else { V::load_first(from, left) }
}

/// # Safety
/// The processor has the instructions of `V`. From `channel` on there are `left` elements of each
/// source of each of the `P` pixels, of the weights of each tap and of the bias; as many can be
/// written at each pixel of the output, up to a register.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
unsafe fn several<V: Lanes, const P: usize>(tile: &Tile<'_>) {
    let mut sums = [V::splat(0.0); P];
    for (p, sum) in sums.iter_mut().enumerate() {
        let output = tile.output.wrapping_add(p * tile.pitch);
        *sum = load(if tile.bias.is_null() { output } else { tile.bias }, tile.left);
    }
    let mut weights = tile.weights;
    for sources in tile.table {
        let weight: V = load(weights, tile.left);
        for p in 0..P {
            let from = sources[tile.first + p].wrapping_add(tile.channel);
            let source: V = load(from, tile.left);
            sums[p] = source.mul_add(weight, sums[p]);
        }
        weights = weights.wrapping_add(tile.channels);
    }
    let (low, high) = (V::splat(tile.bounds.0), V::splat(tile.bounds.1));
    for (p, &sum) in sums.iter().enumerate() {
        let sum = high.min(low.max(sum));
        let output = tile.output.wrapping_add(p * tile.pitch);
        if tile.left >= V::LEN {
            sum.store(output);
        } else {
            sum.store_first(output, tile.left);
        }
    }
}

/// Pixels that are computed together.
const PIXELS: usize = 8;
