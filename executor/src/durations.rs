//! How long a model takes on a class of devices, kept beside the model in
//! `device/<class>/durations.json`, so that a model that was measured once is served at once.
//!
//! What is kept holds for the very plans, weights and kernels that it was measured with. It is no
//! part of the compiled model: it may be deleted at any time, and is then measured again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clockwork_wire::{BatchProfile, BatchSize, Span};
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Durations {
    /// To copy the weights to their pages.
    pub(crate) load: Span,
    /// To run each batch size.
    pub(crate) batches: Vec<BatchProfile>,
}

/// Where durations are kept, and for what they hold.
#[derive(Debug)]
pub(crate) struct Shelf {
    path: PathBuf,
    holds_for: String,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// For what it holds; see [`Shelf::of`].
    holds_for: String,
    load_ns: u64,
    /// Batch size and nanoseconds.
    exec_ns: Vec<(u16, u64)>,
}

impl Shelf {
    /// The shelf of a model on this class of processors; `None` if the model is in no folder.
    pub(crate) fn of(artifact: &Artifact, class: &str, kernels: &str) -> Option<Self> {
        let folder = artifact.folder()?;
        let place = if artifact.cpu().weights.is_in_memory() { "memory" } else { "file" };
        // A build without optimization runs the same kernels, many times slower.
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        let (version, model) = (env!("CARGO_PKG_VERSION"), artifact.cpu().fingerprint());
        let holds_for = format!("{model}, weights in {place}, {kernels} of {version} ({build})");
        Some(Self::at(folder, class, holds_for))
    }

    /// The shelf of the model in this folder, for what was measured under conditions that these words tell.
    pub(crate) fn at(folder: &Path, class: &str, holds_for: String) -> Self {
        Self { path: folder.join("device").join(class).join("durations.json"), holds_for }
    }

    /// What is kept for these batch sizes, if it still holds.
    pub(crate) fn read(&self, batches: &[BatchSize]) -> Option<Durations> {
        let kept: Kept = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        let measured = kept.exec_ns.iter().map(|&(batch, ns)| {
            Some(BatchProfile { batch: BatchSize::new(batch)?, exec: Span::new(ns) })
        });
        let measured: Vec<_> = measured.collect::<Option<_>>()?;
        let holds = kept.holds_for == self.holds_for
            && measured.iter().map(|entry| &entry.batch).eq(batches)
            && measured.iter().all(|entry| !entry.exec.is_zero());
        holds.then(|| Durations { load: Span::new(kept.load_ns), batches: measured })
    }

    /// Keeps what was measured. A folder that cannot be written to is no error: it is measured again.
    pub(crate) fn keep(&self, measured: &Durations) {
        let exec = measured.batches.iter().map(|entry| (entry.batch.get(), entry.exec.get()));
        let (load_ns, exec_ns) = (measured.load.get(), exec.collect());
        let kept = Kept { holds_for: self.holds_for.clone(), load_ns, exec_ns };
        let written = serde_json::to_vec_pretty(&kept).map_err(io::Error::other);
        let _ = written.and_then(|bytes| replace(&self.path, &bytes));
    }
}

/// Writes a file, in a folder that is made if it does not exist, so that whoever reads it finds all of it or none.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let new = folder.join(format!(".new.{}", std::process::id()));
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}
