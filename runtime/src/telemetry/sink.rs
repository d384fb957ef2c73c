//! One log on its way to disk.

use std::io::Write as _;

use super::log_files::LogFile;

/// Gathers lines and writes them in large pieces. After the first failure (a full disk, say) it
/// writes no more: half a line in the middle of a log would mislead whoever reads it.
pub(super) struct Sink {
    log: Option<LogFile>,
    lines: Vec<u8>,
    /// Rows in `lines`.
    gathered: u64,
    failed: Option<Failed>,
}

/// A log that could not be written any further.
struct Failed {
    /// Why, until it has been shown.
    text: String,
    /// Rows that are in no log.
    lost: u64,
}

impl Sink {
    /// A sink into `log`, or into nothing.
    pub(super) fn new(log: Option<LogFile>) -> Self {
        Self { log, lines: Vec::new(), gathered: 0, failed: None }
    }

    /// Adds one row, written by `write`.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(failed) = &mut self.failed {
            failed.lost += 1;
        } else if self.log.is_some() {
            write(&mut self.lines);
            self.gathered += 1;
            if self.lines.len() >= PIECE {
                self.flush();
            }
        }
    }

    /// Writes what has gathered.
    pub(super) fn flush(&mut self) {
        let Some(LogFile { path, file }) = &mut self.log else { return };
        if let Err(error) = file.write_all(&self.lines) {
            let text = format!("Cannot write {}: {error}; its rows end here\n", path.display());
            self.failed = Some(Failed { text, lost: self.gathered });
            self.log = None;
        }
        self.lines.clear();
        self.gathered = 0;
    }

    /// Rows that are in no log because it failed. Rows of a piece that was written in part count.
    pub(super) fn lost(&self) -> u64 {
        self.failed.as_ref().map_or(0, |failed| failed.lost)
    }

    /// Why the log failed, once; empty otherwise.
    pub(super) fn take_failure(&mut self) -> String {
        self.failed.as_mut().map(|failed| std::mem::take(&mut failed.text)).unwrap_or_default()
    }
}

/// Bytes that are written at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_log_that_cannot_be_written_says_so_once_and_counts_its_rows() {
        // Open for reading only: every write fails.
        let readable = tempfile::NamedTempFile::new().unwrap();
        let path = PathBuf::from("requests.tsv");
        let file = File::open(readable.path()).unwrap();
        let mut sink = Sink::new(Some(LogFile { path, file }));
        sink.append(|lines| lines.extend_from_slice(b"1\n"));
        sink.append(|lines| lines.extend_from_slice(b"2\n"));
        sink.flush();
        sink.append(|lines| lines.extend_from_slice(b"3\n"));
        sink.flush();
        assert_eq!(sink.lost(), 3);
        let failure = sink.take_failure();
        assert!(failure.starts_with("Cannot write requests.tsv: "), "{failure}");
        assert_eq!(sink.take_failure(), "");
    }

    #[test]
    fn without_a_log_rows_go_nowhere_and_none_is_lost() {
        let mut sink = Sink::new(None);
        sink.append(|_| unreachable!("a row that nobody wants is not written"));
        sink.flush();
        assert_eq!(sink.lost(), 0);
    }
}
