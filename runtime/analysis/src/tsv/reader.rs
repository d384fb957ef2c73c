//! Reads a log from its header to its last row.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::Row;
use super::cells::{BadCell, Cells};
use super::error::ReadError;
use super::lines::{Lines, Next};

/// Reads the log at `path`, handing over one row after the other; gives their number.
///
/// # Errors
/// If it cannot be opened, or is no such log, or a line is broken. The rows before have been handed
/// over.
pub fn read_file<T: Row>(path: &Path, take: impl FnMut(T)) -> Result<u64, ReadError> {
    let file = File::open(path);
    let file = file.map_err(|source| ReadError::Io { path: path.to_owned(), line: 0, source })?;
    read(BufReader::with_capacity(BUFFER, file), path, take)
}

/// Reads a log from a stream, which errors call `name`.
///
/// # Errors
/// As [`read_file`].
pub fn read<T: Row>(
    stream: impl BufRead,
    name: &Path,
    mut take: impl FnMut(T),
) -> Result<u64, ReadError> {
    let about = About { path: name };
    let mut lines = Lines::new(stream);
    let header = match lines.next() {
        Ok(Next::Line(line)) => Header::parse(line, T::COLUMNS, about)?,
        Ok(Next::End) => return Err(ReadError::Empty { path: name.to_owned() }),
        Ok(Next::Cut) => return Err(about.cut(1)),
        Ok(Next::TooLong) => return Err(about.too_long(1)),
        Err(source) => return Err(about.io(0, source)),
    };
    loop {
        let number = lines.count + 1;
        match lines.next() {
            Ok(Next::Line(line)) => take(header.row(line, number, about)?),
            Ok(Next::End) => return Ok(number - 2),
            Ok(Next::Cut) => return Err(about.cut(number)),
            Ok(Next::TooLong) => return Err(about.too_long(number)),
            Err(source) => return Err(about.io(number - 1, source)),
        }
    }
}

/// Where a file has its columns.
pub(super) struct Header {
    /// Columns in the file.
    width: usize,
    /// Where each column of the row type is.
    places: Vec<usize>,
}

impl Header {
    pub(super) fn parse(
        line: &[u8],
        columns: &[&'static str],
        about: About<'_>,
    ) -> Result<Self, ReadError> {
        let names: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
        let place = |column: &&str| names.iter().position(|name| *name == column.as_bytes());
        let places: Vec<usize> = columns.iter().filter_map(place).collect();
        if places.len() == columns.len() {
            return Ok(Self { width: names.len(), places });
        }
        let missing = columns.iter().filter(|column| place(column).is_none()).copied();
        let missing: Vec<_> = missing.collect();
        let (missing, found) = (missing.join(", "), shortened(line).replace('\t', ", "));
        Err(ReadError::Header { path: about.path.to_owned(), missing, found })
    }

    pub(super) fn row<T: Row>(
        &self,
        line: &[u8],
        number: u64,
        about: About<'_>,
    ) -> Result<T, ReadError> {
        let mut parts = [&b""[..]; WIDTH_MAX];
        let mut found = 0;
        for part in line.split(|byte| *byte == b'\t') {
            if let Some(slot) = parts.get_mut(found) {
                *slot = part;
            }
            found += 1;
        }
        if found != self.width || found > WIDTH_MAX {
            return Err(about.width(number, (found, self.width)));
        }
        let row = T::parse(&mut Cells::new(&parts, &self.places));
        row.map_err(|BadCell { column, expected }| ReadError::Value {
            path: about.path.to_owned(),
            line: number,
            column: T::COLUMNS[column],
            value: shortened(parts[self.places[column]]),
            expected,
        })
    }
}

/// Names the file in errors.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) path: &'a Path,
}

impl About<'_> {
    fn cut(self, line: u64) -> ReadError {
        ReadError::Cut { path: self.path.to_owned(), line, rows: line.saturating_sub(2) }
    }

    fn too_long(self, line: u64) -> ReadError {
        ReadError::TooLong { path: self.path.to_owned(), line }
    }

    fn width(self, line: u64, (found, expected): (usize, usize)) -> ReadError {
        ReadError::Width { path: self.path.to_owned(), line, found, expected }
    }

    pub(super) fn io(self, line: u64, source: io::Error) -> ReadError {
        ReadError::Io { path: self.path.to_owned(), line, source }
    }
}

/// The beginning of what may be anything, as text.
fn shortened(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    if bytes.len() > SHOWN { text + "..." } else { text }
}

/// Columns that a file may have.
const WIDTH_MAX: usize = 64;

/// Bytes of a bad value that an error shows.
const SHOWN: usize = 80;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;
