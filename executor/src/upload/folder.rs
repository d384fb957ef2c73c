//! Folders that are not models yet.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use clockwork_wire::ActionId;

use crate::artifact::{MANIFEST, put};

/// A folder that a model is written to. What lies at its path is removed with this.
#[derive(Debug)]
pub(super) struct Folder {
    /// The folder of models.
    models: PathBuf,
    path: PathBuf,
    /// Locked as long as this process writes to it; see [`clean`].
    _lock: File,
}

impl Folder {
    /// An empty one for the upload with this id. Workers that share a folder of models are told the same id.
    pub(super) fn create(models: &Path, id: ActionId) -> io::Result<Self> {
        let (ActionId { epoch, shard, counter }, process) = (id, process::id());
        let path = models.join(format!("{COMING}{process}-{epoch}-{shard}-{counter}"));
        fs::create_dir(&path)?;
        let lock = File::open(&path)?;
        lock.try_lock()?;
        Ok(Self { models: models.to_owned(), path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a file, and the folders that it lies in.
    pub(super) fn file(&self, path: &str) -> io::Result<File> {
        let path = self.path.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        File::create_new(path)
    }

    /// It is the model of this name from now on, and one that was there before is removed.
    pub(super) fn install(self, name: &str) -> io::Result<()> {
        put(&self.path, &self.models.join(name))?;
        // The name must outlive a loss of power, not only of the process.
        File::open(&self.models)?.sync_all()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is there if it was installed as a new model; what cannot be removed now is at the next start.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether a model may come to this place: nothing is there, or an artifact.
pub(super) fn replaceable(place: &Path) -> Result<(), String> {
    if place.symlink_metadata().is_err() || place.join(MANIFEST).is_file() {
        return Ok(());
    }
    Err("there is something else of that name among the models, which is not replaced".to_owned())
}

/// Removes what processes that are gone left unfinished; what a living one writes to is locked.
pub(super) fn clean(models: &Path) {
    let Ok(entries) = fs::read_dir(models) else { return };
    for entry in entries.filter_map(Result::ok) {
        let left = entry.file_name().to_string_lossy().starts_with(COMING);
        if left && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            // What cannot be removed now is at the next start.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// What the names of folders begin with that models are written to.
const COMING: &str = ".upload-";
