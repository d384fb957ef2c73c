//! Products of two computed matrices.

use bytemuck::{Pod, Zeroable};

use super::names::{Pair, lone};
use super::operand::Site;
use super::parts::{Divisor, count, long};
use super::{Launch, LaunchError, Parameters};
use crate::artifact::{self, DIMENSIONS};

pub(super) const MATMUL: Pair = ["matmul_f32", "matmul_f16"];

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MatmulParameters {
    left: u64,
    right: u64,
    to: u64,
    left_row: u64,
    right_row: u64,
    right_column: u64,
    /// Elements from one matrix to the next, left and right, along each outer dimension.
    outer: [[u64; DIMENSIONS]; 2],
    dims: [Divisor; DIMENSIONS],
    /// Tiles side by side, tiles one below the other.
    across: Divisor,
    down: Divisor,
    rank: u32,
    rows: u32,
    inner: u32,
    columns: u32,
}

pub(super) fn matmul(site: Site<'_>, shape: &artifact::Matmul) -> Result<Launch, LaunchError> {
    let mut dims = [Divisor::new(1)?; DIMENSIONS];
    let mut outer = [[0; DIMENSIONS]; 2];
    for (axis, &dim) in shape.outer.iter().enumerate() {
        dims[axis] = Divisor::new(dim)?;
        outer[0][axis] = long(shape.left.outer[axis]);
        outer[1][axis] = long(shape.right.outer[axis]);
    }
    let (across, down) = (shape.columns.div_ceil(TILE), shape.rows.div_ceil(TILE));
    let matrices: usize = shape.outer.iter().product();
    let parameters = MatmulParameters {
        left: site.read(0).address(),
        right: site.read(1).address(),
        to: site.write().address(),
        left_row: long(shape.left.row),
        right_row: long(shape.right.row),
        right_column: long(shape.right.column),
        outer,
        dims,
        across: Divisor::new(across)?,
        down: Divisor::new(down)?,
        rank: count(shape.outer.len())?,
        rows: count(shape.rows)?,
        inner: count(shape.inner)?,
        columns: count(shape.columns)?,
    };
    // Loads through shared memory go element by element: neighbours of a warp lie side by side.
    Ok(Launch {
        function: lone(MATMUL, site.element),
        grid: [count(matrices * across * down)?, 1, 1],
        block: [256, 1, 1],
        parameters: Parameters::new(&parameters),
    })
}

/// Rows and columns of what a block computes.
const TILE: usize = 64;
