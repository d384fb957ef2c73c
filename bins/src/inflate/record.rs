//! Records of a telemetry file: a version, then values, lowest byte first, nothing between them.

use std::io::{self, Read};

use thiserror::Error;

/// What ends the records before the end of the file.
#[derive(Debug, Error)]
pub(super) enum Broken {
    /// The file ends within a record.
    #[error("the file ends within record {record}, counted from 0")]
    Cut { record: u64 },
    /// Another format, or another kind of telemetry.
    #[error("record {record} has version {version}, not 1: {}", guess(*.version))]
    Version { record: u64, version: u32 },
    /// More parts than any record has.
    #[error("record {record} claims {count} tasks: this is no telemetry of this kind")]
    TooMany { record: u64, count: u32 },
    /// A value that no record has.
    #[error("record {record} has a task of the unknown type {kind}")]
    TaskType { record: u64, kind: i32 },
    /// The machine cannot.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What a wrong version may mean: our own binary logs begin with letters.
fn guess(version: u32) -> &'static str {
    if version.to_le_bytes() == *b"CWLO" {
        "it is a controller's binary log; `clockwork log FILE` turns it into TSV"
    } else {
        "this is no telemetry of this kind"
    }
}

/// Reads records from a stream.
pub(super) struct Records<R> {
    stream: R,
    /// Complete records.
    pub(super) count: u64,
}

impl<R: Read> Records<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, count: 0 }
    }

    /// Begins a record; `false` at the end of the file.
    pub(super) fn begin(&mut self) -> Result<bool, Broken> {
        let mut version = [0; 4];
        let mut filled = 0;
        while filled < version.len() {
            match self.stream.read(&mut version[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(self.cut()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.judge(u32::from_le_bytes(version)).map(|()| true)
    }

    /// Begins a record within a record.
    pub(super) fn begin_inner(&mut self) -> Result<(), Broken> {
        let version = u32::from_le_bytes(self.bytes()?);
        self.judge(version)
    }

    /// An integer of 32 bits.
    pub(super) fn narrow(&mut self) -> Result<i32, Broken> {
        self.bytes().map(i32::from_le_bytes)
    }

    /// An integer of 64 bits.
    pub(super) fn wide(&mut self) -> Result<u64, Broken> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// The number of parts that follow.
    pub(super) fn parts(&mut self) -> Result<u32, Broken> {
        match u32::from_le_bytes(self.bytes()?) {
            count if count > PARTS_MAX => Err(Broken::TooMany { record: self.count, count }),
            count => Ok(count),
        }
    }

    fn judge(&self, version: u32) -> Result<(), Broken> {
        let right = version == VERSION;
        right.then_some(()).ok_or(Broken::Version { record: self.count, version })
    }

    fn cut(&self) -> Broken {
        Broken::Cut { record: self.count }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let mut bytes = [0; N];
        match self.stream.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.cut()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The version that records have.
const VERSION: u32 = 1;

/// Tasks of a request: a handful.
const PARTS_MAX: u32 = 1_000;
