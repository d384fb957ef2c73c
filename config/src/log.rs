//! Where logs go.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::knobs::knobs;
use crate::{Check, ConfigError};

/// What the two logs are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people and for the original's scripts.
    #[default]
    Tsv,
    /// Bytes; `clockwork log FILE` turns them into the same lines.
    Binary,
    /// Not at all.
    Off,
}

knobs! {
    /// Where logs go, and as what.
    pub struct LogConfig {
        /// What the request log and the action log are written as: "tsv" (lines, as the original),
        /// "binary" (less CPU time of the writing thread; `clockwork log FILE` turns it into the
        /// lines) or "off" (no files; with `controller.report_interval` 0 nothing is recorded at all).
        pub format: LogFormat = LogFormat::Tsv,
        /// Most bytes of one log file, at least 1 MiB; 0: no limit. A file that is full becomes
        /// `NAME.1.tsv` (or `.bin`) in place of the one before, and the log goes on in a new one:
        /// each log takes at most twice this, and the latest rows are kept. Small: little history.
        /// Large or 0: a busy controller fills the disk (100,000 requests/s write 10 MB/s as TSV),
        /// and its logs end there.
        #[serde(with = "crate::unit::bytes")]
        pub size_cap: u64 = 16 << 30,
        /// Directory for the logs, created if need be. Empty: /local if it can be written to,
        /// else ./clockwork-logs. The variable `CLOCKWORK_LOG_DIR` sets it.
        pub dir: String = String::new(),
        /// Records under way from a core to its log file, at least 1024; beyond it they are dropped,
        /// and the loss is counted and shown. Large: memory (about 200 bytes each).
        pub ring: u32 = 65_536,
    }
}

impl LogConfig {
    /// The directory to log to; `is_writable` tells whether a directory exists and takes files.
    pub fn directory(&self, is_writable: impl FnOnce(&Path) -> bool) -> PathBuf {
        if !self.dir.is_empty() {
            PathBuf::from(&self.dir)
        } else if is_writable(Path::new(LOCAL)) {
            PathBuf::from(LOCAL)
        } else {
            PathBuf::from(FALLBACK)
        }
    }
}

impl Check for LogConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let cap = self.size_cap;
        let allowed = "0 (no limit) or at least 1 MiB";
        ConfigError::unless(cap == 0 || cap >= CAP_LEAST, "log.size_cap", cap, allowed)?;
        ConfigError::unless(self.ring >= RING_LEAST, "log.ring", self.ring, "at least 1024")
    }
}

/// The original's default.
const LOCAL: &str = "/local";
const FALLBACK: &str = "./clockwork-logs";
const RING_LEAST: u32 = 1_024;
const CAP_LEAST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_go_where_told_else_to_local_else_here() {
        let told = LogConfig { dir: "/data/logs".into(), ..LogConfig::default() };
        assert_eq!(told.directory(|_| true), Path::new("/data/logs"));
        assert_eq!(LogConfig::default().directory(|_| true), Path::new("/local"));
        assert_eq!(LogConfig::default().directory(|_| false), Path::new("./clockwork-logs"));
    }

    #[test]
    fn a_cap_is_none_or_room_for_many_rows() {
        let capped = |size_cap| LogConfig { size_cap, ..LogConfig::default() }.check();
        assert!(capped(0).is_ok() && capped(CAP_LEAST).is_ok());
        let error = capped(CAP_LEAST - 1).unwrap_err().to_string();
        assert!(error.contains("`log.size_cap` is 1048575"), "{error}");
    }
}
