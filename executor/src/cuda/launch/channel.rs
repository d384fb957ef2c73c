//! Kernels on rows whose columns have numbers of their own.

use bytemuck::{Pod, Zeroable};

use super::names::{Names, names};
use super::operand::{Operand, Site, linear};
use super::parts::{Applied, Divisor, Place, long};
use super::pointwise::{Grid, Share};
use super::{Launch, LaunchError};
use crate::artifact::{self, Activation, Element};

pub(super) const AFFINE: Names = names!("affine");
pub(super) const EPILOGUE: Names = names!("epilogue");

/// What is left to do on the result of a library, in place: a bias per column, perhaps another
/// tensor, and an activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue {
    /// The type of all elements.
    pub element: Element,
    /// Rows.
    pub rows: usize,
    /// Elements of a row, and biases.
    pub width: usize,
    /// Where the rows are, in bytes.
    pub image: u64,
    /// Elements from one row to the next.
    pub pitch: usize,
    /// Where the biases are, in bytes.
    pub bias: u64,
    /// Where the tensor that is added is, in bytes, and its pitch in elements.
    pub residual: Option<(u64, usize)>,
    /// Applied to the sum.
    pub activation: Activation,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct AffineParameters {
    from: u64,
    to: u64,
    scale: u64,
    shift: u64,
    pitches: [u64; 2],
    row: Divisor,
    activation: Applied,
    items: u32,
    unused: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct EpilogueParameters {
    image: u64,
    bias: u64,
    /// 0 for none.
    residual: u64,
    pitches: [u64; 2],
    row: Divisor,
    activation: Applied,
    items: u32,
    unused: u32,
}

pub(super) fn affine(site: Site<'_>, shape: &artifact::Affine) -> Result<Launch, LaunchError> {
    let [from, scale, shift, to] = [site.read(0), site.read(1), site.read(2), site.write()];
    let [read, write] = shape.pitches;
    let pitches = [read, write, shape.width, shape.width];
    let grid = Grid::of_columns(shape.rows, shape.width, pitches);
    let Share { wide, items, row } = grid.share([from, to, scale, shift], site.lanes())?;
    let parameters = AffineParameters {
        from: from.address(),
        to: to.address(),
        scale: scale.address(),
        shift: shift.address(),
        pitches: shape.pitches.map(long),
        row,
        activation: shape.activation.into(),
        items,
        unused: 0,
    };
    Ok(linear(AFFINE.of(site.element, wide), items, &parameters))
}

impl Epilogue {
    /// The launch that does it.
    ///
    /// # Errors
    /// If the tensor is too large.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let Self { element, rows, width, image, pitch, bias, .. } = *self;
        // Without a residual the image stands for it: it changes nothing of what is possible.
        let (residual, residual_pitch) = self.residual.unwrap_or((image, pitch));
        let operands = [image, residual, bias]
            .map(|address| Operand { place: Place { address, slot: 0 }, element });
        let grid = Grid::of_columns(rows, width, [pitch, residual_pitch, width]);
        let Share { wide, items, row } = grid.share(operands, element.lanes())?;
        let parameters = EpilogueParameters {
            image,
            bias,
            residual: self.residual.map_or(0, |(address, _)| address),
            pitches: [long(pitch), long(residual_pitch)],
            row,
            activation: self.activation.into(),
            items,
            unused: 0,
        };
        Ok(linear(EPILOGUE.of(element, wide), items, &parameters))
    }
}
