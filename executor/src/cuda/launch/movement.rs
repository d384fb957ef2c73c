//! Between planes and pixels.

use bytemuck::{Pod, Zeroable};

use super::names::{Moving, moving};
use super::operand::{Operand, Site, linear};
use super::parts::{Divisor, Place, count, long};
use super::pointwise::{Grid, copy};
use super::{Launch, LaunchError, Parameters};
use crate::artifact::{Activation, Transfer};

pub(super) const TO_PIXELS: Moving = moving!("to_pixels");
pub(super) const TO_PLANES: Moving = moving!("to_planes");

/// A thread brings a pixel with no more channels; more go through tiles in shared memory (the *wide*
/// functions).
const FEW: usize = 8;

/// Channels and pixels of a tile.
const TILE: usize = 32;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct TransferParameters {
    planes: Place,
    pixels: Place,
    /// Elements from the planes of one image to those of the next.
    stride: u64,
    pitch: u64,
    channels: u32,
    /// Pixels of an image.
    count: u32,
    /// Pixels of an image, or tiles along them.
    along: Divisor,
    /// Tiles along the channels.
    across: Divisor,
    /// Channels that are written, zeros behind the others included.
    written: u32,
    /// Whether a pixel's channels fill 16 bytes and are written at once.
    whole: u32,
    items: u32,
    unused: u32,
}

pub(super) fn to_pixels(site: Site<'_>, transfer: &Transfer) -> Result<Launch, LaunchError> {
    let (planes, pixels) = (site.read(0), site.write());
    let Transfer { images, channels, pixels: count, stride, pitch, zeros } = *transfer;
    match (channels, count, zeros) {
        (channels, 1, 0) => same(planes, pixels, images, channels, [stride, pitch]),
        (1, count, 0) if pitch == 1 => same(planes, pixels, images, count, [stride, count]),
        _ => apart(&TO_PIXELS, [planes, pixels], [planes, pixels], transfer),
    }
}

pub(super) fn to_planes(site: Site<'_>, transfer: &Transfer) -> Result<Launch, LaunchError> {
    let (pixels, planes) = (site.read(0), site.write());
    let Transfer { images, channels, pixels: count, stride, pitch, .. } = *transfer;
    match (channels, count) {
        (channels, 1) => same(pixels, planes, images, channels, [pitch, stride]),
        (1, count) if pitch == 1 => same(pixels, planes, images, count, [count, stride]),
        _ => apart(&TO_PLANES, [pixels, planes], [planes, pixels], transfer),
    }
}

/// Planes and pixels that lie alike.
fn same(
    from: Operand,
    to: Operand,
    rows: usize,
    width: usize,
    pitches: [usize; 2],
) -> Result<Launch, LaunchError> {
    copy(from, to, &Grid::new(rows, width, pitches), Activation::None.into())
}

fn apart(
    names: &Moving,
    [from, to]: [Operand; 2],
    [planes, pixels]: [Operand; 2],
    transfer: &Transfer,
) -> Result<Launch, LaunchError> {
    let written = transfer.channels + transfer.zeros;
    let tiled = written > FEW;
    let tile = if tiled { TILE } else { 1 };
    let along = transfer.pixels.div_ceil(tile);
    let across = if tiled { written.div_ceil(TILE) } else { 1 };
    let items = count(transfer.images * along * across)?;
    let lanes = to.element.lanes();
    let whole = written == lanes && to.aligned(transfer.pitch, lanes);
    let parameters = TransferParameters {
        planes: planes.place,
        pixels: pixels.place,
        stride: long(transfer.stride),
        pitch: long(transfer.pitch),
        channels: count(transfer.channels)?,
        count: count(transfer.pixels)?,
        along: Divisor::new(along)?,
        across: Divisor::new(across)?,
        written: count(written)?,
        whole: u32::from(whole),
        items,
        unused: 0,
    };
    let function = names.of(from, to, tiled);
    if tiled {
        let (grid, block) = ([items, 1, 1], [32, 8, 1]);
        return Ok(Launch { function, grid, block, parameters: Parameters::new(&parameters) });
    }
    Ok(linear(function, items, &parameters))
}
