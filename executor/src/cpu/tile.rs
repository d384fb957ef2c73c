//! The microkernel: a tile of output pixels and output channels, kept in registers while all of its
//! inputs pass by.
//!
//! Channels are the lanes of vector registers, pixels are broadcast. Where a pixel's inputs lie is a
//! table of pointers, one per tap, so that windows, strides and borders cost nothing inside.
#![expect(unsafe_code, reason = "microkernels take raw pointers")]
#![expect(
    unsafe_op_in_unsafe_fn,
    reason = "a microkernel is sound under one promise of its caller"
)]
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use std::ptr;

use super::lanes::{Lanes, Quad};
#[cfg(target_arch = "x86_64")]
use super::lanes::{Ymm, Zmm};

/// Pixels of which the inputs are looked up together; a multiple of every microkernel's.
pub(super) const STRIP: usize = 24;

/// Where the inputs of a strip of pixels begin, for one tap.
pub(super) type Sources = [*const f32; STRIP];

/// One call of a microkernel.
pub(super) struct Tile<'a> {
    /// Weights of the first tap and channel.
    pub(super) weights: *const f32,
    /// Elements from the weights of one channel to those of the next.
    pub(super) panel: usize,
    /// For each tap, where the strip's pixels are.
    pub(super) sources: &'a [Sources],
    /// The tile's first pixel in the strip.
    pub(super) first: usize,
    /// Channels of a tap.
    pub(super) channels: usize,
    /// Where the output of the first pixel goes.
    pub(super) output: *mut f32,
    /// Elements from the output of one pixel to that of the next.
    pub(super) pitch: usize,
    /// Output channels that count.
    pub(super) columns: usize,
    /// What sums begin with, a whole register per block of columns; null to begin with what the
    /// output holds.
    pub(super) bias: *const f32,
    /// What is added at the end; null for nothing.
    pub(super) residual: *const f32,
    /// Elements from what is added to one pixel to what is added to the next.
    pub(super) residual_pitch: usize,
    /// What sums are cut to at the end.
    pub(super) bounds: (f32, f32),
}

/// A microkernel for a fixed number of registers and pixels.
pub(super) type Microkernel = unsafe fn(&Tile<'_>);

/// An instruction set's microkernels.
#[derive(Clone, Copy)]
pub(super) struct Set {
    /// Elements of a register.
    pub(super) lanes: usize,
    /// Registers of output channels that a call computes at most.
    pub(super) registers: usize,
    /// Pixels that a call computes at most, for each number of registers from 1.
    pub(super) pixels: [usize; 4],
    /// The microkernel for so many registers and pixels, both from 1.
    pub(super) at: fn(usize, usize) -> Microkernel,
}

/// # Safety
/// The processor has the instructions of `V`. The table has pixels from `first` to `first + C`, and
/// each pointer leads to `channels` elements. There are `taps * channels` weights of `panel`
/// elements, of which the first `R * V::LEN` are read. Output and residual have `columns` elements
/// at each of the `C` pixels, the bias `R * V::LEN`. `columns` is at most `R * V::LEN`, and nobody
/// else uses the output.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const C: usize>(tile: &Tile<'_>) {
    let mut sums = begin::<V, R, C>(tile);
    let mut weights = tile.weights;
    for sources in tile.sources {
        let mut pixels = [ptr::null(); C];
        pixels.copy_from_slice(&sources[tile.first..tile.first + C]);
        for channel in 0..tile.channels {
            let mut row = [V::load(weights); R];
            for (r, register) in row.iter_mut().enumerate().skip(1) {
                *register = V::load(weights.wrapping_add(r * V::LEN));
            }
            for c in 0..C {
                let pixel = V::splat(*pixels[c].wrapping_add(channel));
                for r in 0..R {
                    sums[c][r] = pixel.mul_add(row[r], sums[c][r]);
                }
            }
            weights = weights.wrapping_add(tile.panel);
        }
    }
    end::<V, R, C>(tile, sums);
}

/// What the sums begin with.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn begin<V: Lanes, const R: usize, const C: usize>(tile: &Tile<'_>) -> [[V; R]; C] {
    let mut sums = [[V::splat(0.0); R]; C];
    for (c, pixel) in sums.iter_mut().enumerate() {
        for (r, sum) in pixel.iter_mut().enumerate() {
            *sum = if tile.bias.is_null() {
                let from = tile.output.wrapping_add(c * tile.pitch + r * V::LEN);
                V::load_first(from, left::<V>(tile, r))
            } else {
                V::load(tile.bias.wrapping_add(r * V::LEN))
            };
        }
    }
    sums
}

/// Writes the sums.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn end<V: Lanes, const R: usize, const C: usize>(tile: &Tile<'_>, sums: [[V; R]; C]) {
    let (low, high) = (V::splat(tile.bounds.0), V::splat(tile.bounds.1));
    for (c, pixel) in sums.into_iter().enumerate() {
        for (r, mut sum) in pixel.into_iter().enumerate() {
            let count = left::<V>(tile, r);
            if !tile.residual.is_null() {
                let from = tile.residual.wrapping_add(c * tile.residual_pitch + r * V::LEN);
                sum = sum.add(V::load_first(from, count));
            }
            sum = high.min(low.max(sum));
            let to = tile.output.wrapping_add(c * tile.pitch + r * V::LEN);
            if count == V::LEN {
                sum.store(to);
            } else {
                sum.store_first(to, count);
            }
        }
    }
}

/// Columns of register `r` that count.
#[inline(always)]
fn left<V: Lanes>(tile: &Tile<'_>, r: usize) -> usize {
    tile.columns.saturating_sub(r * V::LEN).min(V::LEN)
}

/// The microkernels of one instruction set for every number of registers and pixels, and the one
/// that is asked for.
macro_rules! microkernels {
    ($at:ident, $one:ident, $register:ty, [$($feature:literal)?]) => {
        $(#[target_feature(enable = $feature)])?
        unsafe fn $one<const R: usize, const C: usize>(job: &Tile<'_>) {
            // SAFETY: the caller's promise is passed on.
            unsafe { tile::<$register, R, C>(job) };
        }

        fn $at(registers: usize, pixels: usize) -> Microkernel {
            microkernels!(@table $one, registers, pixels,
                1: [1 2 3 4 5 6 7 8 9 10 11 12],
                2: [1 2 3 4 5 6 7 8 9 10 11 12],
                3: [1 2 3 4 5 6 7 8],
                4: [1 2 3 4 5 6])
        }
    };
    (@table $one:ident, $registers:ident, $pixels:ident,
     $($r:literal: [$($c:literal)*]),*) => {
        match ($registers, $pixels) {
            $($(($r, $c) => $one::<$r, $c>,)*)*
            _ => unreachable!("no microkernel has so many registers and pixels"),
        }
    };
}

microkernels!(portable_at, portable, Quad, []);
#[cfg(target_arch = "x86_64")]
microkernels!(avx2_at, avx2, Ymm, ["avx2,fma"]);
#[cfg(target_arch = "x86_64")]
microkernels!(avx512_at, avx512, Zmm, ["avx512f"]);

/// Sixteen registers of four lanes.
pub(super) const PORTABLE: Set =
    Set { lanes: 4, registers: 4, pixels: [8, 4, 3, 2], at: portable_at };

/// Sixteen registers of eight lanes.
#[cfg(target_arch = "x86_64")]
pub(super) const AVX2: Set = Set { lanes: 8, registers: 2, pixels: [12, 6, 0, 0], at: avx2_at };

/// 32 registers of sixteen lanes.
#[cfg(target_arch = "x86_64")]
pub(super) const AVX512: Set =
    Set { lanes: 16, registers: 4, pixels: [12, 12, 8, 6], at: avx512_at };
