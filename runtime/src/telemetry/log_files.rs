//! Decides where the logs go, and opens them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use clockwork_config::{LogConfig, LogFormat};
use thiserror::Error;

use super::row::Row;
use super::{ActionRow, RequestRecord, binary, tsv};

/// The directory of the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    path: PathBuf,
    created: bool,
}

impl LogDir {
    /// The directory that the configuration names, created if need be. If it names none: `/local`
    /// where that is writable, as in the original, else `clockwork-logs` in the working directory.
    ///
    /// # Errors
    /// If the directory cannot be created, or no file in it.
    pub fn choose(config: &LogConfig) -> Result<Self, LogError> {
        Self::prepare(&config.directory(|dir| is_writable(dir).is_ok()))
    }

    /// The directory; it exists and is writable.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it did not exist before.
    pub fn is_created(&self) -> bool {
        self.created
    }

    fn prepare(path: &Path) -> Result<Self, LogError> {
        let created = !path.exists();
        fs::create_dir_all(path).map_err(|source| LogError::new(path, source))?;
        is_writable(path).map_err(|source| LogError::new(path, source))?;
        Ok(Self { path: path.to_path_buf(), created })
    }
}

/// A log cannot be written.
#[derive(Debug, Error)]
#[error(
    "cannot write logs to {}: {source}; name a directory that this user may write with --log-dir \
     or CLOCKWORK_LOG_DIR",
    path.display()
)]
pub struct LogError {
    path: PathBuf,
    source: io::Error,
}

impl LogError {
    fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_path_buf(), source }
    }
}

/// The two logs of a run, open, each with nothing but its header.
#[derive(Debug)]
pub struct LogFiles {
    pub(super) requests: LogFile,
    pub(super) actions: LogFile,
}

impl LogFiles {
    /// Begins both logs in `dir` as the configuration says; none if it wants none. Logs of an
    /// earlier run in the same format are replaced, as in the original.
    ///
    /// # Errors
    /// If a file cannot be created.
    pub fn create(dir: &LogDir, config: &LogConfig) -> Result<Option<Self>, LogError> {
        let encoding = match config.format {
            LogFormat::Off => return Ok(None),
            LogFormat::Tsv => Encoding::Tsv,
            LogFormat::Binary => Encoding::Binary,
        };
        let path = |stem: &str| dir.path.join(format!("{stem}.{}", encoding.extension()));
        let cap = config.size_cap;
        Ok(Some(Self {
            requests: LogFile::create::<RequestRecord>(path(REQUEST_LOG), encoding, cap)?,
            actions: LogFile::create::<ActionRow>(path(ACTION_LOG), encoding, cap)?,
        }))
    }

    /// Where the requests go.
    pub fn request_path(&self) -> &Path {
        &self.requests.path
    }

    /// Where the actions go.
    pub fn action_path(&self) -> &Path {
        &self.actions.path
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As lines for people and scripts.
    Tsv,
    /// As bytes for [`binary_to_tsv`](super::binary_to_tsv).
    Binary,
}

impl Encoding {
    /// Appends one row.
    pub(super) fn append(self, row: &impl Row, rows: &mut Vec<u8>) {
        match self {
            Self::Tsv => row.put(tsv::Line::begin(rows)),
            Self::Binary => row.put(binary::Packed(rows)),
        }
    }

    fn header<R: Row>(self) -> Vec<u8> {
        match self {
            Self::Tsv => tsv::header(R::COLUMNS).into_bytes(),
            Self::Binary => binary::header(R::COLUMNS),
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Tsv => "tsv",
            Self::Binary => "bin",
        }
    }
}

/// A log that is being written. When it is full, its file becomes the one before, and the log goes
/// on in a new one: what is on disk is bounded, and the latest rows are always there.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) encoding: Encoding,
    header: Vec<u8>,
    /// Most bytes of a file; 0: any number.
    cap: u64,
    /// Bytes of the present file.
    written: u64,
    /// Files that were full.
    full: u64,
}

impl LogFile {
    /// Begins a log with nothing but its header.
    pub(super) fn create<R: Row>(
        path: PathBuf,
        encoding: Encoding,
        cap: u64,
    ) -> Result<Self, LogError> {
        let header = encoding.header::<R>();
        let begun = begin(&path, &header);
        let file = begun.map_err(|source| LogError::new(&path, source))?;
        let written = length(&header);
        Ok(Self { path, file, encoding, header, cap, written, full: 0 })
    }

    /// Writes whole rows, in a new file if the present one cannot take them. Gives a line for people
    /// when that happens for the first time.
    pub(super) fn write(&mut self, rows: &[u8]) -> io::Result<String> {
        let has_rows = self.written > length(&self.header);
        let mut news = String::new();
        if self.cap > 0 && has_rows && self.written + length(rows) > self.cap {
            news = self.begin_anew()?;
        }
        self.file.write_all(rows)?;
        self.written += length(rows);
        Ok(news)
    }

    fn begin_anew(&mut self) -> io::Result<String> {
        let before = self.path.with_extension(format!("1.{}", self.encoding.extension()));
        fs::rename(&self.path, &before)?;
        self.file = begin(&self.path, &self.header)?;
        self.written = length(&self.header);
        self.full += 1;
        if self.full > 1 {
            return Ok(String::new());
        }
        let (path, before) = (self.path.display(), before.display());
        Ok(format!(
            "{path} is full (log.size_cap): it begins anew, the rows before are in {before}, and \
             older ones go\n"
        ))
    }
}

fn begin(path: &Path, header: &[u8]) -> io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(header)?;
    Ok(file)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length fits u64")
}

/// Tries it: permissions, read-only mounts and full disks have too many rules to be asked for.
fn is_writable(dir: &Path) -> io::Result<()> {
    let probe = dir.join(format!(".clockwork-{}", process::id()));
    File::create(&probe)?;
    fs::remove_file(&probe)
}

const REQUEST_LOG: &str = "clockwork_request_log";
const ACTION_LOG: &str = "clockwork_action_log";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_that_is_named_is_created() {
        let root = tempfile::tempdir().unwrap();
        let named = root.path().join("a/b");
        let dir = LogDir::choose(&naming(&named)).unwrap();
        assert_eq!(dir, LogDir { path: named.clone(), created: true });
        assert!(!LogDir::choose(&naming(&named)).unwrap().is_created());
        assert_eq!(fs::read_dir(&named).unwrap().count(), 0, "the probe is removed");
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named_with_the_way_out() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let below = file.join("logs");
        assert!(is_writable(&below).is_err());
        let text = LogDir::choose(&naming(&below)).unwrap_err().to_string();
        assert!(text.starts_with(&format!("cannot write logs to {}: ", below.display())), "{text}");
        assert!(text.ends_with("with --log-dir or CLOCKWORK_LOG_DIR"), "{text}");
    }

    #[test]
    fn the_logs_of_an_earlier_run_are_replaced() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("clockwork_request_log.tsv"), "old rows").unwrap();
        let config = naming(root.path());
        let dir = LogDir::choose(&config).unwrap();
        let files = LogFiles::create(&dir, &config).unwrap().unwrap();
        let text = fs::read_to_string(files.request_path()).unwrap();
        assert_eq!(text, tsv::header(RequestRecord::COLUMNS));
        let text = fs::read_to_string(files.action_path()).unwrap();
        assert_eq!(text, tsv::header(ActionRow::COLUMNS));
    }

    #[test]
    fn the_format_says_which_files_there_are() {
        for (format, names) in [
            (LogFormat::Off, vec![]),
            (LogFormat::Tsv, vec!["clockwork_action_log.tsv", "clockwork_request_log.tsv"]),
            (LogFormat::Binary, vec!["clockwork_action_log.bin", "clockwork_request_log.bin"]),
        ] {
            let root = tempfile::tempdir().unwrap();
            let config = LogConfig { format, ..naming(root.path()) };
            let dir = LogDir::choose(&config).unwrap();
            let files = LogFiles::create(&dir, &config).unwrap();
            assert_eq!(files.is_none(), names.is_empty());
            let entries = fs::read_dir(root.path()).unwrap();
            let mut found: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            found.sort();
            assert_eq!(found, names);
        }
    }

    impl LogFile {
        /// A log on a file that a test opened itself.
        pub(in crate::telemetry) fn on<R: Row>(path: PathBuf, file: File) -> Self {
            let encoding = Encoding::Tsv;
            let header = encoding.header::<R>();
            Self { path, file, encoding, header, cap: 0, written: 0, full: 0 }
        }
    }

    fn naming(dir: &Path) -> LogConfig {
        LogConfig { dir: dir.display().to_string(), ..LogConfig::default() }
    }
}
