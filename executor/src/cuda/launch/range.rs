//! Kernels that combine the elements of ranges.

use bytemuck::{Pod, Zeroable};

use super::names::{Names, names};
use super::operand::{Operand, Site, linear};
use super::parts::{Divisor, count, long};
use super::{Launch, LaunchError, Parameters};
use crate::artifact::{Normalize, Ranges, Reduce, Rows, Shares, Summary};

pub(super) const REDUCE_ROWS: Names = names!("reduce_rows");
pub(super) const REDUCE_COLUMNS: Names = names!("reduce_columns");
pub(super) const SHARES_ROWS: Names = names!("shares_rows");
pub(super) const SHARES_COLUMNS: Names = names!("shares_columns");
pub(super) const NORMALIZE: Names = names!("normalize");

/// Rows without gaps.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RowsParameters {
    from: u64,
    to: u64,
    /// 0 for none, both.
    scale: u64,
    shift: u64,
    rows: u32,
    len: u32,
    kind: u32,
    epsilon: f32,
}

/// Ranges side by side.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ColumnsParameters {
    from: u64,
    to: u64,
    pitch: u64,
    /// Threads side by side, or blocks.
    inner: Divisor,
    /// Elements of a result.
    width: u32,
    len: u32,
    /// Threads that share a range.
    lanes: u32,
    items: u32,
    kind: u32,
}

pub(super) fn reduce(site: Site<'_>, shape: &Reduce) -> Result<Launch, LaunchError> {
    let kind = match shape.kind {
        Summary::Max => 0,
        Summary::Mean => 1,
        Summary::Min => 2,
        Summary::Sum => 3,
    };
    let Ranges { outer, len, inner, pitch } = shape.ranges;
    if inner == 1 && pitch == 1 {
        return rows(site, &REDUCE_ROWS, [outer, len], kind, 0.0);
    }
    let (from, to) = (site.read(0), site.write());
    let aligned = from.aligned(pitch, site.lanes()) && to.aligned(inner, site.lanes());
    let wide = aligned && inner.is_multiple_of(site.lanes());
    let groups = if wide { inner / site.lanes() } else { inner };
    // How a sum is cut into parts depends on its length alone.
    let lanes = len.next_power_of_two().clamp(1, 32);
    let across = THREADS / lanes;
    let blocks = groups.div_ceil(across);
    let parameters = ColumnsParameters {
        from: from.address(),
        to: to.address(),
        pitch: long(pitch),
        inner: Divisor::new(blocks)?,
        width: count(inner)?,
        len: count(len)?,
        lanes: count(lanes)?,
        items: count(groups)?,
        kind,
    };
    Ok(Launch {
        function: REDUCE_COLUMNS.of(site.element, wide),
        grid: [count(outer * blocks)?, 1, 1],
        block: [count(across)?, count(lanes)?, 1],
        parameters: Parameters::new(&parameters),
    })
}

pub(super) fn softmax(site: Site<'_>, shape: &Rows) -> Result<Launch, LaunchError> {
    rows(site, &SHARES_ROWS, [shape.rows, shape.columns], 0, 0.0)
}

pub(super) fn shares(site: Site<'_>, shape: &Shares) -> Result<Launch, LaunchError> {
    let Ranges { outer, len, inner, .. } = shape.ranges;
    let kind = u32::from(shape.logarithm);
    if inner == 1 {
        return rows(site, &SHARES_ROWS, [outer, len], kind, 0.0);
    }
    let (from, to) = (site.read(0), site.write());
    let aligned = from.aligned(inner, site.lanes()) && to.aligned(inner, site.lanes());
    let groups = if aligned { inner / site.lanes() } else { inner };
    let items = count(outer * groups)?;
    let parameters = ColumnsParameters {
        from: from.address(),
        to: to.address(),
        pitch: long(inner),
        inner: Divisor::new(groups)?,
        width: count(inner)?,
        len: count(len)?,
        lanes: 1,
        items,
        kind,
    };
    Ok(linear(SHARES_COLUMNS.of(site.element, aligned), items, &parameters))
}

pub(super) fn normalize(site: Site<'_>, shape: &Normalize) -> Result<Launch, LaunchError> {
    let kind = u32::from(shape.scaled);
    rows(site, &NORMALIZE, [shape.rows, shape.columns], kind, shape.epsilon)
}

/// A team of threads for each row: a warp, of which a block has several, or a block.
fn rows(
    site: Site<'_>,
    names: &Names,
    [rows, len]: [usize; 2],
    kind: u32,
    epsilon: f32,
) -> Result<Launch, LaunchError> {
    let (from, to, lanes) = (site.read(0), site.write(), site.lanes());
    let line = |index: usize| {
        if site.step.reads[index].range.is_empty() { None } else { Some(site.read(index)) }
    };
    let lines = [line(1), line(2)];
    // A result per range is written by itself.
    let to_aligned = names.0 == REDUCE_ROWS.0 || to.aligned(len, lanes);
    let wide = from.aligned(len, lanes)
        && to_aligned
        && lines.iter().flatten().all(|line| line.aligned(len, lanes));
    let parameters = RowsParameters {
        from: from.address(),
        to: to.address(),
        scale: lines[0].map_or(0, Operand::address),
        shift: lines[1].map_or(0, Operand::address),
        rows: count(rows)?,
        len: count(len)?,
        kind,
        epsilon,
    };
    // How a sum is cut into parts depends on its length alone.
    let team = match if wide { len / lanes } else { len } {
        0..=WARP_READS => [32, 4],
        reads => [reads.next_power_of_two().min(THREADS), 1],
    };
    Ok(Launch {
        function: names.of(site.element, wide),
        grid: [count(rows.div_ceil(team[1]))?, 1, 1],
        block: [count(team[0])?, count(team[1])?, 1],
        parameters: Parameters::new(&parameters),
    })
}

/// Threads of a block.
const THREADS: usize = 256;

/// Rows of more reads are a block's work.
const WARP_READS: usize = 64;
