//! Kernels that work on elements or on rows.

use serde::{Deserialize, Serialize};

use super::Activation;
use super::area::{Area, Lengths};

/// One operation on the elements of two tensors of the same shape: rows of `width` elements, each
/// tensor with its own pitch. A plain tensor is one row, an image has a row per pixel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Elements from one row to the next: of the first, of the second, of the result.
    pub pitches: [usize; 3],
    /// Applied to the result.
    #[serde(default)]
    pub activation: Activation,
}

/// One operation on the elements of a tensor, in rows like a [`Pair`]'s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Elements from one row to the next: of the input, of the result.
    pub pitches: [usize; 2],
    /// What is done.
    #[serde(default)]
    pub activation: Activation,
}

/// One operation on each row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub columns: usize,
}

impl Pair {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        self.activation.valid()?;
        let area = |pitch: usize| Area::new(self.rows, self.width, pitch);
        let [first, second, write] = self.pitches;
        Some(Lengths::of([area(first)?, area(second)?], area(write)?))
    }
}

impl Map {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        self.activation.valid()?;
        let area = |pitch: usize| Area::new(self.rows, self.width, pitch);
        let [read, write] = self.pitches;
        Some(Lengths::of([area(read)?], area(write)?))
    }
}

impl Rows {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let area = Area::dense(&[self.rows, self.columns])?;
        Some(Lengths::of([area], area))
    }
}
