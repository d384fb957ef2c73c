//! `client ADDRESS WORKLOAD [PARAMETERS]`: sends a workload and tells what became of it.

use std::fs::File;
use std::path::PathBuf;

use clap::Parser;
use clockwork_config::{Config, Sources};
use clockwork_runtime::client::{self, Options, Report};
use clockwork_runtime::shutdown::Shutdown;
use clockwork_wire::Span;
use clockwork_workload::registry;

use crate::process::say;
use crate::workload::{self, TraceArguments};
use crate::{Failure, process};

/// The client's command line.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    about = "Sends a workload to a controller and tells what became of it",
    override_usage = "client [address] [workload] [workload parameters (if required)]",
    after_help = clockwork_workload::help() + EXIT_CODES,
    disable_version_flag = true
)]
pub struct Arguments {
    /// The controller, host:port.
    address: String,
    /// The workload's name.
    workload: String,
    /// The workload's parameters, in their order.
    #[arg(allow_negative_numbers = true)]
    parameters: Vec<String>,
    /// Cores that send, each its part.
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<u32>,
    /// Stop after this many seconds; without it the workload decides.
    #[arg(long, allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Seed of all random choices.
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Leave out of the summary what is sent in the first seconds.
    #[arg(long, allow_negative_numbers = true)]
    warmup: Option<f64>,
    /// SLO of requests whose workload names none, like 100ms [default: the controller's]
    #[arg(long)]
    slo: Option<String>,
    /// Write a summary of the run to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write what became of each single request to this file, as tab-separated columns.
    #[arg(long)]
    requests: Option<PathBuf>,
    /// Folder of samples of inputs, as SIZE/FILE, instead of made-up ones
    #[arg(long, value_name = "DIR")]
    inputs: Option<String>,
    /// How inputs are sent: none or lz4.
    #[arg(long)]
    compress: Option<String>,
    #[command(flatten)]
    trace: TraceArguments,
    /// A configuration file in TOML.
    #[arg(short, long)]
    config: Option<PathBuf>,
}

const EXIT_CODES: &str = "
Exit codes: 0 done; 1 an unknown workload, or work that cannot be done; 2 a wrong command line (the
original: 1 if words are missing, and a crash if parameters are)";

/// Runs a workload.
///
/// # Errors
/// If the command line makes no sense, or the controller cannot be worked with.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::begin(1)?;
    let usage = |error: clockwork_workload::UsageError| Failure::usage(error.to_string());
    // An unknown workload ends the process with 1, as it ends the original's.
    let found = registry::find(&arguments.workload)?;
    let Config { client, network, cores, .. } = configuration(arguments)?;
    let context = arguments.trace.context(client.seed)?;
    let plan = found.plan(&arguments.parameters, &context).map_err(usage)?;
    let models = workload::models()?;
    let options = Options {
        address: arguments.address.clone(),
        workload: arguments.workload.clone(),
        plan,
        length: arguments.seconds.map(|s| Span::from_f64(s * 1e9)),
        catalogue: format!("{} models in {}", models.names.len(), models.place),
        client,
        network,
        requests: arguments.requests.clone(),
        shutdown: Shutdown::on_signals()?,
    };
    let report = client::run(options, &cores, &mut |progress| say(&progress.to_string()))??;
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    Ok(())
}

fn configuration(arguments: &Arguments) -> Result<Config, Failure> {
    if arguments.seconds.is_some_and(|s| !(s > 0.0 && s.is_finite())) {
        return Err(Failure::usage("--seconds must be above 0"));
    }
    let sources = Sources::of_process(arguments.config.as_deref())?
        .flag("client.seed", arguments.seed)
        .flag("client.threads", arguments.threads)
        .flag("client.warmup", arguments.warmup.map(|seconds| format!("{seconds}s")))
        .flag("client.slo", arguments.slo.clone())
        .flag("client.inputs", arguments.inputs.clone())
        .flag("client.compress", arguments.compress.clone());
    sources.resolve().map(|resolved| resolved.config).map_err(|e| Failure::usage(e.to_string()))
}

/// Writes the summary of a run.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(path: &PathBuf, report: &Report) -> Result<(), Failure> {
    serde_json::to_writer_pretty(File::create(path)?, report)?;
    Ok(())
}
