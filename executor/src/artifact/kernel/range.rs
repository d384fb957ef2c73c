//! Kernels that combine the elements of a range.

use serde::{Deserialize, Serialize};

use super::Activation;
use super::area::{Area, ELEMENTS_MAX, Lengths, product};

/// Ranges of `len` elements, for each of `outer` and, side by side, for each of `inner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    /// Ranges one after the other.
    pub outer: usize,
    /// Elements of a range.
    pub len: usize,
    /// Ranges side by side.
    pub inner: usize,
    /// Elements from one element of a range to the next, at least `inner`.
    pub pitch: usize,
}

/// What becomes of each range; the result has `outer x inner` elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reduce {
    /// The ranges.
    pub ranges: Ranges,
    /// What is done.
    pub kind: Summary,
}

/// What becomes of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// Its largest element.
    Max,
    /// The sum divided by the length.
    Mean,
    /// Its smallest element.
    Min,
    /// The sum.
    Sum,
}

/// The exponentials of the elements of each range as shares of their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// The ranges, without gaps.
    pub ranges: Ranges,
    /// Whether the logarithms of the shares are wanted.
    pub logarithm: bool,
}

/// Rows that are brought to mean 0 and variance 1, then perhaps multiplied and shifted, each column
/// by its own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub columns: usize,
    /// Added to the variance; finite, not negative.
    pub epsilon: f32,
    /// Whether columns have factors and summands.
    pub scaled: bool,
}

/// Rows whose elements are multiplied and shifted, each column by its own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affine {
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Elements from one row to the next: of the input, of the result.
    pub pitches: [usize; 2],
    /// Applied to the result.
    #[serde(default)]
    pub activation: Activation,
}

/// Entries of a dimension by their index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gather {
    /// Times that the dimension comes.
    pub outer: usize,
    /// Entries of the dimension.
    pub len: usize,
    /// Elements of an entry.
    pub inner: usize,
    /// Which entries, each below `len`.
    pub indices: Vec<usize>,
}

impl Ranges {
    fn read(&self) -> Option<Area> {
        Area::new(product(&[self.outer, self.len])?, self.inner, self.pitch)
    }
}

impl Reduce {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let read = self.ranges.read()?;
        Some(Lengths::of([read], Area::dense(&[self.ranges.outer, self.ranges.inner])?))
    }
}

impl Shares {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let Ranges { outer, len, inner, pitch } = self.ranges;
        let area = Area::dense(&[outer, len, inner]).filter(|_| pitch == inner)?;
        let mut lengths = Lengths::of([area], area);
        // The largest element and the sum of each range.
        lengths.scratch = inner.checked_mul(2).filter(|&scratch| scratch <= ELEMENTS_MAX)?;
        Some(lengths)
    }
}

impl Normalize {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let sane = self.epsilon.is_finite() && self.epsilon >= 0.0;
        let area = Area::dense(&[self.rows, self.columns]).filter(|_| sane)?;
        let line = Area::dense(&[self.columns])?;
        Some(if self.scaled {
            Lengths::of([area, line, line], area)
        } else {
            Lengths::of([area], area)
        })
    }
}

impl Affine {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        self.activation.valid()?;
        let area = |pitch: usize| Area::new(self.rows, self.width, pitch);
        let [read, write] = self.pitches;
        let line = Area::dense(&[self.width])?;
        Some(Lengths::of([area(read)?, line, line], area(write)?))
    }
}

impl Gather {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let inside = self.indices.iter().all(|&index| index < self.len);
        let read = Area::dense(&[self.outer, self.len, self.inner]).filter(|_| inside)?;
        Some(Lengths::of([read], Area::dense(&[self.outer, self.indices.len(), self.inner])?))
    }
}
