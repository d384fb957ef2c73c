//! One log on its way to disk.

use super::log_files::LogFile;
use super::row::Row;

/// Gathers rows and writes them in large pieces. After the first failure (a full disk, say) it
/// writes no more: half a row in the middle of a log would mislead whoever reads it.
pub(super) struct Sink {
    log: Option<LogFile>,
    rows: Vec<u8>,
    /// Rows in `rows`.
    gathered: u64,
    /// Rows that are in no log because it failed.
    lost: u64,
    /// What people should know, until it has been shown.
    news: String,
}

impl Sink {
    /// A sink into `log`, or into nothing.
    pub(super) fn new(log: Option<LogFile>) -> Self {
        Self { log, rows: Vec::new(), gathered: 0, lost: 0, news: String::new() }
    }

    /// Adds one row.
    pub(super) fn append(&mut self, row: &impl Row) {
        let Some(log) = &self.log else {
            // A log that failed has lost rows by now; one that is not wanted loses none.
            self.lost += u64::from(self.lost > 0);
            return;
        };
        log.encoding.append(row, &mut self.rows);
        self.gathered += 1;
        if self.rows.len() >= PIECE {
            self.flush();
        }
    }

    /// Writes what has gathered.
    pub(super) fn flush(&mut self) {
        let Some(log) = &mut self.log else { return };
        if self.gathered == 0 {
            return;
        }
        let news = match log.write(&self.rows) {
            Ok(news) => news,
            Err(error) => {
                let news =
                    format!("Cannot write {}: {error}; its rows end here\n", log.path.display());
                self.lost = self.gathered;
                self.log = None;
                news
            }
        };
        self.news.push_str(&news);
        self.rows.clear();
        self.gathered = 0;
    }

    /// Rows that are in no log because it failed. Rows of a piece that was written in part count.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// What has become of the log since this was last asked, in whole lines; empty if all is well.
    pub(super) fn take_news(&mut self) -> String {
        std::mem::take(&mut self.news)
    }
}

/// Bytes that are written at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;

    use super::*;
    use crate::telemetry::ActionRow;
    use crate::telemetry::action_log::tests::inferred;
    use crate::telemetry::log_files::Encoding;

    fn row() -> ActionRow {
        inferred().into()
    }

    #[test]
    fn a_log_that_cannot_be_written_says_so_once_and_counts_its_rows() {
        // Open for reading only: every write fails.
        let readable = tempfile::NamedTempFile::new().unwrap();
        let path = PathBuf::from("requests.tsv");
        let file = File::open(readable.path()).unwrap();
        let mut sink = Sink::new(Some(LogFile::on::<ActionRow>(path, file)));
        sink.append(&row());
        sink.append(&row());
        sink.flush();
        sink.append(&row());
        sink.flush();
        assert_eq!(sink.lost(), 3);
        let news = sink.take_news();
        assert!(news.starts_with("Cannot write requests.tsv: "), "{news}");
        assert_eq!(sink.take_news(), "");
    }

    #[test]
    fn without_a_log_rows_go_nowhere_and_none_is_lost() {
        let mut sink = Sink::new(None);
        sink.append(&row());
        sink.flush();
        assert_eq!((sink.lost(), sink.rows.capacity()), (0, 0));
    }

    #[test]
    fn a_full_log_begins_anew_and_the_file_before_it_is_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("actions.tsv");
        let cap = 1_000;
        let log = LogFile::create::<ActionRow>(path.clone(), Encoding::Tsv, cap).unwrap();
        let mut sink = Sink::new(Some(log));
        let mut line = Vec::new();
        Encoding::Tsv.append(&row(), &mut line);
        for _ in 0..30 {
            sink.append(&row());
            sink.flush();
        }
        let (now, before) =
            (fs::read(&path).unwrap(), fs::read(dir.path().join("actions.1.tsv")).unwrap());
        for file in [&now, &before] {
            assert!(u64::try_from(file.len()).unwrap() <= cap, "{}", file.len());
            assert!(file.starts_with(b"t\taction_id\t") && file.ends_with(&line));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "disk use is bounded");
        let news = sink.take_news();
        assert_eq!(news.lines().count(), 1, "said once, not at every file: {news}");
        assert!(news.contains("actions.1.tsv") && news.contains("log.size_cap"), "{news}");
        assert_eq!(sink.lost(), 0);
    }
}
