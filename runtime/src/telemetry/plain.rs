//! Both logs as text, written at once by whoever has the rows: runs in virtual time, which nobody
//! waits for.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use super::row::Row;
use super::{ActionRow, RequestRecord, tsv};

/// Two logs that are being written, column for column those of a controller.
#[derive(Debug)]
pub struct PlainLogs {
    requests: BufWriter<File>,
    actions: BufWriter<File>,
    /// A line, for its memory.
    line: Vec<u8>,
}

impl PlainLogs {
    /// Begins both logs; files that are there are replaced.
    ///
    /// # Errors
    /// If a file cannot be created or written.
    pub fn create(requests: &Path, actions: &Path) -> io::Result<Self> {
        Ok(Self {
            requests: begin::<RequestRecord>(requests)?,
            actions: begin::<ActionRow>(actions)?,
            line: Vec::new(),
        })
    }

    /// Adds a request that was answered.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn request(&mut self, request: &RequestRecord) -> io::Result<()> {
        append(&mut self.requests, &mut self.line, request)
    }

    /// Adds an action that is over.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn action(&mut self, action: &ActionRow) -> io::Result<()> {
        append(&mut self.actions, &mut self.line, action)
    }

    /// Brings everything to the files.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn finish(mut self) -> io::Result<()> {
        self.requests.flush()?;
        self.actions.flush()
    }
}

fn begin<R: Row>(path: &Path) -> io::Result<BufWriter<File>> {
    let mut file = BufWriter::with_capacity(PIECE, File::create(path)?);
    file.write_all(tsv::header(R::COLUMNS).as_bytes())?;
    Ok(file)
}

fn append(file: &mut BufWriter<File>, line: &mut Vec<u8>, row: &impl Row) -> io::Result<()> {
    line.clear();
    row.put(tsv::Line::begin(line));
    file.write_all(line)
}

/// Bytes that are written at a time.
const PIECE: usize = 1 << 20;
