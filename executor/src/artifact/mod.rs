//! A compiled model: a manifest, and per target its weights and one plan per batch size.
//!
//! On disk it is a folder:
//!
//! ```text
//! manifest.json
//! variants/<target>/weights.bin       cpu-fp32, cuda-fp32, cuda-tf32 or cuda-fp16
//! variants/<target>/plan.1.json, plan.2.json, ...
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
mod target;
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
    Depthwise, Elementwise, Embedding, Function, Gather, Grid, Integers, Kernel, Lengths, Linear,
    Lookup, Map, Matmul, Normalize, PANEL, Pair, Pool, READS, Ranges, Reduce, Reduction, Resize,
    Rows, Sample, Select, Shares, Sliding, Strided, Summary, Transfer, Walk, Winograd, panels,
};
pub use manifest::{FORMAT, MANIFEST, Manifest, Scalar, Tensor, VariantEntry};
pub use plan::{Place, Plan, PlanFile, Segment, Sizes, Space, Step, TENSOR_ALIGNMENT};
pub use step::{CheckedStep, Extent};
pub use store::locate;
pub(crate) use store::put;
pub use target::{Element, Precision, Target};
pub use weights::Weights;
use weights::hexadecimal;

/// A compiled model whose parts have all been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    manifest: Manifest,
    variants: BTreeMap<Target, Variant>,
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

/// The compiled form for one target.
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
    /// The artifact in these files, in all its forms.
    ///
    /// # Errors
    /// Names the file and the field that is missing or cannot be trusted.
    pub fn from_files(mut files: Files) -> Result<Self, ArtifactError> {
        let mut take = |file: &str| {
            files.remove(file).ok_or_else(|| ArtifactError::Missing { file: file.to_owned() })
        };
        let manifest = Manifest::parse(&take(MANIFEST)?)?;
        let mut variants = BTreeMap::new();
        for &target in manifest.variants.keys() {
            let weights = Arc::new(Weights::new(take(&target.weights_path())?));
            variants.insert(target, Variant::assemble(&manifest, target, weights, &mut take)?);
        }
        Ok(Self { manifest, variants, folder: Folder::default() })
    }

    /// The artifact in this folder in its form for processors, with a host copy of its weights.
    ///
    /// # Errors
    /// Names the file that cannot be read, or the field that cannot be trusted.
    pub fn read(folder: &Path) -> Result<Self, ArtifactError> {
        Self::read_sharing(folder, &[Target::Cpu], &HostCache::default())
    }

    /// The artifact in this folder in the first of these forms that it has, with the copy of its weights
    /// that is in this cache, or will be.
    ///
    /// # Errors
    /// If it has none of them; else names the file that cannot be read, or the field that cannot be trusted.
    pub fn read_sharing(
        folder: &Path,
        wanted: &[Target],
        copies: &HostCache,
    ) -> Result<Self, ArtifactError> {
        if !folder.join(MANIFEST).exists() {
            return Err(ArtifactError::Absent { path: folder.to_owned() });
        }
        Self::read_parts(folder, wanted, copies).map_err(|error| error.within(folder))
    }

    fn read_parts(
        folder: &Path,
        wanted: &[Target],
        copies: &HostCache,
    ) -> Result<Self, ArtifactError> {
        let mut read = |file: &str| {
            let path = folder.join(file);
            fs::read(&path).map_err(|source| unread(file, path, source))
        };
        let manifest = Manifest::parse(&read(MANIFEST)?)?;
        let target = manifest.first_of(wanted)?;
        let entry = &manifest.variants[&target];
        let file = target.weights_path();
        let path = folder.join(&file);
        // Looked at first: a file of another length is not read, however long it is.
        let facts = fs::metadata(&path).map_err(|source| unread(&file, path.clone(), source))?;
        check_length(target, facts.len(), entry)?;
        let weights = copies.weights(&path, entry.weights_bytes, &entry.weights_sha256)?;
        let variant = Variant::assemble(&manifest, target, weights, &mut read)?;
        let (variants, folder) = ([(target, variant)].into(), Folder(Some(folder.to_owned())));
        Ok(Self { manifest, variants, folder })
    }

    /// Its files; the same artifact always has the same bytes.
    ///
    /// # Errors
    /// If its weights were left in their file, which can no longer be read.
    ///
    /// # Panics
    /// Never: manifest and plans are plain data.
    pub fn to_files(&self) -> io::Result<Files> {
        let mut files = self.texts();
        for (target, variant) in &self.variants {
            files.insert(target.weights_path(), variant.weights.bytes()?.into_owned());
        }
        Ok(files)
    }

    /// Its manifest and plans.
    fn texts(&self) -> Files {
        let mut files = Files::new();
        let manifest = serde_json::to_vec_pretty(&self.manifest).expect("a manifest is plain data");
        files.insert(MANIFEST.to_owned(), manifest);
        for (target, variant) in &self.variants {
            for plan in &variant.plans {
                let bytes = serde_json::to_vec_pretty(plan.file()).expect("a plan is plain data");
                files.insert(target.plan_path(plan.batch().get()), bytes);
            }
        }
        files
    }

    /// Writes its files into a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        let failed = |source| ArtifactError::Io { path: folder.to_owned(), source };
        let write = |file: &str, bytes: &[u8]| {
            let path = folder.join(file);
            path.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(&path, bytes))
                .map_err(|source| ArtifactError::Io { path, source })
        };
        for (file, bytes) in self.texts() {
            write(&file, &bytes)?;
        }
        for (target, variant) in &self.variants {
            write(&target.weights_path(), &variant.weights.bytes().map_err(failed)?)?;
        }
        Ok(())
    }

    /// What it says of its model.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The form for a target, if it was read.
    pub fn variant(&self, target: Target) -> Option<&Variant> {
        self.variants.get(&target)
    }

    /// The form for processors.
    ///
    /// # Panics
    /// If it was read in another form.
    pub fn cpu(&self) -> &Variant {
        self.variant(Target::Cpu).expect("it was read in its form for processors")
    }

    /// All forms that were read.
    pub fn variants(&self) -> impl Iterator<Item = (Target, &Variant)> {
        self.variants.iter().map(|(&target, variant)| (target, variant))
    }

    /// Where it was read from; `None` if it came from memory.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.0.as_deref()
    }
}

impl Variant {
    /// SHA-256 of weights and plans, in hexadecimal: what runs takes the same time if that is the same.
    ///
    /// # Panics
    /// Never: plans are plain data.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new_with_prefix(self.weights.hash());
        for plan in &self.plans {
            hash.update(serde_json::to_vec(plan.file()).expect("a plan is plain data"));
        }
        hexadecimal(&hash.finalize())
    }

    fn assemble(
        manifest: &Manifest,
        target: Target,
        weights: Arc<Weights>,
        mut file: impl FnMut(&str) -> Result<Vec<u8>, ArtifactError>,
    ) -> Result<Self, ArtifactError> {
        check_weights(target, &weights, &manifest.variants[&target])?;
        let per_input = manifest.words();
        let hashes = &manifest.variants[&target].plans_sha256;
        let plan = |(&batch, hash): (&u16, &String)| {
            let plan = checked_plan(&mut file, target, batch, per_input, &weights)?;
            check_hash(&target.plan_path(batch), &plan.file().sha256(), hash)?;
            Ok(Arc::new(plan))
        };
        let plans = manifest.batches.iter().zip(hashes).map(plan).collect::<Result<_, _>>()?;
        Ok(Self { weights, plans })
    }

    /// The plan for a batch size, if there is one.
    pub fn plan(&self, batch: BatchSize) -> Option<&Arc<Plan>> {
        self.plans.iter().find(|plan| plan.batch() == batch)
    }
}

/// What it means that a file cannot be read.
fn unread(file: &str, path: PathBuf, source: io::Error) -> ArtifactError {
    if source.kind() == io::ErrorKind::NotFound {
        ArtifactError::Missing { file: file.to_owned() }
    } else {
        ArtifactError::Io { path, source }
    }
}

fn check_weights(
    target: Target,
    weights: &Weights,
    entry: &VariantEntry,
) -> Result<(), ArtifactError> {
    check_length(target, u64::try_from(weights.len()).unwrap_or(u64::MAX), entry)?;
    check_hash(&target.weights_path(), weights.hash(), &entry.weights_sha256)
}

fn check_hash(file: &str, found: &str, wanted: &str) -> Result<(), ArtifactError> {
    if found == wanted {
        return Ok(());
    }
    let reason = format!("{found}; the manifest says {wanted}");
    Err(ArtifactError::invalid(file, "sha256", reason))
}

fn check_length(target: Target, bytes: u64, entry: &VariantEntry) -> Result<(), ArtifactError> {
    if bytes == entry.weights_bytes {
        return Ok(());
    }
    let reason = format!("{bytes}; the manifest says {}", entry.weights_bytes);
    Err(ArtifactError::invalid(&target.weights_path(), "length", reason))
}

fn checked_plan(
    file: &mut impl FnMut(&str) -> Result<Vec<u8>, ArtifactError>,
    target: Target,
    batch: u16,
    per_input: (usize, usize),
    weights: &Weights,
) -> Result<Plan, ArtifactError> {
    let path = target.plan_path(batch);
    let stored: PlanFile = serde_json::from_slice(&file(&path)?)
        .map_err(|error| ArtifactError::invalid(&path, "content", error.to_string()))?;
    if stored.batch != batch {
        let reason = format!("{}; the file's name says {batch}", stored.batch);
        return Err(ArtifactError::invalid(&path, "batch", reason));
    }
    Plan::check(&path, stored, target, per_input, weights.len() / target.element().bytes())
}
