//! Pooling.

use bytemuck::{Pod, Zeroable};

use super::names::{Names, names};
use super::operand::{Site, linear};
use super::parts::{Divisor, count, long};
use super::pointwise::{Grid, Share};
use super::{Launch, LaunchError};
use crate::artifact::{self, Reduction, Sliding};

pub(super) const POOL: Names = names!("pool");
/// Windows of 2 x 2 and 3 x 3 taps without gaps.
pub(super) const POOL_2: Names = names!("pool_2");
pub(super) const POOL_3: Names = names!("pool_3");

/// A window; pairs are height, width.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Window {
    input: [u32; 2],
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    begin: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PoolParameters {
    from: u64,
    to: u64,
    pitches: [u64; 2],
    window: Window,
    /// Threads of a pixel, pixels of a row, rows of an image.
    pixel: Divisor,
    row: Divisor,
    image: Divisor,
    items: u32,
    kind: u32,
    unused: u32,
}

impl Window {
    pub(super) fn new(window: &Sliding) -> Result<Self, LaunchError> {
        let pair = |pair: [usize; 2]| Ok([count(pair[0])?, count(pair[1])?]);
        Ok(Self {
            input: pair(window.input)?,
            kernel: pair(window.kernel)?,
            stride: pair(window.stride)?,
            dilation: pair(window.dilation)?,
            begin: pair(window.begin)?,
        })
    }
}

/// Height and width of what a window gives.
pub(super) fn output(window: &Sliding) -> [usize; 2] {
    window.output().expect("a checked window fits its image")
}

pub(super) fn pool(site: Site<'_>, shape: &artifact::Pool) -> Result<Launch, LaunchError> {
    let [high, wide_output] = output(&shape.window);
    let pitches = [shape.pitch_in, shape.pitch_out];
    let (from, to) = (site.read(0), site.write());
    let pixels = shape.images * high * wide_output;
    let grid = Grid::of_columns(pixels.max(2), shape.channels, pitches);
    let Share { wide, row: pixel, .. } = grid.share([from, to], site.lanes())?;
    let lanes = if wide { site.lanes() } else { 1 };
    let items = count(pixels * (shape.channels / lanes))?;
    let parameters = PoolParameters {
        from: from.address(),
        to: to.address(),
        pitches: pitches.map(long),
        window: Window::new(&shape.window)?,
        pixel,
        row: Divisor::new(wide_output)?,
        image: Divisor::new(high)?,
        items,
        kind: match shape.reduction {
            Reduction::Max => 0,
            Reduction::Average => 1,
            Reduction::AveragePadded => 2,
        },
        unused: 0,
    };
    let names = match (shape.window.kernel, shape.window.dilation) {
        ([2, 2], [1, 1]) => POOL_2,
        ([3, 3], [1, 1]) => POOL_3,
        _ => POOL,
    };
    Ok(linear(names.of(site.element, wide), items, &parameters))
}
