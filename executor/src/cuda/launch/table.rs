//! Integers of requests, and rows of a table.

use bytemuck::{Pod, Zeroable};

use super::names::{Names, Pair, lone, names};
use super::operand::{Operand, Site, linear};
use super::parts::{Divisor, Place, count, long};
use super::{Launch, LaunchError};
use crate::artifact;

pub(super) const LOOKUP: Names = names!("lookup");
pub(super) const INTEGERS: Pair = ["integers_f32", "integers_f16"];

/// Where numbers are.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Numbers {
    from: Place,
    /// Words of 4 bytes from those of one request to those of the next.
    stride: u64,
    /// Numbers of a request.
    width: Divisor,
    /// Words of one; 0 if they are elements of the workspace instead, without gaps.
    words: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct IntegersParameters {
    numbers: Numbers,
    to: u64,
    items: u32,
    unused: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct LookupParameters {
    numbers: Numbers,
    table: u64,
    to: u64,
    /// Threads of a row.
    row: Divisor,
    rows: u32,
    items: u32,
    unused: u32,
}

impl Numbers {
    fn integers(from: Operand, shape: &artifact::Integers) -> Result<Self, LaunchError> {
        Ok(Self {
            from: from.place,
            stride: long(shape.stride),
            width: Divisor::new(shape.width)?,
            words: count(shape.words())?,
        })
    }

    fn computed(from: Operand) -> Result<Self, LaunchError> {
        Ok(Self { from: from.place, stride: 0, width: Divisor::new(1)?, words: 0 })
    }
}

pub(super) fn integers(site: Site<'_>, shape: &artifact::Integers) -> Result<Launch, LaunchError> {
    let items = count(shape.count())?;
    let numbers = Numbers::integers(site.read(0), shape)?;
    let parameters = IntegersParameters { numbers, to: site.write().address(), items, unused: 0 };
    Ok(linear(lone(INTEGERS, site.element), items, &parameters))
}

pub(super) fn embedding(
    site: Site<'_>,
    shape: &artifact::Embedding,
) -> Result<Launch, LaunchError> {
    let numbers = Numbers::integers(site.read(0), &shape.tokens)?;
    let lookup =
        artifact::Lookup { rows: shape.rows, width: shape.width, count: shape.tokens.count() };
    found(site, numbers, site.read(1), &lookup)
}

pub(super) fn lookup(site: Site<'_>, shape: &artifact::Lookup) -> Result<Launch, LaunchError> {
    found(site, Numbers::computed(site.read(1))?, site.read(0), shape)
}

fn found(
    site: Site<'_>,
    numbers: Numbers,
    table: Operand,
    shape: &artifact::Lookup,
) -> Result<Launch, LaunchError> {
    let (to, lanes) = (site.write(), site.lanes());
    let wide = table.aligned(shape.width, lanes) && to.aligned(shape.width, lanes);
    let groups = if wide { shape.width / lanes } else { shape.width };
    let items = count(shape.count * groups)?;
    let parameters = LookupParameters {
        numbers,
        table: table.address(),
        to: to.address(),
        row: Divisor::new(groups)?,
        rows: count(shape.rows)?,
        items,
        unused: 0,
    };
    Ok(linear(LOOKUP.of(site.element, wide), items, &parameters))
}
