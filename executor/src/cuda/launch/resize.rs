//! Images of another size.

use bytemuck::{NoUninit, Pod, Zeroable};

use super::names::{Names, names};
use super::operand::{Site, linear};
use super::parts::{Divisor, count, long};
use super::{Launch, LaunchError, Tables};
use crate::artifact;

pub(super) const RESIZE: Names = names!("resize");

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ResizeParameters {
    from: u64,
    to: u64,
    pitches: [u64; 2],
    rows: u64,
    columns: u64,
    /// Height and width of the input.
    input: [u32; 2],
    /// Threads of a pixel, pixels of a row, rows of an image.
    pixel: Divisor,
    row: Divisor,
    image: Divisor,
    items: u32,
}

/// Two neighbours and the share of the higher one.
#[derive(Clone, Copy, NoUninit)]
#[repr(C)]
struct Sample {
    low: u32,
    high: u32,
    share: f32,
    unused: u32,
}

pub(super) fn resize(
    site: Site<'_>,
    shape: &artifact::Resize,
    tables: &mut Tables,
) -> Result<Launch, LaunchError> {
    let (from, to, lanes) = (site.read(0), site.write(), site.lanes());
    let [pitch_in, pitch_out] = shape.pitches;
    let aligned = from.aligned(pitch_in, lanes) && to.aligned(pitch_out, lanes);
    let wide = aligned && shape.channels.is_multiple_of(lanes);
    let groups = if wide { shape.channels / lanes } else { shape.channels };
    let [high, wide_input] = shape.input;
    let [rows, columns] = [samples(&shape.rows)?, samples(&shape.columns)?];
    let items = count(shape.images * rows.len() * columns.len() * groups)?;
    let parameters = ResizeParameters {
        from: from.address(),
        to: to.address(),
        pitches: shape.pitches.map(long),
        rows: site.at.tables + tables.add(&rows),
        columns: site.at.tables + tables.add(&columns),
        input: [count(high)?, count(wide_input)?],
        pixel: Divisor::new(groups)?,
        row: Divisor::new(columns.len())?,
        image: Divisor::new(rows.len())?,
        items,
    };
    Ok(linear(RESIZE.of(site.element, wide), items, &parameters))
}

fn samples(list: &[artifact::Sample]) -> Result<Vec<Sample>, LaunchError> {
    let convert = |&artifact::Sample(low, high, share): &artifact::Sample| {
        Ok(Sample { low: count(low)?, high: count(high)?, share, unused: 0 })
    };
    list.iter().map(convert).collect()
}
