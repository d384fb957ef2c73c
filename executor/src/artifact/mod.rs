//! A compiled model: a manifest, and per target its weights and one plan per batch size.
//!
//! On disk it is a folder:
//!
//! ```text
//! manifest.json
//! variants/cpu-fp32/weights.bin
//! variants/cpu-fp32/plan.1.json, plan.2.json, ...
//! device/<class>/...                  measured on one machine; outside what is described here
//! ```
//!
//! Compiling the same model twice gives the same bytes. Reading checks every size, offset and hash
//! before anything can be run: a damaged artifact is an error that names file and field.

mod direct;
mod error;
mod host;
mod kernel;
mod manifest;
mod plan;
mod step;
mod store;
mod weights;
mod written;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clockwork_wire::BatchSize;
use sha2::{Digest as _, Sha256};

pub use error::ArtifactError;
pub use host::HostCache;
pub use kernel::{
    Activation, Affine, Area, BLOCK, Border, Broadcast, Combination, Convolution, DIMENSIONS,
    Depthwise, Elementwise, Function, Gather, Grid, Kernel, Lengths, Linear, Map, Matmul,
    Normalize, PANEL, Pair, Pool, READS, Ranges, Reduce, Reduction, Resize, Rows, Sample, Select,
    Shares, Sliding, Strided, Summary, Transfer, Walk, Winograd, panels,
};
pub use manifest::{FORMAT, MANIFEST, Manifest, Tensor, VariantEntry};
pub use plan::{Place, Plan, PlanFile, Sizes, Space, Step, TENSOR_ALIGNMENT};
pub use step::{CheckedStep, Extent};
pub use store::locate;
pub use weights::Weights;
use weights::hexadecimal;

/// The variant that the `cpu` device runs.
pub const CPU_FP32: &str = "cpu-fp32";

/// A compiled model whose parts have all been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    manifest: Manifest,
    cpu: Variant,
    folder: Folder,
}

/// Where an artifact was read from. Equal artifacts may lie in different places.
#[derive(Clone, Debug, Default)]
struct Folder(Option<PathBuf>);

impl PartialEq for Folder {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Folder {}

/// The compiled form for one target and precision.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The weights, shared by all plans.
    pub weights: Arc<Weights>,
    /// The plans in the order of their batch sizes.
    pub plans: Vec<Arc<Plan>>,
}

/// An artifact's files by their path inside its folder.
pub type Files = BTreeMap<String, Vec<u8>>;

impl Artifact {
    /// The artifact in these files.
    ///
    /// # Errors
    /// Names the file and the field that is missing or cannot be trusted.
    pub fn from_files(mut files: Files) -> Result<Self, ArtifactError> {
        let mut take = |file: &str| {
            files.remove(file).ok_or_else(|| ArtifactError::Missing { file: file.to_owned() })
        };
        let manifest = Manifest::parse(&take(MANIFEST)?)?;
        let weights = Arc::new(Weights::new(take(&weights_path(CPU_FP32))?));
        Self::assemble(manifest, weights, take)
    }

    /// The artifact in this folder, with a host copy of its weights.
    ///
    /// # Errors
    /// Names the file that cannot be read, or the field that cannot be trusted.
    pub fn read(folder: &Path) -> Result<Self, ArtifactError> {
        Self::read_sharing(folder, &HostCache::default())
    }

    /// The artifact in this folder, with the copy of its weights that is in this cache, or will be.
    ///
    /// # Errors
    /// Names the file that cannot be read, or the field that cannot be trusted.
    pub fn read_sharing(folder: &Path, copies: &HostCache) -> Result<Self, ArtifactError> {
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read(&path).map_err(|source| ArtifactError::Io { path, source })
        };
        let manifest = Manifest::parse(&read(MANIFEST)?)?;
        let entry = manifest.variant(CPU_FP32)?;
        let path = folder.join(weights_path(CPU_FP32));
        let weights = copies.weights(&path, entry.weights_bytes, &entry.weights_sha256)?;
        let folder = Folder(Some(folder.to_owned()));
        Ok(Self { folder, ..Self::assemble(manifest, weights, read)? })
    }

    /// Its files; the same artifact always has the same bytes.
    ///
    /// # Errors
    /// If its weights were left in their file, which can no longer be read.
    ///
    /// # Panics
    /// Never: manifest and plans are plain data.
    pub fn to_files(&self) -> io::Result<Files> {
        let mut files = Files::new();
        let manifest = serde_json::to_vec_pretty(&self.manifest).expect("a manifest is plain data");
        files.insert(MANIFEST.to_owned(), manifest);
        files.insert(weights_path(CPU_FP32), self.cpu.weights.bytes()?.into_owned());
        for plan in &self.cpu.plans {
            let bytes = serde_json::to_vec_pretty(plan.file()).expect("a plan is plain data");
            files.insert(plan_path(CPU_FP32, plan.batch().get()), bytes);
        }
        Ok(files)
    }

    /// Writes its files into a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        let failed = |source| ArtifactError::Io { path: folder.to_owned(), source };
        for (file, bytes) in self.to_files().map_err(failed)? {
            let path = folder.join(file);
            path.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(&path, bytes))
                .map_err(|source| ArtifactError::Io { path, source })?;
        }
        Ok(())
    }

    /// What it says of its model.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The form for the `cpu` device.
    pub fn cpu(&self) -> &Variant {
        &self.cpu
    }

    /// Where it was read from; `None` if it came from memory.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.0.as_deref()
    }

    /// SHA-256 of weights and plans, in hexadecimal: what runs takes the same time if that is the same.
    ///
    /// # Panics
    /// Never: plans are plain data.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new_with_prefix(self.cpu.weights.hash());
        for plan in &self.cpu.plans {
            hash.update(serde_json::to_vec(plan.file()).expect("a plan is plain data"));
        }
        hexadecimal(&hash.finalize())
    }

    fn assemble(
        manifest: Manifest,
        weights: Arc<Weights>,
        mut file: impl FnMut(&str) -> Result<Vec<u8>, ArtifactError>,
    ) -> Result<Self, ArtifactError> {
        check_weights(&weights, manifest.variant(CPU_FP32)?)?;
        let per_input = manifest.elements();
        let plans = manifest
            .batches
            .iter()
            .map(|&batch| checked_plan(&mut file, batch, per_input, &weights).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let cpu = Variant { weights, plans };
        Ok(Self { manifest, cpu, folder: Folder::default() })
    }
}

impl Variant {
    /// The plan for a batch size, if there is one.
    pub fn plan(&self, batch: BatchSize) -> Option<&Arc<Plan>> {
        self.plans.iter().find(|plan| plan.batch() == batch)
    }
}

/// Where a variant's weights lie in an artifact.
pub(crate) fn weights_path(variant: &str) -> String {
    format!("variants/{variant}/weights.bin")
}

/// Where a variant's plan lies in an artifact.
pub(crate) fn plan_path(variant: &str, batch: u16) -> String {
    format!("variants/{variant}/plan.{batch}.json")
}

fn check_weights(weights: &Weights, entry: &VariantEntry) -> Result<(), ArtifactError> {
    let invalid =
        |field, reason| Err(ArtifactError::invalid(&weights_path(CPU_FP32), field, reason));
    if u64::try_from(weights.len()).ok() != Some(entry.weights_bytes) {
        let reason = format!("{}; the manifest says {}", weights.len(), entry.weights_bytes);
        return invalid("length", reason);
    }
    if weights.hash() != entry.weights_sha256 {
        let reason = format!("{}; the manifest says {}", weights.hash(), entry.weights_sha256);
        return invalid("sha256", reason);
    }
    Ok(())
}

fn checked_plan(
    file: &mut impl FnMut(&str) -> Result<Vec<u8>, ArtifactError>,
    batch: u16,
    per_input: (usize, usize),
    weights: &Weights,
) -> Result<Plan, ArtifactError> {
    let path = plan_path(CPU_FP32, batch);
    let stored: PlanFile = serde_json::from_slice(&file(&path)?)
        .map_err(|error| ArtifactError::invalid(&path, "content", error.to_string()))?;
    if stored.batch != batch {
        let reason = format!("{}; the file's name says {batch}", stored.batch);
        return Err(ArtifactError::invalid(&path, "batch", reason));
    }
    Plan::check(&path, stored, per_input, weights.elements())
}
