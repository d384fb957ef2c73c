//! What can be wrong with a log.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a log cannot be read to its end. What was read before has been taken in.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is not there, or the machine cannot read it.
    #[error("{}: cannot be read after line {line}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Complete lines before.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in it, not even a header.
    #[error("{}: is empty: a log has a header line at least", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The header is another one's.
    #[error("{}:1: the header lacks the columns {missing}; it has {found}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What it should have and has not.
        missing: String,
        /// What it has, shortened.
        found: String,
    },
    /// A row has more or fewer columns than the header.
    #[error("{}:{line}: the row has {found} columns, the header {expected}", path.display())]
    Width {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Columns of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A value is not what its column has.
    #[error("{}:{line}: column `{column}` is `{value}`: expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What it says, shortened.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A line that no log has.
    #[error("{}:{line}: the line is longer than {} bytes: this is no log", path.display(), super::lines::LINE_MAX)]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// The last line has no end: the process was killed while it wrote, or the log is still being
    /// written.
    #[error("{}:{line}: the last line is cut off, as that of a killed process is; the {rows} rows before are complete", path.display())]
    Cut {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Complete rows.
        rows: u64,
    },
}

impl ReadError {
    /// Whether nothing is wrong but the last line, which is no reason to distrust the others.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Cut { .. })
    }
}
