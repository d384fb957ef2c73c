//! `clockwork demo`: a real model and emulated GPUs, served and measured, in a few seconds.

mod digits;
mod logs;
mod report;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use clockwork_config::{ClientConfig, NetworkConfig, Sources};
use clockwork_executor::zoo;
use clockwork_runtime::client::{self, Options, Progress};
use clockwork_runtime::rt;
use clockwork_runtime::shutdown::Shutdown;
use clockwork_runtime::telemetry::LogDir;
use clockwork_wire::Span;
use clockwork_workload::Plan as Workload;
use clockwork_workload::generator::PoissonOpenLoop;
use indicatif::ProgressBar;

use crate::cluster::{Cluster, Plan};
use crate::process::say;
use crate::{Failure, process};
use digits::Digits;
use report::Report;

/// The command line of `clockwork demo`.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// How long requests are sent
    #[arg(long, default_value_t = 15.0)]
    seconds: f64,
    /// Emulated GPUs
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    gpus: u32,
    /// Write the report to this file as well
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// If the cluster does not come up or a client fails.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !(arguments.seconds >= 1.0 && arguments.seconds <= 86_400.0) {
        return Err(Failure::usage("--seconds must be 1 to 86400"));
    }
    process::begin(4)?;
    let shutdown = Shutdown::on_signals()?;
    let dir = log_dir()?;
    let (gpus, models) = (arguments.gpus, zoo::names().count());
    say(&format!(
        "Starting a controller, a worker with the model `digits` on this machine's CPU, and a worker \
         with {gpus} emulated GPUs"
    ));
    let plan = Plan { gpus, models: None, port: 0, log_dir: dir.clone() };
    let cluster = Cluster::start(&plan)?;
    let rate = RATE_PER_GPU * f64::from(gpus);
    say(&format!(
        "Sending labelled digits, and {rate}/s Poisson requests for {models} emulated models with an \
         SLO of 100 ms, for {} s",
        arguments.seconds
    ));
    let (digits, load) = send(arguments, &cluster, rate, &shutdown)?;
    let cpu = cluster.cpu_seconds();
    // The controller writes its logs out when it ends.
    drop(cluster);
    let report = Report::new(&digits, &load, &logs::read(&dir)?, &cpu);
    say(&report.to_string());
    say(&format!("Logs are in {}", dir.display()));
    if let Some(path) = &arguments.json {
        serde_json::to_writer_pretty(File::create(path)?, &report)?;
    }
    Ok(())
}

/// Sends both workloads at once, on one core.
fn send(
    arguments: &Arguments,
    cluster: &Cluster,
    rate: f64,
    shutdown: &Shutdown,
) -> Result<(Digits, client::Report), Failure> {
    let length = Span::from_f64(arguments.seconds * 1e9);
    let address = cluster.address().to_string();
    let client = ClientConfig { report_interval: Span::from_secs(1), ..ClientConfig::default() };
    let options = Options {
        address: address.clone(),
        workload: "demo".into(),
        plan: zoo_workload(rate),
        length: Some(length),
        catalogue: String::new(),
        client: ClientConfig { disable_inputs: true, ..client },
        network: NetworkConfig::default(),
        requests: None,
        shutdown: shutdown.clone(),
    };
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(250));
    let mut show = |progress: Progress| show(&bar, &progress);
    let both = rt::run(&rt::Options::named("client"), async {
        let digits = digits::run(&address, length);
        let load = client::run_on_core(options, &mut show);
        futures_lite::future::zip(digits, load).await
    })?;
    bar.finish_and_clear();
    Ok((both.0?, both.1?))
}

/// Every model of the zoo once, asked for evenly.
fn zoo_workload(rate: f64) -> Workload {
    let mut plan = Workload::default();
    zoo::names().for_each(|name| plan.load(name, 1));
    plan.add(PoissonOpenLoop::new(plan.targets(), rate));
    plan
}

fn show(bar: &ProgressBar, progress: &Progress) {
    if let Progress::Interval { interval, .. } = progress {
        bar.set_message(interval.to_string());
    } else {
        bar.set_message("loading models");
    }
}

/// A folder of its own for this run, so that the logs hold nothing else.
fn log_dir() -> Result<PathBuf, Failure> {
    let config = Sources::of_process(None)?.resolve()?.config;
    let base = LogDir::choose(&config.log)?;
    let dir: &Path = &base.path().join(format!("demo-{}", std::process::id()));
    fs::create_dir_all(dir)?;
    Ok(dir.to_owned())
}

/// A third of what an emulated GPU can do without batching.
const RATE_PER_GPU: f64 = 100.0;
