//! Writes rows as the lines that the reader reads.

use std::fmt::{Display, Write as _};

use clockwork_wire::Span;

use super::Row;

/// The header line of a log of such rows.
pub fn header<T: Row>() -> String {
    T::COLUMNS.join("\t") + "\n"
}

/// Appends a row as a line.
pub fn line<T: Row>(row: &T, text: &mut String) {
    row.put(&mut Writer { text, empty: true });
    text.push('\n');
}

/// Takes the values of a row, in the order of its type's columns.
#[derive(Debug)]
pub struct Writer<'a> {
    text: &'a mut String,
    empty: bool,
}

impl Writer<'_> {
    /// A whole number.
    pub fn uint(&mut self, value: impl Into<u64>) {
        self.put(value.into());
    }

    /// A duration, in nanoseconds.
    pub fn span(&mut self, span: Span) {
        self.put(span.get());
    }

    /// A limit on a duration; [`Span::MAX`] is none, and -1 in the file.
    pub fn limit(&mut self, limit: Span) {
        if limit == Span::MAX { self.put(-1) } else { self.span(limit) }
    }

    /// A number: the shortest text that reads back as the same.
    pub fn float(&mut self, value: f32) {
        self.put(value);
    }

    /// 0 or 1.
    pub fn flag(&mut self, flag: bool) {
        self.put(u8::from(flag));
    }

    fn put(&mut self, value: impl Display) {
        let tab = if self.empty { "" } else { "\t" };
        self.empty = false;
        write!(self.text, "{tab}{value}").expect("a string takes every character");
    }
}
