//! From an ONNX file to an [`Artifact`]: all that can be decided before a model runs is decided
//! here.
//!
//! 1. `import` reads the file into a checked, device-independent graph (what an operator means is in
//!    `operator`); what follows from constants and shapes alone is computed at once (`evaluate`);
//! 2. `fuse` makes one operation of what one kernel can do;
//! 3. `lower` makes a plan per batch size: shapes (`shape`), layouts, kernels, places;
//! 4. `weights` lays the weights out for the target's kernels, once for all batch sizes.
//!
//! The same file always gives the same bytes. What cannot be compiled is an error that names node,
//! operator and what is supported.
//!
//! ```
//! use clockwork_executor::compile::{compile, digits};
//! use clockwork_executor::cpu::{Kernels, Memory, run};
//! use clockwork_wire::BatchSize;
//!
//! let artifact = compile(digits::ONNX, &[BatchSize::ONE])?;
//! let plan = artifact.cpu().plan(BatchSize::ONE).expect("it was asked for");
//! let floats = |bytes: &[u8]| -> Vec<f32> {
//!     bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
//! };
//!
//! // Whoever runs a plan owns all memory that it touches.
//! let example = digits::examples().next().expect("there are test images");
//! let mut output = vec![0.0; plan.sizes().output];
//! let mut workspace = vec![0.0; plan.sizes().workspace];
//! let memory = Memory {
//!     input: &floats(example.image),
//!     output: &mut output,
//!     workspace: &mut workspace,
//!     weights: &floats(&artifact.cpu().weights.bytes()?),
//! };
//! run(&Kernels::detect(), plan, memory);
//!
//! let logits: Vec<u8> = output.iter().flat_map(|logit| logit.to_le_bytes()).collect();
//! assert_eq!(digits::digit(&logits), Some(example.label));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod error;
mod evaluate;
mod external;
mod fuse;
mod graph;
mod import;
mod lower;
mod number;
mod onnx;
mod operator;
mod shape;
mod tensor;
mod view;
mod weights;

#[cfg(test)]
mod conformance;

pub mod digits;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use bytes::Bytes;
use clockwork_wire::{BatchSize, PAGE_BYTES};

pub use error::CompileError;

use crate::artifact::{
    Artifact, FORMAT, Files, MANIFEST, Manifest, Target, Tensor, VariantEntry, Weights,
};
use graph::{Graph, Port};
use weights::Packed;

/// Compiles an ONNX model for processors and these batch sizes, which must rise from 1.
///
/// # Errors
/// Names the node and what of it is not supported.
pub fn compile(onnx: &[u8], batches: &[BatchSize]) -> Result<Artifact, CompileError> {
    let onnx = Onnx { bytes: Bytes::copy_from_slice(onnx), folder: None };
    compile_watched(onnx, batches, &[Target::Cpu], |_| ())
}

/// An ONNX file.
#[derive(Clone, Debug, Default)]
pub struct Onnx {
    /// What is in it.
    pub bytes: Bytes,
    /// Where the files are that it keeps large tensors in; without it, they must be inside.
    pub folder: Option<PathBuf>,
}

impl Onnx {
    /// Reads a file, whose folder is also that of its tensors.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self { bytes: fs::read(path)?.into(), folder: path.parent().map(Path::to_owned) })
    }
}

/// How far a compilation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The model has been read.
    Read {
        /// Operations that depend on the input.
        nodes: usize,
        /// Weights of its convolutions and fully connected layers.
        weights: usize,
    },
    /// Operations have been made one where a kernel does several.
    Fused {
        /// Operations that are left.
        nodes: usize,
    },
    /// A batch size has its plan.
    Planned {
        /// For what.
        target: Target,
        /// The batch size.
        batch: u16,
        /// Steps of the plan.
        steps: usize,
        /// Bytes of workspace.
        workspace: usize,
    },
}

/// Compiles as [`compile`] does, for these targets, and says after each stage how far it has come.
///
/// # Errors
/// Names the node and what of it is not supported.
///
/// # Panics
/// Never: lengths fit 64 bits.
pub fn compile_watched(
    onnx: Onnx,
    batches: &[BatchSize],
    targets: &[Target],
    mut watch: impl FnMut(Progress),
) -> Result<Artifact, CompileError> {
    let sizes: Vec<u16> = batches.iter().map(|batch| batch.get()).collect();
    if sizes.first() != Some(&1) || !sizes.is_sorted_by(|a, b| a < b) {
        return Err(CompileError::Batches { batches: sizes });
    }
    let mut graph = import::import(onnx)?;
    watch(Progress::Read { nodes: graph.nodes.len(), weights: graph.weights() });
    fuse::fuse(&mut graph);
    watch(Progress::Fused { nodes: graph.nodes.len() });
    let mut files = Files::new();
    let mut manifest = manifest(&graph, sizes)?;
    for &target in targets {
        let mut packed = Packed::new(target.element());
        let mut plans_sha256 = Vec::with_capacity(manifest.batches.len());
        for &batch in &manifest.batches {
            let plan = lower::lower(&graph, &mut packed, target, batch)?;
            let (steps, workspace) = (plan.steps.len(), plan.workspace_bytes);
            watch(Progress::Planned { target, batch, steps, workspace });
            plans_sha256.push(plan.sha256());
            files.insert(target.plan_path(batch), to_json(&plan));
        }
        let weights = Weights::new(packed.bytes);
        let entry = VariantEntry {
            weights_bytes: u64::try_from(weights.len()).expect("a length fits 64 bits"),
            weights_sha256: weights.hash().to_owned(),
            plans_sha256,
        };
        manifest.variants.insert(target, entry);
        files.insert(target.weights_path(), weights.into_bytes());
    }
    files.insert(MANIFEST.to_owned(), to_json(&manifest));
    Artifact::from_files(files)
        .map_err(|error| CompileError::Model { model: graph.name, reason: error.to_string() })
}

/// What can be said before there are weights.
fn manifest(graph: &Graph, batches: Vec<u16>) -> Result<Manifest, CompileError> {
    let tensor = |Port { name, value, scalar }: &Port| {
        let shape = &graph.values[*value].dims;
        let tensor = Tensor::new(name, shape, *scalar).filter(|tensor| tensor.bytes > 0);
        tensor.ok_or_else(|| {
            let reason = format!("{name} of shape {shape:?}; supported: 4 B to 4 GiB");
            CompileError::Model { model: graph.name.clone(), reason }
        })
    };
    let tensors = |ports: &[Port]| -> Result<Vec<Tensor>, CompileError> {
        ports.iter().map(tensor).collect()
    };
    Ok(Manifest {
        format: FORMAT,
        name: graph.name.clone(),
        inputs: tensors(&graph.inputs)?,
        outputs: tensors(&graph.outputs)?,
        page_bytes: PAGE_BYTES,
        batches,
        variants: BTreeMap::new(),
    })
}

fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("manifest and plans are plain data")
}
