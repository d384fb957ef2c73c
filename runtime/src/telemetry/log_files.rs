//! Decides where the logs go, and opens them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use clockwork_config::LogConfig;
use thiserror::Error;

use super::columns::header;
use super::{ActionRow, RequestRecord};

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
    /// Begins both logs in `dir`; logs of an earlier run are replaced, as in the original.
    ///
    /// # Errors
    /// If a file cannot be created.
    pub fn create(dir: &LogDir) -> Result<Self, LogError> {
        Ok(Self {
            requests: LogFile::create(dir.path.join(REQUEST_LOG), &RequestRecord::COLUMNS)?,
            actions: LogFile::create(dir.path.join(ACTION_LOG), &ActionRow::COLUMNS)?,
        })
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

/// A log and its name.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl LogFile {
    fn create(path: PathBuf, columns: &[&str]) -> Result<Self, LogError> {
        let begun = File::create(&path).and_then(|mut file| {
            io::Write::write_all(&mut file, header(columns).as_bytes())?;
            Ok(file)
        });
        match begun {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(LogError::new(&path, source)),
        }
    }
}

/// Tries it: permissions, read-only mounts and full disks have too many rules to be asked for.
fn is_writable(dir: &Path) -> io::Result<()> {
    let probe = dir.join(format!(".clockwork-{}", process::id()));
    File::create(&probe)?;
    fs::remove_file(&probe)
}

const REQUEST_LOG: &str = "clockwork_request_log.tsv";
const ACTION_LOG: &str = "clockwork_action_log.tsv";

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
        fs::write(root.path().join(REQUEST_LOG), "old rows").unwrap();
        let dir = LogDir::choose(&naming(root.path())).unwrap();
        let files = LogFiles::create(&dir).unwrap();
        let text = fs::read_to_string(files.request_path()).unwrap();
        assert_eq!(text, header(&RequestRecord::COLUMNS));
        let text = fs::read_to_string(files.action_path()).unwrap();
        assert_eq!(text, header(&ActionRow::COLUMNS));
    }

    fn naming(dir: &Path) -> LogConfig {
        LogConfig { dir: dir.display().to_string(), ..LogConfig::default() }
    }
}
