//! Kernels on elements.

use bytemuck::{Pod, Zeroable};

use super::names::{Moving, Names, moving, names};
use super::operand::{Operand, Site, linear};
use super::parts::{Applied, Divisor, Place, count, long};
use super::{Launch, LaunchError};
use crate::artifact::{Map, Pair};

pub(super) const ADD: Names = names!("add");
pub(super) const MAP: Moving = moving!("map");

/// Rows of elements; tensors without gaps are one row.
pub(super) struct Grid<const N: usize> {
    rows: usize,
    pub(super) width: usize,
    pub(super) pitches: [usize; N],
}

/// How threads share the elements of a grid.
pub(super) struct Share {
    pub(super) wide: bool,
    /// Threads in all.
    pub(super) items: u32,
    /// Threads in a row.
    pub(super) row: Divisor,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MapParameters {
    from: Place,
    to: Place,
    pitches: [u64; 2],
    row: Divisor,
    activation: Applied,
    items: u32,
    unused: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct AddParameters {
    left: u64,
    right: u64,
    to: u64,
    pitches: [u64; 3],
    row: Divisor,
    activation: Applied,
    items: u32,
    unused: u32,
}

impl<const N: usize> Grid<N> {
    /// Rows of which each element is treated alike.
    pub(super) fn new(rows: usize, width: usize, pitches: [usize; N]) -> Self {
        if pitches.iter().all(|&pitch| pitch == width) {
            let width = rows * width;
            return Self { rows: 1, width, pitches: [width; N] };
        }
        Self { rows, width, pitches }
    }

    /// Rows in which columns differ.
    pub(super) const fn of_columns(rows: usize, width: usize, pitches: [usize; N]) -> Self {
        Self { rows, width, pitches }
    }

    /// Each thread has `lanes` neighbours if that is possible, else one.
    pub(super) fn share(&self, operands: [Operand; N], lanes: usize) -> Result<Share, LaunchError> {
        let Self { rows, width, pitches } = *self;
        let aligned = operands
            .iter()
            .zip(pitches)
            .all(|(operand, pitch)| operand.aligned(if rows == 1 { lanes } else { pitch }, lanes));
        let wide = aligned && width.is_multiple_of(lanes);
        let row = if wide { width / lanes } else { width };
        Ok(Share { wide, items: count(rows * row)?, row: Divisor::new(row)? })
    }
}

pub(super) fn map(site: Site<'_>, map: &Map) -> Result<Launch, LaunchError> {
    let grid = Grid::new(map.rows, map.width, map.pitches);
    copy(site.read(0), site.write(), &grid, map.activation.into())
}

/// Copies rows between tensors that may lie anywhere.
pub(super) fn copy(
    from: Operand,
    to: Operand,
    grid: &Grid<2>,
    activation: Applied,
) -> Result<Launch, LaunchError> {
    let lanes = from.element.lanes().max(to.element.lanes());
    let Share { wide, items, row } = grid.share([from, to], lanes)?;
    let pitches = grid.pitches.map(long);
    let (name, from, to) = (MAP.of(from, to, wide), from.place, to.place);
    Ok(linear(name, items, &MapParameters { from, to, pitches, row, activation, items, unused: 0 }))
}

pub(super) fn add(site: Site<'_>, pair: &Pair) -> Result<Launch, LaunchError> {
    let grid = Grid::new(pair.rows, pair.width, pair.pitches);
    let [left, right, to] = [site.read(0), site.read(1), site.write()];
    let Share { wide, items, row } = grid.share([left, right, to], site.lanes())?;
    let parameters = AddParameters {
        left: left.address(),
        right: right.address(),
        to: to.address(),
        pitches: grid.pitches.map(long),
        row,
        activation: pair.activation.into(),
        items,
        unused: 0,
    };
    Ok(linear(ADD.of(site.element, wide), items, &parameters))
}
