//! What a model indexes with, and what it finds.

use super::run::Operands;
use crate::artifact::{Embedding, Integers, Lookup};

pub(super) fn integers(shape: &Integers, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    for (element, number) in write.iter_mut().zip(numbers(shape, input)) {
        *element = number;
    }
}

pub(super) fn embedding(shape: &Embedding, operands: Operands<'_>) {
    let Operands { reads: [input, table, ..], write, .. } = operands;
    find((shape.rows, shape.width), table, numbers(&shape.tokens, input), write);
}

pub(super) fn lookup(shape: &Lookup, operands: Operands<'_>) {
    let Operands { reads: [table, indices, ..], write, .. } = operands;
    find((shape.rows, shape.width), table, indices.iter().copied(), write);
}

/// Rows of a table by their indices.
fn find(
    (rows, width): (usize, usize),
    table: &[f32],
    indices: impl Iterator<Item = f32>,
    write: &mut [f32],
) {
    for (entry, index) in write.chunks_exact_mut(width).zip(indices) {
        match place(index, rows) {
            Some(row) => entry.copy_from_slice(&table[row * width..][..width]),
            // An answer that is none says so, where that of another row would be believed.
            None => entry.fill(f32::NAN),
        }
    }
}

/// The integers of all requests as floats.
fn numbers(shape: &Integers, input: &[f32]) -> impl Iterator<Item = f32> {
    let words = shape.words();
    let len = shape.width * words;
    let rows = input.chunks(shape.stride).map(move |row| &row[..len]);
    rows.flat_map(move |row| row.chunks_exact(words)).map(|words| {
        if let [low, high] = words {
            let bits = u64::from(high.to_bits()) << 32 | u64::from(low.to_bits());
            rounded(bits.cast_signed())
        } else {
            rounded(words[0].to_bits().cast_signed().into())
        }
    })
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
