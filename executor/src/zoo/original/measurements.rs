//! The original's measured times, `P.measurements`: the part of libconfig's syntax that they use.
//!
//! `weights = <ns>L;` and `b<batch> = <ns>L;`, with the `L` and the `;` optional, `:` for `=`, and
//! comments `//`, `#` and `/* */`.

use clockwork_wire::{BatchProfile, BatchSize, Span};
use thiserror::Error;

/// How long a model takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// Time to copy the weights to the device.
    pub weights: Span,
    /// Batch sizes in rising order; the first is 1.
    pub batches: Vec<BatchProfile>,
}

/// What is wrong with measurements, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` at byte {offset}: {problem}")]
pub struct MeasurementsError {
    /// The setting.
    pub field: String,
    /// Where it begins, in bytes from the file's start.
    pub offset: usize,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl Measurements {
    /// Reads measurements.
    ///
    /// # Errors
    /// Names the setting and offset of the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, MeasurementsError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let problem = "the file is not text (UTF-8)".to_owned();
            MeasurementsError { field: String::new(), offset: error.valid_up_to(), problem }
        })?;
        let mut scanner = Scanner { text, offset: 0 };
        let mut weights = None;
        let mut batches: Vec<BatchProfile> = Vec::new();
        while let Some((offset, name, ns)) = scanner.setting()? {
            let fail = |problem: String| {
                Err(MeasurementsError { field: name.to_owned(), offset, problem })
            };
            if name == "weights" {
                if weights.replace(Span::new(ns)).is_some() {
                    return fail("is set twice".to_owned());
                }
                continue;
            }
            let Some(batch) = batch_size(name) else {
                return fail("is unknown: `weights` and `b1` to `b256` are allowed".to_owned());
            };
            if batches.iter().any(|entry| entry.batch == batch) {
                return fail("is set twice".to_owned());
            }
            batches.push(BatchProfile { batch, exec: Span::new(ns) });
        }
        batches.sort_unstable_by_key(|entry| entry.batch);
        let missing = |field: &str| MeasurementsError {
            field: field.to_owned(),
            offset: text.len(),
            problem: "is missing".to_owned(),
        };
        if batches.first().is_none_or(|entry| entry.batch != BatchSize::ONE) {
            return Err(missing("b1"));
        }
        Ok(Self { weights: weights.ok_or_else(|| missing("weights"))?, batches })
    }
}

fn batch_size(name: &str) -> Option<BatchSize> {
    BatchSize::new(name.strip_prefix('b')?.parse().ok()?)
}

/// The part of the text that has not been read yet.
#[derive(Debug)]
struct Scanner<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Scanner<'a> {
    /// The next setting, `name = number`: where it begins, its name and its number.
    fn setting(&mut self) -> Result<Option<(usize, &'a str, u64)>, MeasurementsError> {
        self.skip()?;
        if self.rest().is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        self.skip()?;
        if name.is_empty() || !(self.accept("=") || self.accept(":")) {
            let field = if name.is_empty() { self.excerpt() } else { name.to_owned() };
            let problem = "a setting looks like `b1 = 1000000L;`".to_owned();
            return Err(MeasurementsError { field, offset, problem });
        }
        self.skip()?;
        let digits = self.take_while(|c| c.is_ascii_digit());
        let Ok(number) = digits.parse() else {
            let problem = format!("`{digits}{}` is not a number of nanoseconds", self.excerpt());
            return Err(MeasurementsError { field: name.to_owned(), offset, problem });
        };
        while self.accept("L") {}
        self.skip()?;
        if !self.accept(";") {
            self.accept(",");
        }
        Ok(Some((offset, name, number)))
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), MeasurementsError> {
        loop {
            self.take_while(char::is_whitespace);
            if self.accept("//") || self.accept("#") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                let Some(end) = self.rest().find("*/") else {
                    let problem = "the comment does not end".to_owned();
                    let field = "/*".to_owned();
                    return Err(MeasurementsError { field, offset: self.offset, problem });
                };
                self.offset += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn take_while(&mut self, mut accept: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.offset += len;
        &rest[..len]
    }

    fn accept(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.offset += token.len();
        }
        found
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    /// What comes next, for a message.
    fn excerpt(&self) -> String {
        self.rest().chars().take_while(|c| !c.is_whitespace()).take(16).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "// times\nweights = 10L; # copy\nb4=4;/* b\n2 */ b1 : 1L\nb2 = 2L;";

    fn fails(text: &str) -> (String, usize) {
        let error = Measurements::parse(text.as_bytes()).unwrap_err();
        (error.field, error.offset)
    }

    #[test]
    fn times_are_read_in_any_order_and_between_comments() {
        let times = Measurements::parse(SAMPLE.as_bytes()).unwrap();
        assert_eq!(times.weights, Span::new(10));
        let batches: Vec<_> =
            times.batches.iter().map(|entry| (entry.batch.get(), entry.exec.get())).collect();
        assert_eq!(batches, [(1, 1), (2, 2), (4, 4)]);
    }

    #[test]
    fn errors_name_the_setting_and_where_it_begins() {
        assert_eq!(fails("weights = 1; b2 = 2;"), ("b1".to_owned(), 20));
        assert_eq!(fails("b1 = 2;"), ("weights".to_owned(), 7));
        assert_eq!(fails("b1 = 2; b1 = 3;"), ("b1".to_owned(), 8));
        assert_eq!(fails("b0 = 2;"), ("b0".to_owned(), 0));
        assert_eq!(fails("b257 = 2;"), ("b257".to_owned(), 0));
        assert_eq!(fails("b1 = -2;"), ("b1".to_owned(), 0));
        assert_eq!(fails("b1 = 99999999999999999999;"), ("b1".to_owned(), 0));
        assert_eq!(fails("b1 2;"), ("b1".to_owned(), 0));
        assert_eq!(fails("{ b1"), ("{".to_owned(), 0));
        assert_eq!(fails("/* b1 = 2;"), ("/*".to_owned(), 0));
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_read_or_refused() {
        for len in 0..SAMPLE.len() {
            let _ = Measurements::parse(&SAMPLE.as_bytes()[..len]);
        }
        assert!(Measurements::parse(&[0xff, 0xfe]).is_err());
    }
}
