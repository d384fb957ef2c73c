//! Folders of results: their files are written whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::Failure;

/// The results cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
struct Unwritten {
    path: PathBuf,
    source: io::Error,
}

/// Makes a folder; it may be there already.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn create(dir: &Path) -> Result<(), Failure> {
    Ok(fs::create_dir_all(dir).map_err(|source| Unwritten { path: dir.into(), source })?)
}

/// Writes a file of a folder.
///
/// # Errors
/// If the disk does not take it; what was there before stays.
pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = dir.join(name);
    let unwritten = |source| Unwritten { path: path.clone(), source };
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(unwritten)?;
    file.write_all(bytes).map_err(unwritten)?;
    file.persist(&path).map_err(|error| unwritten(error.error))?;
    Ok(())
}
