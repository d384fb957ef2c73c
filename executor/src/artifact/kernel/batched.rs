//! Products of two computed matrices.

use serde::{Deserialize, Serialize};

use super::area::{Area, Lengths, product};
use super::matrix::BLOCK;
use super::strided::{DIMENSIONS, last};

/// `rows x inner` times `inner x columns` for each index of some outer dimensions. Inputs are walked
/// over by strides; the output has no gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matmul {
    /// The outer dimensions, at most [`DIMENSIONS`] of them.
    pub outer: Vec<usize>,
    /// Rows of the left matrix and of the result.
    pub rows: usize,
    /// Columns of the left matrix, rows of the right one.
    pub inner: usize,
    /// Columns of the right matrix and of the result.
    pub columns: usize,
    /// Where the left matrices are; neighbours in a row lie side by side.
    pub left: Walk,
    /// Where the right matrices are.
    pub right: Walk,
}

/// How the matrices of an operand are walked over, in elements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Walk {
    /// From one index to the next along each outer dimension.
    pub outer: Vec<usize>,
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next; positive.
    pub column: usize,
}

impl Matmul {
    /// Products that are summed up.
    pub(super) fn products(&self) -> usize {
        let outputs = self.lengths().map_or(0, |lengths| lengths.write.width);
        outputs.saturating_mul(self.inner)
    }

    pub(super) fn lengths(&self) -> Option<Lengths> {
        if self.outer.len() > DIMENSIONS || self.left.column != 1 || self.right.column == 0 {
            return None;
        }
        let count = product(&self.outer)?;
        let write = Area::dense(&[count, self.rows, self.columns])?;
        let left = self.read(&self.left, self.rows, self.inner)?;
        let right = self.read(&self.right, self.inner, self.columns)?;
        let mut lengths = Lengths::of([left, right], write);
        // One right matrix in panels, and the zeros that sums begin with.
        let padded = self.columns.checked_next_multiple_of(BLOCK)?;
        lengths.scratch = product(&[self.inner.checked_add(1)?, padded])?;
        Some(lengths)
    }

    fn read(&self, walk: &Walk, rows: usize, columns: usize) -> Option<Area> {
        if walk.outer.len() != self.outer.len() {
            return None;
        }
        let steps = self.outer.iter().zip(&walk.outer);
        let steps = steps.chain([(&rows, &walk.row), (&columns, &walk.column)]);
        Area::dense(&[last(steps)? + 1])
    }
}
