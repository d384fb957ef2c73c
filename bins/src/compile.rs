//! `clockwork compile`: from an ONNX file to a model that can be served.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use clockwork_executor::artifact::{Artifact, CPU_FP32, Tensor};
use clockwork_executor::compile::{Progress, compile_watched};
use clockwork_wire::BatchSize;
use thiserror::Error;

use crate::Failure;
use crate::process::say;

/// The command line.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// The ONNX file, with its weights inside.
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// The folder of the compiled model. Its name is what clients ask for; a compiled model that is
    /// there is replaced.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Batch sizes in rising order; 1 is always among them.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16")]
    batches: Vec<u16>,
    /// How numbers are computed and stored.
    #[arg(long, value_enum, default_value_t = Precision::Fp32)]
    precision: Precision,
}

/// How numbers are computed and stored.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    /// 32-bit floats.
    Fp32,
}

/// A file could not be read.
#[derive(Debug, Error)]
#[error("{}", path.display())]
struct Unread {
    path: PathBuf,
    source: io::Error,
}

/// Compiles.
///
/// # Errors
/// If the file cannot be read, holds what is not supported, or the folder cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let batches = batches(&arguments.batches)?;
    let Precision::Fp32 = arguments.precision;
    let path = &arguments.model;
    let onnx = fs::read(path).map_err(|source| Unread { path: path.clone(), source })?;
    let shown = onnx.len() >= LARGE;
    let artifact = compile_watched(&onnx, &batches, |progress| {
        if shown {
            eprintln!("{}", line(&progress));
        }
    })?;
    drop(onnx);
    if shown {
        eprintln!("writing {}", arguments.output.display());
    }
    artifact.store(&arguments.output)?;
    report(&artifact, &arguments.output);
    Ok(())
}

fn batches(sizes: &[u16]) -> Result<Vec<BatchSize>, Failure> {
    let mut sizes = sizes.to_vec();
    if sizes.first() != Some(&1) {
        sizes.insert(0, 1);
    }
    let known = |&size: &u16| {
        let refused = || format!("--batches {size}: supported are 1 to {}", BatchSize::LIMIT);
        BatchSize::new(size).ok_or_else(|| Failure::usage(refused()))
    };
    if !sizes.is_sorted_by(|a, b| a < b) {
        return Err(Failure::usage(format!("--batches {sizes:?}: they must rise")));
    }
    sizes.iter().map(known).collect()
}

fn line(progress: &Progress) -> String {
    match progress {
        Progress::Read { nodes, weights } => format!("read {nodes} operations, {weights} weights"),
        Progress::Fused { nodes } => format!("{nodes} operations after fusion"),
        Progress::Planned { batch, steps, workspace } => {
            format!("batch {batch}: {steps} steps, {workspace} bytes of workspace")
        }
    }
}

/// What the model is, in the words in which `check_model` says it.
fn report(artifact: &Artifact, folder: &Path) {
    let manifest = artifact.manifest();
    let tensors = |what: &str, tensors: &[Tensor]| {
        for Tensor { name, shape, bytes } in tensors {
            say(&format!("{what} {name} {shape:?}, {bytes} bytes"));
        }
    };
    tensors("input", &manifest.inputs);
    tensors("output", &manifest.outputs);
    let weights = &artifact.cpu().weights;
    say(&format!("weights {} bytes, {} pages", weights.len(), weights.pages().get()));
    for plan in &artifact.cpu().plans {
        let (steps, bytes) = (plan.steps().len(), plan.workspace_bytes());
        say(&format!("b{}: {steps} steps, {bytes} bytes of workspace", plan.batch().get()));
    }
    say(&format!("{}: {CPU_FP32}", folder.join("model").display()));
}

/// Files of this many bytes take long enough to say what is under way.
const LARGE: usize = 8 << 20;
