//! Models that clients upload: from bytes in steps to a folder that is whole.
//!
//! What comes is written into a folder of its own, whose name begins with a dot, so that no name leads
//! to it. Only when all of it is there, has the hash that was announced, and is an artifact that can be
//! read, is the folder renamed to the model's name. An older folder of that name changes places with it
//! in the same step and is removed; what is served of it goes on, from memory or from open files. What
//! breaks off is removed, at the next start at the latest.

mod files;
mod folder;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clockwork_wire::{ActionId, Status, UploadFile, UploadModel, UploadStep};
use sha2::{Digest as _, Sha256};

pub use self::files::{list, prefix};

use self::folder::Folder;
use crate::artifact::{Artifact, ArtifactError, HostCache, MANIFEST, Manifest};
use crate::zoo::model_name;

/// Why a step was refused, in a number and in words; the upload is over then.
pub type Refusal = (Status, String);

/// The uploads to one folder of models. It writes files and blocks: it belongs on a thread of its own.
#[derive(Debug)]
pub struct Intake {
    folder: Option<PathBuf>,
    limit: u64,
    open: BTreeMap<ActionId, Upload>,
}

/// An upload whose bytes are coming.
#[derive(Debug)]
struct Upload {
    name: String,
    folder: Folder,
    /// The files that are not complete, the next one last.
    files: Vec<UploadFile>,
    /// The file that bytes go to, and how many it still wants.
    file: Option<(File, u64)>,
    received: u64,
    total: u64,
    hash: Sha256,
    announced: [u8; 32],
}

impl Intake {
    /// Takes in models of at most `limit` bytes each; none without a folder, or if `limit` is 0. What an
    /// earlier process left unfinished in the folder is removed.
    pub fn new(folder: Option<PathBuf>, limit: u64) -> Self {
        if let Some(folder) = &folder {
            folder::clean(folder);
        }
        Self { folder, limit, open: BTreeMap::new() }
    }

    /// Does a step.
    ///
    /// # Errors
    /// If the upload is over: it, or this step of it, cannot be taken in. Nothing is left of it.
    pub fn take(&mut self, upload: &UploadModel) -> Result<(), Refusal> {
        match &upload.step {
            UploadStep::Begin { name, files, sha256 } => {
                let begun = self.begin(upload.upload, name, files, *sha256)?;
                self.go_on(upload.upload, begun)
            }
            UploadStep::Data { offset, bytes } => {
                let Some(mut open) = self.open.remove(&upload.upload) else {
                    return Err(invalid("no such upload is under way"));
                };
                open.write(*offset, bytes)?;
                self.go_on(upload.upload, open)
            }
            UploadStep::Drop => {
                self.open.remove(&upload.upload);
                Ok(())
            }
        }
    }

    /// The controller is gone: nothing of what it began will be completed.
    pub fn drop_all(&mut self) {
        self.open.clear();
    }

    fn begin(
        &self,
        id: ActionId,
        name: &str,
        files: &[UploadFile],
        announced: [u8; 32],
    ) -> Result<Upload, Refusal> {
        let folder = self.accept(id, name)?;
        let total = files::check(files, self.limit).map_err(invalid)?;
        let folder = Folder::create(folder, id).map_err(|error| disk(&error))?;
        let (mut files, hash) = (files.to_vec(), Sha256::new());
        files.reverse();
        let name = name.to_owned();
        let (file, received) = (None, 0);
        let mut upload = Upload { name, folder, files, file, received, total, hash, announced };
        upload.open_next().map_err(|error| disk(&error))?;
        Ok(upload)
    }

    /// The folder that a model of this name may come to.
    fn accept(&self, id: ActionId, name: &str) -> Result<&Path, Refusal> {
        let Some(folder) = self.folder.as_ref().filter(|_| self.limit > 0) else {
            return Err(invalid(
                "this worker takes no uploads: worker.model_dir or worker.upload_max",
            ));
        };
        // The original's clients say paths; that is no way to say where something should come.
        if model_name(name).map_err(invalid)? != name {
            return Err(invalid("a new model's name is a name, without a path"));
        }
        if self.open.contains_key(&id) || self.open.values().any(|open| open.name == name) {
            return Err(invalid(format!("an upload of `{name}` is under way")));
        }
        if self.open.len() >= OPEN_MAX {
            return Err((Status::OVERLOADED, format!("{OPEN_MAX} uploads are under way")));
        }
        folder::replaceable(&folder.join(name)).map_err(invalid)?;
        Ok(folder)
    }

    /// Waits for more, or puts what is complete into its place.
    fn go_on(&mut self, id: ActionId, upload: Upload) -> Result<(), Refusal> {
        if upload.received < upload.total {
            self.open.insert(id, upload);
            return Ok(());
        }
        upload.install()
    }
}

impl Upload {
    fn write(&mut self, offset: u64, mut bytes: &[u8]) -> Result<(), Refusal> {
        if offset != self.received {
            let due = self.received;
            return Err(invalid(format!(
                "bytes from {offset} on came, those from {due} on are due"
            )));
        }
        let len = u64::try_from(bytes.len()).expect("a length fits 64 bits");
        if len == 0 || len > self.total - self.received {
            let rest = self.total - self.received;
            return Err(invalid(format!("{len} bytes came where 1 to {rest} are due")));
        }
        self.received += len;
        while !bytes.is_empty() {
            bytes = self.write_part(bytes).map_err(|error| disk(&error))?;
        }
        Ok(())
    }

    /// Writes what belongs to the present file; gives the rest.
    fn write_part<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let (file, wanted) = self.file.as_mut().expect("the bytes that may come are counted");
        let count = usize::try_from(*wanted).map_or(bytes.len(), |wanted| wanted.min(bytes.len()));
        let (part, rest) = bytes.split_at(count);
        file.write_all(part)?;
        self.hash.update(part);
        *wanted -= u64::try_from(count).expect("a length fits 64 bits");
        if *wanted == 0 {
            self.open_next()?;
        }
        Ok(rest)
    }

    /// Completes the present file and opens the next one that is not empty.
    fn open_next(&mut self) -> io::Result<()> {
        while self.file.as_ref().is_none_or(|(_, wanted)| *wanted == 0) {
            if let Some((file, _)) = self.file.take() {
                file.sync_all()?;
            }
            let Some(UploadFile { path, len }) = self.files.pop() else { return Ok(()) };
            self.hash.update(prefix(&path, len));
            self.file = Some((self.folder.file(&path)?, len));
        }
        Ok(())
    }

    fn install(self) -> Result<(), Refusal> {
        let Self { name, folder, hash, announced, .. } = self;
        if <[u8; 32]>::from(hash.finalize()) != announced {
            return Err(invalid("the bytes that came do not have the announced SHA-256"));
        }
        check(folder.path()).map_err(|error| invalid(error.to_string()))?;
        folder.install(&name).map_err(|error| disk(&error))
    }
}

/// Checks an artifact in all its forms, as loads check them.
fn check(folder: &Path) -> Result<(), ArtifactError> {
    let path = folder.join(MANIFEST);
    let manifest = fs::read(&path).map_err(|source| ArtifactError::Io { path, source })?;
    // Weights are read for their hash, and not kept.
    let copies = HostCache::new(0);
    for &target in Manifest::parse(&manifest)?.variants.keys() {
        Artifact::read_sharing(folder, &[target], &copies)?;
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Refusal {
    (Status::INVALID_REQUEST, message.into())
}

fn disk(error: &io::Error) -> Refusal {
    (Status::RUNTIME_ERROR, format!("the model cannot be written: {error}"))
}

/// The most uploads at a time.
const OPEN_MAX: usize = 16;

#[cfg(test)]
#[cfg(feature = "compile")]
mod tests;
