//! An artifact's folder: put in its place as a whole, found by its prefix.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use super::{Artifact, ArtifactError, MANIFEST};

impl Artifact {
    /// Puts its files into a folder in one step: who reads meanwhile sees what was there before or
    /// all of what is new. An artifact that is there is replaced with all that was measured of it.
    ///
    /// # Errors
    /// If a file cannot be written, or something else is there; that stays as it is.
    pub fn store(&self, folder: &Path) -> Result<(), ArtifactError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ArtifactError::Io { path, source }
        };
        let occupied = is_occupied(folder).map_err(failed(folder))?;
        if occupied && !folder.join(MANIFEST).is_file() {
            let source = io::Error::other("it is there and no compiled model; choose another");
            return Err(ArtifactError::Io { path: folder.to_owned(), source });
        }
        let new = beside(folder, "new");
        // What an interrupted process of the same number has left.
        let _ = fs::remove_dir_all(&new);
        let put = self.write(&new).and_then(|()| put(&new, folder).map_err(failed(folder)));
        if put.is_err() {
            let _ = fs::remove_dir_all(&new);
        }
        put
    }
}

/// The folder of the artifact that a prefix names: the folder itself, or the folder and `/model`.
/// A prefix that names none is given back.
pub fn locate(prefix: &Path) -> &Path {
    let named = prefix.file_name().is_some_and(|name| name == "model");
    let parent = prefix.parent().filter(|parent| named && parent.join(MANIFEST).is_file());
    if prefix.join(MANIFEST).is_file() { prefix } else { parent.unwrap_or(prefix) }
}

fn is_occupied(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A name in the same folder, so that a rename is one step.
fn beside(folder: &Path, what: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{what}.{}", process::id()))
}

/// Renames a folder to another, which goes if it is there.
fn put(new: &Path, folder: &Path) -> io::Result<()> {
    let old = beside(folder, "old");
    let _ = fs::remove_dir_all(&old);
    let there = folder.exists();
    if there {
        fs::rename(folder, &old)?;
    }
    if let Err(error) = fs::rename(new, folder) {
        if there {
            fs::rename(&old, folder)?;
        }
        return Err(error);
    }
    if there { fs::remove_dir_all(&old) } else { Ok(()) }
}
