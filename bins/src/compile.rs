//! `clockwork compile`: from an ONNX file to a model that can be served.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use clockwork_executor::artifact::{self, Artifact, Scalar, Target, Tensor};
use clockwork_executor::compile::{CompileError, Onnx, Progress, compile_watched};
use clockwork_wire::BatchSize;
use thiserror::Error;

use crate::Failure;
use crate::process::say;
use crate::stages::Stages;

/// The command line.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// The ONNX file. Weights that it keeps in other files are looked for beside it.
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// The folder of the compiled model. Its name is what clients ask for; a compiled model that is
    /// there is replaced.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Batch sizes in rising order; 1 is always among them.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16")]
    batches: Vec<u16>,
    /// The devices that it is for.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "cpu,cuda")]
    devices: Vec<Device>,
    /// The numbers that GPUs compute with; processors always compute in fp32. Of several, a GPU takes the
    /// fastest.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "fp32")]
    precision: Vec<Precision>,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Device {
    /// Processors.
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
}

/// The numbers that a GPU computes with.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Precision {
    /// 32-bit floats: outputs within 1e-4 of the largest one.
    Fp32,
    /// 32-bit floats, multiplied by tensor cores: within 5e-3.
    Tf32,
    /// 16-bit floats, added up in 32 bits: within 2e-2.
    Fp16,
}

impl From<Precision> for artifact::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Fp32 => Self::Fp32,
            Precision::Tf32 => Self::Tf32,
            Precision::Fp16 => Self::Fp16,
        }
    }
}

/// A file could not be read.
#[derive(Debug, Error)]
#[error("cannot read {}", path.display())]
struct Unread {
    path: PathBuf,
    source: io::Error,
}

/// A file could not be compiled.
#[derive(Debug, Error)]
#[error("cannot compile {}", path.display())]
struct Uncompiled {
    path: PathBuf,
    source: CompileError,
}

/// Compiles.
///
/// # Errors
/// If the file cannot be read, holds what is not supported, or the folder cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let batches = batches(&arguments.batches)?;
    let path = &arguments.model;
    let unread = |source| Unread { path: path.clone(), source };
    let targets = targets(arguments);
    // Reading twice, fusing and writing are stages, and so is each plan.
    let mut stages = Stages::new(targets.len() * batches.len() + 4);
    stages.show_from(fs::metadata(path).map_err(unread)?.len() >= LARGE);
    stages.turn_to(&format!("reading {}", path.display()));
    let onnx = Onnx::read(path).map_err(unread)?;
    let compiled =
        compile_watched(onnx, &batches, &targets, |progress| watched(&mut stages, &progress));
    let artifact = compiled.map_err(|source| Uncompiled { path: path.clone(), source })?;
    stages.turn_to(&format!("writing {}", arguments.output.display()));
    artifact.store(&arguments.output)?;
    drop(stages);
    report(&artifact, &arguments.output);
    Ok(())
}

/// What is compiled for, each once, in a fixed order.
fn targets(arguments: &Arguments) -> Vec<Target> {
    let wanted: Vec<_> =
        arguments.precision.iter().map(|&p| artifact::Precision::from(p)).collect();
    let wanted = |target: &Target| match target {
        Target::Cpu => arguments.devices.contains(&Device::Cpu),
        Target::Cuda(precision) => {
            arguments.devices.contains(&Device::Cuda) && wanted.contains(precision)
        }
    };
    Target::ALL.into_iter().filter(wanted).collect()
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

fn watched(stages: &mut Stages, progress: &Progress) {
    match *progress {
        Progress::Read { weights, .. } => stages.show_from(weights >= WEIGHTS),
        Progress::Fused { .. } | Progress::Planned { .. } => {}
    }
    stages.turn_to(&line(progress));
}

fn line(progress: &Progress) -> String {
    match progress {
        Progress::Read { nodes, weights } => format!("read {nodes} operations, {weights} weights"),
        Progress::Fused { nodes } => format!("{nodes} operations after fusion"),
        Progress::Planned { target, batch, steps, workspace } => {
            format!("{target}, batch {batch}: {steps} steps, {workspace} bytes of workspace")
        }
    }
}

/// What the model is, in the words in which `check_model` says it.
fn report(artifact: &Artifact, folder: &Path) {
    let manifest = artifact.manifest();
    let tensors = |what: &str, tensors: &[Tensor]| {
        for Tensor { name, shape, scalar, bytes } in tensors {
            let kind = match scalar {
                Scalar::Float32 => "",
                Scalar::Int32 => " int32",
                Scalar::Int64 => " int64",
            };
            say(&format!("{what} {name}{kind} {shape:?}, {bytes} bytes"));
        }
    };
    tensors("input", &manifest.inputs);
    tensors("output", &manifest.outputs);
    for (target, variant) in artifact.variants() {
        let (bytes, pages) = (variant.weights.len(), variant.weights.pages().get());
        say(&format!("{target}: weights {bytes} bytes, {pages} pages"));
        for plan in &variant.plans {
            let (batch, steps, bytes) =
                (plan.batch().get(), plan.steps().len(), plan.workspace_bytes());
            say(&format!("  b{batch}: {steps} steps, {bytes} bytes of workspace"));
        }
    }
    say(&folder.join("model").display().to_string());
}

/// Files of this many bytes, and models of this many weights, take long enough to say what is under way.
const LARGE: u64 = 8 << 20;
const WEIGHTS: usize = 2 << 20;
