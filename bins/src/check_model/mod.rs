//! `check_model`: what a compiled model needs, how long it takes, and whether it is right.

mod batched;
mod golden;
mod measure;
mod npz;
mod report;
mod serve;
mod steps;
mod subject;

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Parser;
use clockwork_wire::{BatchSize, PAGE_BYTES};

use crate::Failure;
use crate::process::say;
pub(crate) use report::top5;

use report::Report;
use subject::Subject;

/// The command line.
#[derive(Debug, Parser)]
#[command(about = "What a compiled model needs, how long it takes, and whether it is right")]
pub struct Arguments {
    /// The model: DIR/model, or its folder DIR.
    #[arg(value_name = "MODELPREFIX")]
    prefix: PathBuf,
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
    /// The largest difference from the golden output, as a share of its largest magnitude.
    #[arg(long, default_value_t = 1e-4, value_name = "SHARE", value_parser = share)]
    tolerance: f32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Measure the steps of the first batch size too.
    #[arg(long)]
    steps: bool,
    /// Measure nothing; run a batch for each line of standard input that names its size (or none, for 1) and
    /// answer with nanoseconds: elapsed, and of processor time.
    #[arg(long, conflicts_with_all = ["input", "golden", "json"])]
    serve: bool,
}

/// Checks the model.
///
/// # Errors
/// If it cannot be read or run, a file does not fit it, or an output is not what it should be.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut subject = Subject::open(&arguments.prefix)?;
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
    let all = subject.alone.batches();
    let find = |wish: &u16| {
        let names: Vec<_> = all.iter().map(ToString::to_string).collect();
        let unknown = || format!("the model has no batch size {wish}; it has {}", names.join(", "));
        all.iter().copied().find(|b| b.get() == *wish).ok_or_else(|| Failure::usage(unknown()))
    };
    if wished.is_empty() { Ok(all) } else { wished.iter().map(find).collect() }
}

fn report(
    subject: &mut Subject,
    batches: &[BatchSize],
    arguments: &Arguments,
) -> Result<Report, Failure> {
    let golden = match &arguments.golden {
        Some(path) => golden::compare(subject, path, arguments.tolerance)?,
        None => Vec::new(),
    };
    let batched_differs = batched::differing(subject, batches)?.map(BatchSize::get);
    let top5 = match &arguments.input {
        Some(path) => top5(subject.run(&[&input(subject, path)?])?),
        None => Vec::new(),
    };
    let (input, output) = subject.words();
    let weights_size = subject.alone.weights().len();
    let pages = u64::try_from(weights_size)?.div_ceil(arguments.page_size);
    let runs = arguments.iterations.get();
    Ok(Report {
        model: subject.folder.display().to_string(),
        input_size: input * size_of::<f32>(),
        output_size: output * size_of::<f32>(),
        workspace: subject.alone.sizes(BatchSize::ONE)?.workspace * size_of::<f32>(),
        weights_size,
        weights_paged: pages * arguments.page_size,
        pages,
        transfer_ms: measure::transfer(subject)?,
        batches: batches
            .iter()
            .map(|&batch| measure::latency(subject, batch, runs))
            .collect::<Result<_, _>>()?,
        steps: match batches.first() {
            Some(&batch) if arguments.steps => steps::steps(subject, batch, runs)?,
            _ => Vec::new(),
        },
        batched_differs,
        top5,
        golden,
    })
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
