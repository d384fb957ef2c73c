//! Kernels for what a model indexes with: tokens, say.

use serde::{Deserialize, Serialize};

use super::area::{Area, Lengths, product};

/// Integers of io memory that become floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Integers {
    /// Requests.
    pub rows: usize,
    /// Integers of a request.
    pub width: usize,
    /// Words of 4 bytes from the integers of one request to those of the next.
    pub stride: usize,
    /// Whether an integer has two words, the low one first.
    pub wide: bool,
}

/// Rows of a table, each by an integer of io memory: [`Integers`] and [`Lookup`] in one, whatever the target's floats hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// Rows of the table; at most 2^24.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// What is looked up.
    pub tokens: Integers,
}

/// Rows of a table, each by its index, a whole number. One below zero counts from the table's end; a row that the
/// table does not have is NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// Rows of the table; at most 2^24, so that a float holds every index.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// How many rows are looked up.
    pub count: usize,
}

impl Integers {
    /// Words of one.
    pub const fn words(&self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.rows.saturating_mul(self.width)
    }

    pub(super) fn lengths(&self) -> Option<Lengths> {
        Some(Lengths::of([self.area()?], Area::dense(&[self.rows, self.width])?))
    }

    fn area(&self) -> Option<Area> {
        Area::new(self.rows, product(&[self.width, self.words()])?, self.stride)
    }
}

impl Embedding {
    /// Reads the integers and the table.
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let table = Area::dense(&[self.rows, self.width]).filter(|_| self.rows <= ROWS_MAX)?;
        let write = Area::dense(&[self.tokens.rows, self.tokens.width, self.width])?;
        Some(Lengths::of([self.tokens.area()?, table], write))
    }
}

impl Lookup {
    /// Reads the table and the indices.
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let table = Area::dense(&[self.rows, self.width]).filter(|_| self.rows <= ROWS_MAX)?;
        let write = Area::dense(&[self.count, self.width])?;
        Some(Lengths::of([table, Area::dense(&[self.count])?], write))
    }
}

const ROWS_MAX: usize = 1 << 24;
