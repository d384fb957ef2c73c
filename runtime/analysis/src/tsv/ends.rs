//! When a log begins and ends, without reading all of it.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use clockwork_wire::Nanos;

use super::Row;
use super::cells::{BadCell, Cells};
use super::error::ReadError;
use super::lines::{LINE_MAX, Lines, Next};
use super::reader::{About, Header};
use super::writer::Writer;

/// The times of a log's first row and of its latest, found in its first line and its last 64 KiB:
/// rows are in order of time but for fractions of a second. `None` without rows.
///
/// # Errors
/// If the file cannot be read or has no column `t`. Broken rows are no error here: whoever reads the
/// rows will find them.
pub fn ends(path: &Path) -> Result<Option<(Nanos, Nanos)>, ReadError> {
    let about = About { path };
    let io = |source| about.io(0, source);
    let mut file = File::open(path).map_err(io)?;
    let mut lines = Lines::new(BufReader::new(&file));
    let header = match lines.next().map_err(io)? {
        Next::Line(line) => Header::parse(line, T::COLUMNS, about)?,
        Next::End => return Err(ReadError::Empty { path: path.to_owned() }),
        Next::Cut | Next::TooLong => return Ok(None),
    };
    let time = |line: &[u8]| header.row::<T>(line, 0, about).ok().map(|T(t)| t);
    let first = match lines.next().map_err(io)? {
        Next::Line(line) => time(line),
        Next::Cut | Next::TooLong | Next::End => None,
    };
    let length = file.seek(SeekFrom::End(0)).map_err(io)?;
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_MAX))).map_err(io)?;
    let mut tail = Vec::new();
    file.take(LINE_MAX).read_to_end(&mut tail).map_err(io)?;
    // The tail begins within a line, and what follows the last line end is cut off.
    let whole = tail.split_inclusive(|byte| *byte == b'\n').skip(1);
    let whole = whole.filter_map(|line| line.strip_suffix(b"\n"));
    let last = whole.filter_map(time).max();
    Ok(first.map(|first| (first, last.map_or(first, |last| last.max(first)))))
}

/// The one column that tells the time.
struct T(Nanos);

impl Row for T {
    const COLUMNS: &'static [&'static str] = &["t"];

    fn parse(cells: &mut Cells<'_>) -> Result<Self, BadCell> {
        cells.uint().map(|t| Self(Nanos::new(t)))
    }

    fn put(&self, writer: &mut Writer<'_>) {
        writer.uint(self.0.get());
    }
}
