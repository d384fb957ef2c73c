//! Matrix products and the layout of their constant side.

use serde::{Deserialize, Serialize};

use super::area::{Area, Lengths, product};
use super::{Activation, Target};

/// Columns of weights come in blocks of this many, the last filled up with zeros, so that whole
/// vector registers can be read.
pub const BLOCK: usize = 16;

/// No panel is wider.
pub const PANEL: usize = 64;

/// The widths of the panels that so many columns (or filters) are cut into.
///
/// A panel is what a microkernel keeps in the lanes of vector registers: for each step of depth,
/// `width` weights side by side. Widths are multiples of [`BLOCK`], at most [`PANEL`], and as equal
/// as they can be. No columns have no panels.
pub fn panels(columns: usize) -> impl ExactSizeIterator<Item = usize> + Clone {
    let blocks = columns.div_ceil(BLOCK);
    let count = blocks.div_ceil(PANEL / BLOCK);
    (0..count).map(move |index| (blocks / count + usize::from(index < blocks % count)) * BLOCK)
}

/// A fully connected layer: `rows x inner` times `inner x columns`, one bias per column. On a
/// processor weights lie in panels (see [`panels`]), each `[inner][width]`, and biases are padded to a
/// multiple of [`BLOCK`]. On a GPU weights are `[column][inner]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Rows of input and output.
    pub rows: usize,
    /// Elements of an input row.
    pub inner: usize,
    /// Elements of an output row.
    pub columns: usize,
    /// Applied to the sum.
    pub activation: Activation,
}

impl Linear {
    /// Products that are summed up.
    pub(super) fn products(&self) -> usize {
        self.rows.saturating_mul(self.inner).saturating_mul(self.columns)
    }

    pub(super) fn lengths(&self, target: Target) -> Option<Lengths> {
        self.activation.valid()?;
        let columns = match target {
            Target::Cpu => self.columns.checked_next_multiple_of(BLOCK)?,
            Target::Cuda(_) => self.columns,
        };
        Some(Lengths::of(
            [
                Area::dense(&[self.rows, self.inner])?,
                Area::dense(&[self.inner, columns])?,
                Area::dense(&[columns])?,
            ],
            Area::dense(&[product(&[self.rows, self.columns])?])?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_all_columns_in_equal_parts() {
        for columns in 1..2000 {
            let widths: Vec<usize> = panels(columns).collect();
            assert_eq!(widths.iter().sum::<usize>(), columns.next_multiple_of(BLOCK));
            assert_eq!(widths.len(), columns.div_ceil(PANEL));
            let (first, last) = (widths[0], widths[widths.len() - 1]);
            assert!(first <= PANEL && last >= BLOCK && first - last <= BLOCK, "{widths:?}");
        }
        assert_eq!(panels(160).collect::<Vec<_>>(), [64, 48, 48]);
    }
}
