//! The values of one row, taken one after the other.

use std::str;

use clockwork_wire::Span;

/// A value that is not what its column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// Which of the row's columns.
    pub column: usize,
    /// What the column has.
    pub expected: &'static str,
}

/// The values of a row, taken in the order of its type's columns.
///
/// Each method takes the next one.
#[derive(Debug)]
pub struct Cells<'a> {
    /// The line's parts, in the file's order.
    parts: &'a [&'a [u8]],
    /// Where each column is among them.
    places: &'a [usize],
    next: usize,
}

impl<'a> Cells<'a> {
    pub(super) fn new(parts: &'a [&'a [u8]], places: &'a [usize]) -> Self {
        Self { parts, places, next: 0 }
    }

    /// An integer of at most 64 bits.
    ///
    /// # Errors
    /// If it is not a whole number of at most 64 bits.
    pub fn uint(&mut self) -> Result<u64, BadCell> {
        self.next(UINT, whole)
    }

    /// An integer of a narrower type.
    ///
    /// # Errors
    /// If it is not a whole number, or too large for the type.
    pub fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, BadCell> {
        self.next(NARROW, |text| T::try_from(whole(text)?).ok())
    }

    /// A duration in nanoseconds.
    ///
    /// # Errors
    /// If it is not a whole number.
    pub fn span(&mut self) -> Result<Span, BadCell> {
        self.uint().map(Span::new)
    }

    /// A duration in nanoseconds that holds as a limit; negative is none.
    ///
    /// # Errors
    /// If it is not a whole number.
    pub fn limit(&mut self) -> Result<Span, BadCell> {
        self.next(LIMIT, |text| {
            let negative = text.starts_with('-') && text.parse::<f64>().is_ok();
            if negative { Some(Span::MAX) } else { whole(text).map(Span::new) }
        })
    }

    /// A number.
    ///
    /// # Errors
    /// If it is not a finite number.
    pub fn float(&mut self) -> Result<f32, BadCell> {
        self.next("a number", |text| text.parse().ok().filter(|value: &f32| value.is_finite()))
    }

    /// 0 or 1.
    ///
    /// # Errors
    /// If it is neither.
    pub fn flag(&mut self) -> Result<bool, BadCell> {
        self.next("0 or 1", |text| match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        })
    }

    /// A value that `read` makes sense of.
    ///
    /// # Errors
    /// If it is no text, or `read` makes none.
    ///
    /// # Panics
    /// If more values are taken than the row type has columns.
    pub fn next<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, BadCell> {
        let column = self.next;
        self.next += 1;
        let part = self.parts[self.places[column]];
        str::from_utf8(part).ok().and_then(read).ok_or(BadCell { column, expected })
    }
}

/// A whole number, also if it is written as a float.
pub(super) fn whole(text: &str) -> Option<u64> {
    let float = || text.parse().ok().filter(|value: &f64| (0.0..=LARGEST).contains(value));
    text.parse().ok().or_else(|| float().map(|value| Span::from_f64(value).get()))
}

const UINT: &str = "a whole number from 0 on";
const NARROW: &str = "a small whole number from 0 on";
const LIMIT: &str = "a whole number from 0 on, or -1";

/// 2^64: floats up to it become integers.
const LARGEST: f64 = 18_446_744_073_709_551_616.0;
