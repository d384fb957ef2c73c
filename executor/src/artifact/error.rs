//! Why an artifact was refused.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::MANIFEST;

/// Why an artifact was refused. Nothing of it has been run.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file that must be there is not; compile the model again.
    #[error("artifact file {file} is missing; compile the model again")]
    Missing {
        /// The file: relative to the artifact's folder, or with the folder that was read.
        file: String,
    },
    /// A folder holds no artifact.
    #[error("{} is no compiled model: it has no {MANIFEST}; `clockwork compile` makes one", path.display())]
    Absent {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what it should be; compile the model again.
    #[error("artifact file {file}, {field}: {reason}; compile the model again")]
    Invalid {
        /// The file: relative to the artifact's folder, or with the folder that was read.
        file: String,
        /// The field, as a path inside the file.
        field: String,
        /// What it is and what is allowed.
        reason: String,
    },
}

impl ArtifactError {
    pub(crate) fn invalid(file: &str, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { file: file.to_owned(), field: field.into(), reason: reason.into() }
    }

    /// The same, with the folder that was read: who serves many models is told which one it is.
    pub(super) fn within(mut self, folder: &Path) -> Self {
        if let Self::Missing { file } | Self::Invalid { file, .. } = &mut self {
            *file = folder.join(&file).display().to_string();
        }
        self
    }
}
