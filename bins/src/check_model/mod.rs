//! `check_model`: what a compiled model needs, how long it takes, and whether it is right.

mod agreement;
mod batched;
mod golden;
mod machine;
mod measure;
mod npz;
mod place;
mod report;
mod serve;
mod steps;
mod subject;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Parser;
use clockwork_executor::artifact;
use clockwork_wire::{BatchSize, PAGE_BYTES};

use crate::Failure;
use crate::compile::Precision;
use crate::process::say;
pub(crate) use report::top5;

use batched::Compared;
use place::{Place, Wish};
use report::Report;
use subject::Subject;

/// The command line.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(about = "What a compiled model needs, how long it takes, and whether it is right")]
pub struct Arguments {
    /// The model: DIR/model, or its folder DIR.
    #[arg(value_name = "MODELPREFIX")]
    prefix: PathBuf,
    /// Where it runs: `cpu`, a GPU by its number, or `auto`, the first GPU if there is one and the model is
    /// compiled for it.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: Wish,
    /// The numbers that the GPU computes with; the fastest that the model is compiled for if none are named.
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Bytes of a weights page in the report; loading always uses pages of 16 MiB.
    #[arg(short, long = "page_size", default_value_t = PAGE_BYTES, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..))]
    page_size: u64,
    /// Measured runs of each batch size, after 10 that warm up.
    #[arg(short, long, alias = "runs", default_value = "100", value_name = "N")]
    iterations: NonZeroUsize,
    /// Only these of the model's batch sizes.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    batches: Vec<u16>,
    /// The input of a request, its tensors as raw little-endian elements one after the other: prints the
    /// five largest elements of the output.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Compare with a numpy archive: its arrays are `in_NAME` and `out_NAME`.
    #[arg(long, value_name = "FILE.npz")]
    golden: Option<PathBuf>,
    /// On a GPU: compare with the processor too, for every batch size.
    #[arg(long)]
    against_cpu: bool,
    /// The largest difference from the golden output or the processor's, as a share of its largest magnitude;
    /// if none is given, 1e-4 in fp32, 5e-3 in tf32, 2e-2 in fp16.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    tolerance: Option<f32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Measure the steps of the first batch size too.
    #[arg(long)]
    steps: bool,
    /// Measure nothing; run a batch for each line of standard input that names its size (or none, for 1) and
    /// answer with nanoseconds: elapsed, and of processor time.
    #[arg(long, conflicts_with_all = ["input", "golden", "json", "against_cpu"])]
    serve: bool,
}

/// Checks the model.
///
/// # Errors
/// If it cannot be read or run, a file does not fit it, or an output is not what it should be.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut subject = open(arguments, arguments.device, arguments.precision)?;
    let batches = chosen(&subject, &arguments.batches)?;
    if arguments.serve {
        return serve::serve(&mut subject, &batches);
    }
    let report = report(&mut subject, &batches, arguments)?;
    if arguments.json {
        say(&serde_json::to_string(&report)?);
    } else {
        report.lines().iter().for_each(|line| say(line));
    }
    if report.passed() { Ok(()) } else { Err(Wrong.into()) }
}

/// A tolerance.
fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share: &f32| share.is_finite() && *share >= 0.0);
    share.ok_or_else(|| "it must be a number from 0 on, such as 1e-4".to_owned())
}

/// The model computes something else than it should.
#[derive(Debug, thiserror::Error)]
#[error("the model's outputs are not what they should be")]
struct Wrong;

/// The input has another size than the model's.
#[derive(Debug, thiserror::Error)]
#[error("{} has {found} bytes; an input of this model has {wanted}", path.display())]
struct InputSize {
    path: PathBuf,
    found: usize,
    wanted: usize,
}

/// A file that was named cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
struct Unreadable {
    path: PathBuf,
    source: std::io::Error,
}

/// The model's batch sizes, or those of them that are wished.
fn chosen(subject: &Subject, wished: &[u16]) -> Result<Vec<BatchSize>, Failure> {
    let all = subject.machine.batches();
    let find = |wish: &u16| {
        let names: Vec<_> = all.iter().map(ToString::to_string).collect();
        let unknown = || format!("the model has no batch size {wish}; it has {}", names.join(", "));
        all.iter().copied().find(|b| b.get() == *wish).ok_or_else(|| Failure::usage(unknown()))
    };
    if wished.is_empty() { Ok(all) } else { wished.iter().map(find).collect() }
}

fn open(
    arguments: &Arguments,
    device: Wish,
    precision: Option<Precision>,
) -> Result<Subject, Failure> {
    Subject::open(&arguments.prefix, device, precision.map(artifact::Precision::from))
}

fn report(
    subject: &mut Subject,
    batches: &[BatchSize],
    arguments: &Arguments,
) -> Result<Report, Failure> {
    let tolerance = arguments.tolerance.unwrap_or_else(|| place::tolerance(&subject.place));
    let golden = match &arguments.golden {
        Some(path) => golden::compare(subject, path, tolerance)?,
        None => Vec::new(),
    };
    let against_cpu = if arguments.against_cpu {
        against_cpu(subject, batches, arguments, tolerance)?
    } else {
        Vec::new()
    };
    let runs = arguments.iterations.get();
    let steps = match batches.first() {
        Some(&batch) if arguments.steps => steps::steps(subject, batch, runs)?,
        _ => Vec::new(),
    };
    let batched = batched::with_single(subject, batches, tolerance)?;
    let top5 = match &arguments.input {
        Some(path) => top5(subject.run(&[&input(subject, path)?])?),
        None => Vec::new(),
    };
    let (input, output) = subject.words();
    let weights_size = subject.machine.weights().len();
    let pages = u64::try_from(weights_size)?.div_ceil(arguments.page_size);
    let (device, precision, no_gpu) = described(&subject.place);
    Ok(Report {
        model: subject.folder.display().to_string(),
        device,
        precision,
        versions: subject.machine.versions().map(ToOwned::to_owned),
        no_gpu,
        input_size: input * size_of::<f32>(),
        output_size: output * size_of::<f32>(),
        workspace: subject.machine.workspace_bytes(BatchSize::ONE)?,
        weights_size,
        weights_paged: pages * arguments.page_size,
        pages,
        transfer_ms: measure::transfer(subject)?,
        batches: batches
            .iter()
            .map(|&batch| measure::latency(subject, batch, runs))
            .collect::<Result<_, _>>()?,
        steps,
        batched,
        tolerance,
        top5,
        golden,
        against_cpu,
    })
}

/// The device's name, its numbers, and why it is not a GPU.
fn described(place: &Place) -> (String, &'static str, Option<String>) {
    match place {
        Place::Processor { why } => ("processor".to_owned(), "fp32", why.clone()),
        Place::Gpu(gpu, precision) => (gpu.name.clone(), place::name(*precision), None),
    }
}

/// The model on the GPU beside the same model on the processor.
fn against_cpu(
    subject: &mut Subject,
    batches: &[BatchSize],
    arguments: &Arguments,
    tolerance: f32,
) -> Result<Vec<Compared>, Failure> {
    if let Place::Processor { why } = &subject.place {
        let why = why.as_deref().unwrap_or("--device cpu");
        return Err(Failure::usage(format!("--against-cpu: the model is not on a GPU: {why}")));
    }
    let mut processor = open(arguments, Wish::Cpu, None)?;
    batched::with_processor(subject, &mut processor, batches, tolerance)
}

/// The elements of a request in a file.
fn input(subject: &Subject, path: &Path) -> Result<Vec<f32>, Failure> {
    let bytes = fs::read(path).map_err(|source| Unreadable { path: path.to_owned(), source })?;
    let (found, wanted) = (bytes.len(), subject.words().0 * size_of::<f32>());
    if found != wanted {
        return Err(InputSize { path: path.to_owned(), found, wanted }.into());
    }
    Ok(bytes.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect())
}
