//! Uploads: a folder's files, step by step.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use clockwork_executor::upload::{list, prefix};
use clockwork_wire::codec::{NAME_MAX, UPLOAD_DATA_MAX, UPLOAD_FILES_MAX};
use clockwork_wire::{Payload, RequestId, UploadFile, UploadRequest, UploadResponse, UploadStep};
use sha2::{Digest as _, Sha256};

use super::reply::{Reply, confused};
use super::{ClientError, Session};
use crate::net::Ask;

/// One on its way.
struct Sending<'s> {
    name: &'s str,
    upload: RequestId,
    /// Bytes that were sent.
    offset: u64,
}

impl Session {
    /// Sends the compiled model in `folder` to every worker, which keeps it under `name`: to be loaded,
    /// or to replace what is served under that name. Reads the files twice, on the calling core. If the
    /// future is dropped, close the session: only that ends the upload.
    ///
    /// # Errors
    /// If the folder cannot be read, any worker refuses (the words name each, and why; the others have
    /// the model), or the controller is lost.
    pub async fn upload(&mut self, name: &str, folder: &Path) -> Result<(), ClientError> {
        if name.len() > NAME_MAX {
            return Err(ClientError::Name(name.into()));
        }
        let unreadable = |source| ClientError::Unreadable { path: folder.to_owned(), source };
        let files = listed(folder).map_err(unreadable)?;
        let total: u64 = files.iter().map(|file| file.len).sum();
        let sha256 = hash(folder, &files).map_err(unreadable)?;
        let begin = UploadStep::Begin { name: name.into(), files: files.clone(), sha256 };
        let mut sending = Sending { name, upload: self.next_id(), offset: 0 };
        self.step(&sending, begin).await?;
        let mut bytes = Vec::with_capacity(UPLOAD_DATA_MAX);
        for file in &files {
            let mut content = File::open(folder.join(&file.path)).map_err(unreadable)?;
            while fill(&mut bytes, &mut content).map_err(unreadable)? {
                self.send(&mut sending, &mut bytes).await?;
            }
        }
        if !bytes.is_empty() {
            self.send(&mut sending, &mut bytes).await?;
        }
        if sending.offset == total {
            return Ok(());
        }
        self.step(&sending, UploadStep::Drop).await?;
        Err(unreadable(io::Error::other("a file has become shorter meanwhile")))
    }

    /// Sends the next bytes.
    async fn send(
        &mut self,
        sending: &mut Sending<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let len = u64::try_from(bytes.len()).expect("a length fits 64 bits");
        let next = std::mem::replace(bytes, Vec::with_capacity(UPLOAD_DATA_MAX));
        let data = UploadStep::Data { offset: sending.offset, bytes: Payload::new(next) };
        sending.offset += len;
        self.step(sending, data).await
    }

    async fn step(&mut self, sending: &Sending<'_>, step: UploadStep) -> Result<(), ClientError> {
        let id = self.next_id();
        let request = UploadRequest { id, upload: sending.upload, step };
        let Reply::Upload(response) = self.ask(id, Ask::Upload(request)).await? else {
            return Err(confused());
        };
        let UploadResponse { status, message, .. } = response;
        let failed = || ClientError::Upload { name: sending.name.into(), status, message };
        if status.is_ok() { Ok(()) } else { Err(failed()) }
    }
}

/// The files of the artifact in this folder, if one upload can name them all.
fn listed(folder: &Path) -> io::Result<Vec<UploadFile>> {
    let files = list(folder)?;
    if files.len() > UPLOAD_FILES_MAX {
        let found = files.len();
        return Err(io::Error::other(format!(
            "{found} files; at most {UPLOAD_FILES_MAX} can be sent"
        )));
    }
    Ok(files)
}

/// Adds what there is room for; whether that fills a step.
fn fill(step: &mut Vec<u8>, content: &mut File) -> io::Result<bool> {
    let room = u64::try_from(UPLOAD_DATA_MAX - step.len()).expect("a length fits 64 bits");
    content.take(room).read_to_end(step)?;
    Ok(step.len() == UPLOAD_DATA_MAX)
}

/// SHA-256 of all of it, as an upload announces it.
fn hash(folder: &Path, files: &[UploadFile]) -> io::Result<[u8; 32]> {
    let (mut hash, mut bytes) = (Sha256::new(), vec![0; HASHED]);
    for UploadFile { path, len } in files {
        hash.update(prefix(path, *len));
        let mut content = File::open(folder.join(path))?;
        loop {
            let read = content.read(&mut bytes)?;
            if read == 0 {
                break;
            }
            hash.update(&bytes[..read]);
        }
    }
    Ok(hash.finalize().into())
}

/// Bytes that are read at a time for the hash.
const HASHED: usize = 1 << 20;
