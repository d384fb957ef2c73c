//! One line of a TSV log, built in a buffer that is used again.

use std::io::Write as _;

use clockwork_wire::Span;

use super::row::{Column, Put, Uint};

/// Appends the columns of one line to a buffer; [`Put::end`] ends the line.
///
/// Integers are written by hand: a busy controller logs a hundred thousand lines of twenty columns
/// a second, and the formatting machinery would take several times as long.
pub(super) struct Line<'a> {
    line: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Line<'a> {
    /// Begins a line.
    pub(super) fn begin(line: &'a mut Vec<u8>) -> Self {
        Self { line, empty: true }
    }

    fn separate(&mut self) {
        if !self.empty {
            self.line.push(b'\t');
        }
        self.empty = false;
    }
}

impl Put for Line<'_> {
    fn uint(mut self, value: impl Uint) -> Self {
        self.separate();
        let mut digits = [0_u8; DIGITS_MAX];
        let mut first = DIGITS_MAX;
        let mut rest: u64 = value.into();
        loop {
            first -= 1;
            digits[first] = DIGITS[usize::from(u8::try_from(rest % 10).unwrap_or(0))];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.line.extend_from_slice(&digits[first..]);
        self
    }

    /// The shortest decimal that reads back as the same number; `0` for zero.
    fn float(mut self, value: f32) -> Self {
        self.separate();
        write!(self.line, "{value}").expect("a vector takes every byte");
        self
    }

    /// No limit is `-1`.
    fn limit(mut self, limit: Span) -> Self {
        if limit != Span::MAX {
            return self.span(limit);
        }
        self.separate();
        self.line.extend_from_slice(b"-1");
        self
    }

    fn end(self) {
        self.line.push(b'\n');
    }
}

/// The names of the columns as the first line of a log.
pub(super) fn header(columns: &[Column]) -> String {
    line(columns.iter().map(|column| column.name))
}

/// Names as the first line of a log.
pub(super) fn line<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut line = names.collect::<Vec<_>>().join("\t");
    line.push('\n');
    line
}

/// Digits of `u64::MAX`.
const DIGITS_MAX: usize = 20;
const DIGITS: &[u8; 10] = b"0123456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_separated_by_tabs_and_end_with_a_newline() {
        let mut line = Vec::new();
        let columns = Line::begin(&mut line).uint(7_u32).limit(Span::MAX).limit(Span::new(5));
        columns.flag(true).float(2.9).float(0.0).end();
        assert_eq!(line, b"7\t-1\t5\t1\t2.9\t0\n");
    }

    #[test]
    fn integers_of_every_length_are_written_in_full() {
        let lengths = (0..=19).map(|n| 10_u64.pow(n));
        for value in lengths.flat_map(|power| [power - 1, power]).chain([u64::MAX]) {
            let mut line = Vec::new();
            Line::begin(&mut line).uint(value).end();
            assert_eq!(line, format!("{value}\n").into_bytes());
        }
    }
}
