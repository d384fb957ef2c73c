//! Why a library cannot be served.

use std::io;
use std::path::PathBuf;

/// Why a library cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file lies elsewhere, and a link leads to it.
    #[error("{}: it leads out of its model's folder; libraries are opened from there only", path.display())]
    Outside {
        /// The file, as it was named.
        path: PathBuf,
    },
    /// The system's loader refuses it, or it lacks a function.
    #[error("{}: {reason}", path.display())]
    Open {
        /// The shared object.
        path: PathBuf,
        /// What the loader says.
        reason: String,
    },
    /// It was built for another version of the interface.
    #[error(
        "{}: version {found} of clockwork_model.h; this program knows version {known}: build the wrapper \
         again with its header",
        path.display()
    )]
    Version {
        /// The shared object.
        path: PathBuf,
        /// The version that it says.
        found: u32,
        /// The version that this program knows.
        known: u32,
    },
    /// What it says of itself makes no sense.
    #[error("{}: {field} {reason}", path.display())]
    Description {
        /// The shared object, or its weights.
        path: PathBuf,
        /// The field of `struct clockwork_model`.
        field: &'static str,
        /// Its value, and what is allowed.
        reason: String,
    },
}
