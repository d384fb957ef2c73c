//! What a model indexes with, and what it finds.

use super::run::Operands;
use crate::artifact::{Integers, Lookup};

pub(super) fn integers(shape: &Integers, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    let words = shape.width * shape.words();
    for (row, output) in input.chunks(shape.stride).zip(write.chunks_exact_mut(shape.width)) {
        if shape.wide {
            let pairs = row[..words].as_chunks::<2>().0;
            for (element, [low, high]) in output.iter_mut().zip(pairs) {
                let bits = u64::from(high.to_bits()) << 32 | u64::from(low.to_bits());
                *element = rounded(bits.cast_signed());
            }
        } else {
            for (element, word) in output.iter_mut().zip(row) {
                *element = rounded(word.to_bits().cast_signed().into());
            }
        }
    }
}

pub(super) fn lookup(shape: &Lookup, operands: Operands<'_>) {
    let Operands { reads: [table, indices, ..], write, .. } = operands;
    let entries = write.chunks_exact_mut(shape.width);
    for (entry, &index) in entries.zip(indices) {
        match place(index, shape.rows) {
            Some(row) => entry.copy_from_slice(&table[row * shape.width..][..shape.width]),
            // An answer that is none says so, where that of another row would be believed.
            None => entry.fill(f32::NAN),
        }
    }
}

/// Which of so many rows an index means.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a table has at most 2^24 rows, and an index between them is cut to a whole one"
)]
fn place(index: f32, rows: usize) -> Option<usize> {
    let rows = rows as f32;
    let counted = if index < 0.0 { index + rows } else { index };
    (0.0..rows).contains(&counted).then_some(counted as usize)
}

/// The nearest float: the number itself up to 2^24.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "rounding is meant")]
fn rounded(number: i64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_a_row_or_none() {
        assert_eq!([0.0, 2.0, -1.0, -3.0].map(|index| place(index, 3)), [0, 2, 2, 0].map(Some));
        for index in [3.0, -4.0, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(place(index, 3), None, "{index}");
        }
    }
}
