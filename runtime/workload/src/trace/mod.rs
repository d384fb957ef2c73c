//! Traces of Azure Functions: how often each function was called in each minute of a day.
//!
//! [`Trace::read`] takes the official dataset of 2019 and samples from it, as a stream; [`plain`]
//! takes off a compression. [`Files`] gives traces and other files.

mod error;
mod files;
mod lines;
mod log;
mod plain;

pub use error::FileError;
pub use files::{Files, Folder, Nowhere};
pub(crate) use lines::Lines;
pub(crate) use log::{Asked, Log};
pub use plain::plain;

use std::io::Read;

/// Calls of each function in each minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    minutes: usize,
    functions: Vec<Function>,
    sampled: bool,
}

/// A row of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Function {
    /// Calls in all minutes together.
    pub(crate) total: u64,
    /// The minutes that have calls, rising, with their number.
    pub(crate) calls: Vec<(u32, u32)>,
}

impl Trace {
    /// Reads a trace: a header with columns of names (owner, application, function, trigger) and
    /// after them one per minute, called `1`, `2`, ... as in the official dataset or `minute_1`, ... as in
    /// samples from it; then a line per function. `file` is what errors call it.
    ///
    /// # Errors
    /// If it cannot be read, is empty, has no minutes or no calls at all, or a line has other columns
    /// than the header, or a count that is no number.
    pub fn read(file: &str, from: impl Read) -> Result<Self, FileError> {
        let mut lines = Lines::new(file, from);
        let wrong = |line, reason: String| FileError::of(file, reason).at(line);
        let Some((_, header)) = lines.next()? else {
            return Err(FileError::of(file, "it is empty"));
        };
        let header = Header::parse(header).map_err(|reason| wrong(1, reason))?;
        let mut functions = Vec::new();
        while let Some((number, line)) = lines.next()? {
            if line.is_empty() {
                continue;
            }
            let function = header.function(line);
            functions.push(function.map_err(|blame| match blame {
                Blame::Line(reason) => wrong(number, reason),
                Blame::Field(name, reason) => wrong(number, reason).field(&name),
            })?);
        }
        if functions.iter().all(|function| function.total == 0) {
            return Err(FileError::of(file, "no function of it is ever called"));
        }
        let Header { minutes, sampled, .. } = header;
        Ok(Self { minutes, functions, sampled })
    }

    /// How many functions there are.
    pub fn functions(&self) -> usize {
        self.functions.len()
    }

    /// How many minutes there are.
    pub fn minutes(&self) -> usize {
        self.minutes
    }

    /// Whether its header is that of a sample (`minute_1`) rather than the official dataset's (`1`):
    /// its rates are then a small part of the whole.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// All calls.
    pub fn total(&self) -> u64 {
        self.functions.iter().map(|function| function.total).sum()
    }

    /// Calls of each function in `count` minutes from `first` on, going round at the end; if there
    /// are none at all, in the whole trace.
    ///
    /// # Panics
    /// Never: minutes are numbered with 32 bits.
    pub fn calls(&self, first: usize, count: usize) -> Vec<f64> {
        let minutes = self.minutes.max(1);
        let (rounds, rest) = (count / minutes, count % minutes);
        let times = |minute: u32| {
            let minute = usize::try_from(minute).expect("a u32 fits usize");
            let after = (minute + minutes - first % minutes) % minutes;
            rounds + usize::from(after < rest)
        };
        let sum = |function: &Function| {
            let calls =
                |&(minute, calls): &(u32, u32)| count_as_f64(times(minute)) * f64::from(calls);
            function.calls.iter().map(calls).sum()
        };
        let calls: Vec<f64> = self.functions.iter().map(sum).collect();
        if count < minutes && calls.iter().all(|&n| n == 0.0) {
            return self.calls(0, minutes);
        }
        calls
    }

    pub(crate) fn rows(&self) -> &[Function] {
        &self.functions
    }
}

/// What the first line says.
struct Header {
    /// Columns before the minutes.
    names: usize,
    minutes: usize,
    /// What stands before the number of a minute.
    prefix: &'static str,
    /// The number of the first minute.
    first: usize,
    sampled: bool,
}

/// What is to blame: a line or a field of it, and why.
enum Blame {
    Line(String),
    Field(String, String),
}

impl Header {
    fn parse(header: &str) -> Result<Self, String> {
        let names = header.split(',').take_while(|name| minute(name).is_none()).count();
        let mut minutes = header.split(',').skip(names).map(|name| (name, minute(name)));
        let Some((_, Some((prefix, first)))) = minutes.next() else {
            return Err(format!(
                "no column is a minute, `1` or `minute_1`: it has {}",
                cut(header)
            ));
        };
        if names == 0 {
            return Err("no column names the function: the first is a minute already".into());
        }
        let mut last = first;
        for (name, number) in minutes {
            if number != Some((prefix, last + 1)) {
                return Err(format!(
                    "column `{name}` stands where `{prefix}{}` is missing",
                    last + 1
                ));
            }
            last += 1;
        }
        let sampled = !prefix.is_empty();
        Ok(Self { names, minutes: last + 1 - first, prefix, first, sampled })
    }

    fn function(&self, line: &str) -> Result<Function, Blame> {
        let mut function = Function::default();
        let mut fields = 0;
        for (minute, field) in (0..).zip(line.split(',').skip(self.names)) {
            fields += 1;
            if field == "0" || fields > self.minutes {
                continue;
            }
            let calls = field.trim().parse().map_err(|_| self.no_count(fields, field))?;
            if calls > 0 {
                function.total += u64::from(calls);
                function.calls.push((minute, calls));
            }
        }
        if fields == self.minutes {
            return Ok(function);
        }
        let (has, header) = (line.split(',').count(), self.names + self.minutes);
        Err(Blame::Line(format!("it has {has} columns, the header has {header}")))
    }

    fn no_count(&self, place: usize, field: &str) -> Blame {
        let name = format!("{}{}", self.prefix, self.first + place - 1);
        Blame::Field(name, format!("`{}` is no number of calls", cut(field)))
    }
}

/// The number of a minute, and what stands before it.
fn minute(name: &str) -> Option<(&'static str, usize)> {
    let name = name.trim();
    let (prefix, number) = match name.strip_prefix("minute_") {
        Some(number) => ("minute_", number),
        None => ("", name),
    };
    Some((prefix, number.parse().ok().filter(|&number| number < MINUTES_MAX)?))
}

/// The beginning of a text, for an error.
fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(60).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

fn count_as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A year of minutes and more.
const MINUTES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests;
