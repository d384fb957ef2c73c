//! Entries of a dimension by their index.

use bytemuck::{Pod, Zeroable};

use super::names::{Names, names};
use super::operand::{Site, linear};
use super::parts::{Divisor, count};
use super::{Launch, LaunchError, Tables};
use crate::artifact;

pub(super) const GATHER: Names = names!("gather");

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GatherParameters {
    from: u64,
    to: u64,
    indices: u64,
    /// Threads of an entry, entries of a result.
    entry: Divisor,
    block: Divisor,
    /// Entries to choose from.
    len: u32,
    items: u32,
}

pub(super) fn gather(
    site: Site<'_>,
    shape: &artifact::Gather,
    tables: &mut Tables,
) -> Result<Launch, LaunchError> {
    let (from, to, lanes) = (site.read(0), site.write(), site.lanes());
    let wide = from.aligned(shape.inner, lanes) && to.aligned(shape.inner, lanes);
    let groups = if wide { shape.inner / lanes } else { shape.inner };
    let indices: Vec<u32> = shape.indices.iter().map(|&at| count(at)).collect::<Result<_, _>>()?;
    let items = count(shape.outer * indices.len() * groups)?;
    let parameters = GatherParameters {
        from: from.address(),
        to: to.address(),
        indices: site.at.tables + tables.add(&indices),
        entry: Divisor::new(groups)?,
        block: Divisor::new(indices.len())?,
        len: count(shape.len)?,
        items,
    };
    Ok(linear(GATHER.of(site.element, wide), items, &parameters))
}
