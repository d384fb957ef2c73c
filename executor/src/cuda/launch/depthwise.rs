//! Convolution of each channel by itself.

use bytemuck::{Pod, Zeroable};

use super::names::{Names, names};
use super::operand::{Site, linear};
use super::parts::{Applied, Divisor, count, long};
use super::pointwise::{Grid, Share};
use super::pool::{Window, output};
use super::{Launch, LaunchError};
use crate::artifact::{self, Element};

pub(super) const DEPTHWISE: Names = names!("depthwise");

/// Windows of `kernel x kernel`, `stride` apart, of which a thread computes `pixels` in a row.
struct Tile {
    kernel: usize,
    stride: usize,
    pixels: usize,
    /// For f32 and f16; all wide.
    names: [&'static str; 2],
}

macro_rules! tile {
    ($kernel:literal, $stride:literal, $pixels:literal) => {
        Tile {
            kernel: $kernel,
            stride: $stride,
            pixels: $pixels,
            names: [
                concat!("depthwise_", $kernel, "_", $stride, "_", $pixels, "_f32"),
                concat!("depthwise_", $kernel, "_", $stride, "_", $pixels, "_f16"),
            ],
        }
    };
}

/// Those with more pixels come first.
const TILES: [Tile; 7] = [
    tile!(3, 1, 4),
    tile!(3, 2, 4),
    tile!(5, 1, 4),
    tile!(3, 1, 1),
    tile!(3, 2, 1),
    tile!(5, 1, 1),
    tile!(5, 2, 1),
];

/// Threads that keep a large GPU busy: only beyond them are inputs read once for several pixels.
const BUSY: usize = 40_000;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct DepthwiseParameters {
    from: u64,
    weights: u64,
    bias: u64,
    to: u64,
    pitches: [u64; 2],
    window: Window,
    channels: u32,
    /// Pixels of a row of the output.
    wide: u32,
    /// Threads of a pixel, threads along a row, rows of an image.
    pixel: Divisor,
    row: Divisor,
    image: Divisor,
    activation: Applied,
    items: u32,
    unused: u32,
}

/// The names of all tiles.
pub(super) fn tiles() -> impl Iterator<Item = &'static str> {
    TILES.iter().flat_map(|tile| tile.names)
}

pub(super) fn depthwise(
    site: Site<'_>,
    shape: &artifact::Depthwise,
) -> Result<Launch, LaunchError> {
    let [high, wide_output] = output(&shape.window);
    let [from, weights, bias, to] = [site.read(0), site.read(1), site.read(2), site.write()];
    let rows = shape.images * high;
    let pitches = [shape.pitch_in, shape.pitch_out];
    let [read, write] = pitches;
    let all = [read, write, shape.channels, shape.channels];
    // A tensor of one pixel must be aligned as well.
    let grid = Grid::of_columns((rows * wide_output).max(2), shape.channels, all);
    let Share { wide, row: pixel, .. } = grid.share([from, to, weights, bias], site.lanes())?;
    let groups = if wide { shape.channels / site.lanes() } else { shape.channels };
    let tile = tile(shape, rows * groups).filter(|_| wide);
    let along = wide_output.div_ceil(tile.map_or(1, |tile| tile.pixels));
    let items = count(rows * along * groups)?;
    let name = match (tile, site.element) {
        (None, element) => DEPTHWISE.of(element, wide),
        (Some(tile), Element::F32) => tile.names[0],
        (Some(tile), Element::F16) => tile.names[1],
    };
    let parameters = DepthwiseParameters {
        from: from.address(),
        weights: weights.address(),
        bias: bias.address(),
        to: to.address(),
        pitches: pitches.map(long),
        window: Window::new(&shape.window)?,
        channels: count(shape.channels)?,
        wide: count(wide_output)?,
        pixel,
        row: Divisor::new(along)?,
        image: Divisor::new(high)?,
        activation: shape.activation.into(),
        items,
        unused: 0,
    };
    Ok(linear(name, items, &parameters))
}

/// The tile for a window, if there is one; every row has so many groups of channels.
fn tile(shape: &artifact::Depthwise, groups: usize) -> Option<&'static Tile> {
    let window = &shape.window;
    let wide = output(window)[1];
    TILES.iter().find(|tile| {
        let square = window.kernel == [tile.kernel; 2] && window.stride == [tile.stride; 2];
        let busy = tile.pixels == 1 || wide.div_ceil(tile.pixels) * groups >= BUSY;
        square && window.dilation == [1, 1] && busy
    })
}
