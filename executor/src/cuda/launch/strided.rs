//! Kernels that walk over tensors by strides.

use bytemuck::{Pod, Zeroable};

use super::names::{Moving, Names, moving, names};
use super::operand::{Operand, Site, linear};
use super::parts::{Applied, Divisor, Place, count, long};
use super::{Launch, LaunchError};
use crate::artifact::{Border, Broadcast, Combination, DIMENSIONS, Grid, Select, Strided};

pub(super) const BROADCAST: Names = names!("broadcast");
pub(super) const SELECT: Names = names!("select");
pub(super) const STRIDED: Moving = moving!("strided");
pub(super) const BORDER: Names = names!("border");

/// How up to three inputs are walked over.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Walk {
    /// Elements from one row of the output to the next.
    pitch: u64,
    /// Elements from one index to the next along each dimension.
    steps: [[i64; DIMENSIONS]; 3],
    /// The dimensions; the last is in threads.
    dims: [Divisor; DIMENSIONS],
    rank: u32,
    items: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BroadcastParameters {
    reads: [u64; 2],
    to: u64,
    walk: Walk,
    activation: Applied,
    combination: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SelectParameters {
    reads: [u64; 3],
    to: u64,
    walk: Walk,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct StridedParameters {
    from: Place,
    to: Place,
    walk: Walk,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BorderParameters {
    from: u64,
    to: u64,
    /// Dimensions of the output; the last of all is in threads.
    outer: [Divisor; DIMENSIONS],
    dims: [u32; DIMENSIONS],
    begin: [u32; DIMENSIONS],
    rank: u32,
    items: u32,
    value: f32,
    unused: u32,
}

/// Signed strides of `N` inputs, each as long as the grid has dimensions.
struct Route<'a, const N: usize> {
    grid: &'a Grid,
    steps: [Vec<i64>; N],
}

impl<const N: usize> Route<'_, N> {
    /// Whether each thread can have `lanes` neighbours of a row.
    fn is_wide(&self, reads: [Operand; N], to: Operand, lanes: usize) -> bool {
        let last = self.grid.dims.len() - 1;
        let whole = |step: &i64| step.unsigned_abs().is_multiple_of(long(lanes));
        let fits = |(steps, read): (&Vec<i64>, Operand)| match steps[last] {
            0 => true,
            1 => steps[..last].iter().all(whole) && read.aligned(0, lanes),
            _ => false,
        };
        let pitch = if self.grid.rows() == 1 { 0 } else { self.grid.pitch };
        self.grid.width().is_multiple_of(lanes)
            && to.aligned(pitch, lanes)
            && self.steps.iter().zip(reads).all(fits)
    }

    fn walk(&self, lanes: usize) -> Result<Walk, LaunchError> {
        let grid = self.grid;
        let last = grid.dims.len() - 1;
        let mut steps = [[0; DIMENSIONS]; 3];
        for (all, own) in steps.iter_mut().zip(&self.steps) {
            all[..own.len()].copy_from_slice(own);
        }
        let mut dims = [Divisor::new(1)?; DIMENSIONS];
        for (axis, &dim) in grid.dims.iter().enumerate() {
            dims[axis] = Divisor::new(if axis == last { dim / lanes } else { dim })?;
        }
        let items = count(grid.rows() * (grid.width() / lanes))?;
        Ok(Walk { pitch: long(grid.pitch), steps, dims, rank: count(grid.dims.len())?, items })
    }
}

pub(super) fn broadcast(site: Site<'_>, shape: &Broadcast) -> Result<Launch, LaunchError> {
    let route = Route { grid: &shape.grid, steps: shape.strides.each_ref().map(|s| forward(s)) };
    let (reads, to) = ([site.read(0), site.read(1)], site.write());
    let wide = route.is_wide(reads, to, site.lanes());
    let walk = route.walk(if wide { site.lanes() } else { 1 })?;
    let parameters = BroadcastParameters {
        reads: reads.map(Operand::address),
        to: to.address(),
        walk,
        activation: shape.activation.into(),
        combination: code(shape.combination),
    };
    Ok(linear(BROADCAST.of(site.element, wide), walk.items, &parameters))
}

pub(super) fn select(site: Site<'_>, shape: &Select) -> Result<Launch, LaunchError> {
    let route = Route { grid: &shape.grid, steps: shape.strides.each_ref().map(|s| forward(s)) };
    let (reads, to) = ([site.read(0), site.read(1), site.read(2)], site.write());
    let wide = route.is_wide(reads, to, site.lanes());
    let walk = route.walk(if wide { site.lanes() } else { 1 })?;
    let (reads, to) = (reads.map(Operand::address), to.address());
    let name = SELECT.of(site.element, wide);
    Ok(linear(name, walk.items, &SelectParameters { reads, to, walk }))
}

pub(super) fn strided(site: Site<'_>, shape: &Strided) -> Result<Launch, LaunchError> {
    let signed = |&stride: &isize| i64::try_from(stride).expect("a distance fits 64 bits");
    let steps = [shape.strides.iter().map(signed).collect()];
    let route = Route { grid: &shape.grid, steps };
    let (mut from, to) = (site.read(0), site.write());
    from.place.address += long(shape.begin * from.element.bytes());
    let lanes = from.element.lanes().max(to.element.lanes());
    let wide = route.is_wide([from], to, lanes);
    let walk = route.walk(if wide { lanes } else { 1 })?;
    let (name, from, to) = (STRIDED.of(from, to, wide), from.place, to.place);
    Ok(linear(name, walk.items, &StridedParameters { from, to, walk }))
}

pub(super) fn border(site: Site<'_>, shape: &Border) -> Result<Launch, LaunchError> {
    let (from, to) = (site.read(0), site.write());
    let last = shape.dims.len() - 1;
    let mut lanes = site.lanes();
    let row = [shape.dims[last], shape.begin[last], shape.end[last]];
    let aligned = from.aligned(0, lanes) && to.aligned(0, lanes);
    let wide = aligned && row.iter().all(|elements| elements.is_multiple_of(lanes));
    if !wide {
        lanes = 1;
    }
    let mut outer = [Divisor::new(1)?; DIMENSIONS];
    let (mut dims, mut begin) = ([1; DIMENSIONS], [0; DIMENSIONS]);
    let mut items = 1;
    for axis in 0..=last {
        let each = if axis == last { lanes } else { 1 };
        let whole = (shape.dims[axis] + shape.begin[axis] + shape.end[axis]) / each;
        outer[axis] = Divisor::new(whole)?;
        dims[axis] = count(shape.dims[axis] / each)?;
        begin[axis] = count(shape.begin[axis] / each)?;
        items *= whole;
    }
    let (from, to, items) = (from.address(), to.address(), count(items)?);
    let (rank, value) = (count(shape.dims.len())?, shape.value);
    let parameters =
        BorderParameters { from, to, outer, dims, begin, rank, items, value, unused: 0 };
    Ok(linear(BORDER.of(site.element, wide), items, &parameters))
}

fn forward(strides: &[usize]) -> Vec<i64> {
    let signed = |&stride: &usize| i64::try_from(stride).expect("a distance fits 64 bits");
    strides.iter().map(signed).collect()
}

/// A combination's number in `kernels/broadcast.cu`.
const fn code(combination: Combination) -> u32 {
    match combination {
        Combination::Add => 0,
        Combination::And => 1,
        Combination::Divide => 2,
        Combination::Equal => 3,
        Combination::Greater => 4,
        Combination::GreaterOrEqual => 5,
        Combination::Less => 6,
        Combination::LessOrEqual => 7,
        Combination::Max => 8,
        Combination::Min => 9,
        Combination::Multiply => 10,
        Combination::Or => 11,
        Combination::Power => 12,
        Combination::Slope => 13,
        Combination::Subtract => 14,
    }
}
