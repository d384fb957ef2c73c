//! Why an artifact was refused.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

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
        /// The file, relative to the artifact's folder.
        file: String,
    },
    /// A file is not what it should be; compile the model again.
    #[error("artifact file {file}, {field}: {reason}; compile the model again")]
    Invalid {
        /// The file, relative to the artifact's folder.
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
}
