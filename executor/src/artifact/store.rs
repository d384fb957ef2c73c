//! An artifact's folder: put in its place as a whole, found by its prefix.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

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
        // What was there before, or what could not be put there; neither is in anybody's way.
        let _ = fs::remove_dir_all(&new);
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

/// Renames a folder to another. What was there before is at `new` afterwards, and whoever looks meanwhile
/// finds the one or the other.
///
/// # Errors
/// If it cannot be renamed; then all is as it was.
pub(crate) fn put(new: &Path, folder: &Path) -> io::Result<()> {
    match fs::rename(new, folder) {
        Err(error) if is_there(&error) => {}
        done => return done,
    }
    match renameat_with(CWD, new, CWD, folder, RenameFlags::EXCHANGE) {
        // Network file systems cannot.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => put_in_turn(new, folder),
        done => Ok(done?),
    }
}

/// The same where two folders cannot change places: for an instant there is none.
fn put_in_turn(new: &Path, folder: &Path) -> io::Result<()> {
    let old = beside(new, "old");
    fs::rename(folder, &old)?;
    if let Err(error) = fs::rename(new, folder) {
        fs::rename(&old, folder)?;
        return Err(error);
    }
    fs::rename(&old, new)
}

/// Whether a folder could not be renamed because there is one of that name, or a link to one.
fn is_there(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_place_changes_places_with_what_was_there() {
        for put in [put, put_in_turn] {
            let folder = tempfile::tempdir().unwrap();
            let (new, place) = (folder.path().join(".new"), folder.path().join("place"));
            for (path, content) in [(&new, "new"), (&place, "old")] {
                fs::create_dir(path).unwrap();
                fs::write(path.join("content"), content).unwrap();
            }
            put(&new, &place).unwrap();
            assert_eq!(fs::read_to_string(place.join("content")).unwrap(), "new");
            assert_eq!(fs::read_to_string(new.join("content")).unwrap(), "old");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
            assert!(put(&folder.path().join("nothing"), &place).is_err());
            assert_eq!(fs::read_to_string(place.join("content")).unwrap(), "new");
        }
    }
}
