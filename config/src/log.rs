//! Where logs go.

use std::path::{Path, PathBuf};

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// Where logs go.
    pub struct LogConfig {
        /// Directory for the TSV logs, created if need be. Empty: /local if it can be written to,
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
        ConfigError::unless(self.ring >= RING_LEAST, "log.ring", self.ring, "at least 1024")
    }
}

/// The original's default.
const LOCAL: &str = "/local";
const FALLBACK: &str = "./clockwork-logs";
const RING_LEAST: u32 = 1_024;

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
}
