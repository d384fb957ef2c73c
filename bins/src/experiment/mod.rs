//! `clockwork experiment`: every figure of the papers, from one command.
//!
//! An experiment is data ([`clockwork_config::experiment`]): points, what is measured of each, and what
//! must come of it. Here its points are run, and the results are written: `results.json` with all that
//! was measured, `table.md`, one SVG for each figure, and `run.log`, which ends in `Exiting`. Whatever
//! ends a run early, what was measured until then is there.

mod cell;
mod detached;
mod document;
mod figure;
mod gather;
mod launch;
mod outcome;
mod parm;
mod place;
mod results;
mod runs;
mod simulate;
mod table;
mod verdict;

use std::path::{Path, PathBuf};

use clap::{Args, Parser};
use clockwork_config::experiment::{self, Experiment, Extent, Point};
use clockwork_runtime::shutdown::Shutdown;

pub use self::cell::Cell;
pub use self::outcome::Outcome;
pub use self::verdict::Verdict;

pub(crate) use self::document::Document;
pub(crate) use self::figure::{bottom, lines};
pub(crate) use self::table::{Row, median, points, row, shown};

use self::results::Results;
use self::runs::Runs;
use crate::Failure;
use crate::process::say;
use crate::stats;
use crate::workload::TraceArguments;

/// The command line of `clockwork experiment`.
#[derive(Debug, Parser)]
#[command(after_help = experiments())]
pub struct Arguments {
    /// One of those below, or a TOML file of your own, or a JSON configuration of ParM; or `fetch`, to see
    /// how a run stands; or `stats`, for latencies as ParM prints them
    name: String,
    /// With `fetch`: the folder of a run; with `stats`: a folder with request logs, or a configuration
    /// of ParM beside its results
    dir: Option<PathBuf>,
    #[command(flatten)]
    mode: ModeArguments,
    #[command(flatten)]
    length: LengthArguments,
    /// Runs of each point, each with the next seed; tables show the median. By default 1, or as many as
    /// a configuration of ParM says
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    trials: Option<u32>,
    /// Where the results go; by default a folder `experiment-NAME` here
    #[arg(long)]
    out: Option<PathBuf>,
    /// Keep a controller's two logs of each run, in `trial_T/file=controller_I_request.tsv` and
    /// `_action.tsv`, for `report` and `trace`; runs with real processes always do
    #[arg(long)]
    logs: bool,
    /// Check every invariant at every step, which takes longer
    #[arg(long)]
    checked: bool,
    /// Go on in the background, whatever becomes of this terminal; `fetch` shows how it stands
    #[arg(long)]
    detach: bool,
    /// Only points at which an axis has a value, as `slo=10ms`; may be repeated
    #[arg(long, value_name = "AXIS=VALUE")]
    only: Vec<String>,
    #[command(flatten)]
    trace: TraceArguments,
    /// Runs at a time, 1 to 1,024; by default one for each core
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    threads: Option<u32>,
}

/// Where it runs.
#[derive(Clone, Debug, Args)]
#[group(multiple = false)]
struct ModeArguments {
    /// In virtual time, from seeds: the same command gives the same bytes (the default)
    #[arg(long)]
    sim: bool,
    /// With real processes and emulated devices on this machine
    #[arg(long)]
    local: bool,
    /// With real processes on the hosts that this TOML file names, by ssh
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
}

impl ModeArguments {
    /// Whether it runs in virtual time.
    const fn is_simulated(&self) -> bool {
        !self.local && self.hosts.is_none()
    }
}

/// How long it runs.
#[derive(Clone, Debug, Args)]
#[group(multiple = false)]
struct LengthArguments {
    /// Short runs and few points, which show the same shape (the default)
    #[arg(long)]
    quick: bool,
    /// What was published, in full length
    #[arg(long)]
    full: bool,
}

/// Runs an experiment and says whether what was expected has come.
///
/// # Errors
/// If there is no such experiment, a workload cannot be made, or the results cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match (arguments.name.as_str(), &arguments.dir) {
        ("fetch", Some(dir)) => return detached::fetch(dir),
        ("stats", Some(path)) => return stats::run(path),
        ("stats", None) => return Err(Failure::usage("stats needs a folder of results")),
        ("fetch", None) => return Err(Failure::usage("fetch needs the folder of a run")),
        (_, Some(dir)) => {
            return Err(Failure::usage(format!("{} is one argument too many", dir.display())));
        }
        (_, None) => {}
    }
    let (name, experiment) = find(&arguments.name)?;
    if !experiment.lacks.is_empty() {
        return Err(Failure::usage(format!("{name}: {}", experiment.lacks)));
    }
    let extent = if arguments.length.full { Extent::Full } else { Extent::Quick };
    let points = chosen(&experiment, extent, &arguments.only)?;
    if points.iter().any(|point| point.run.parm.is_some()) && !arguments.mode.is_simulated() {
        return Err(Failure::usage(format!("{name}: {IN_VIRTUAL_TIME}")));
    }
    let trials = experiment.trials(extent).map_err(|error| Failure::usage(error.to_string()))?;
    let trials = arguments.trials.unwrap_or(trials);
    let out = arguments.out.clone().unwrap_or_else(|| format!("experiment-{name}").into());
    if arguments.detach {
        return detached::begin(&out);
    }
    let shutdown = Shutdown::on_signals()?;
    let mut results = Results::create(&out, &name, &experiment, extent, trials)?;
    say(&format!("{name}: {} ({}, {} points)", experiment.title, extent.name(), points.len()));
    let runs =
        Runs { name: &name, points: &points, out: &out, arguments, trials, shutdown: &shutdown };
    let ran = runs.all(&mut results);
    let finished = results.finish(&experiment, shutdown.is_wanted());
    // What has been measured is shown even where the disk does not take it.
    if !results.outcomes().is_empty() {
        say(&results.table());
    }
    ran?;
    let verdicts = finished?;
    if name_is_json(&arguments.name) {
        show_latencies(&points, results.outcomes());
    }
    for verdict in &verdicts {
        say(&verdict.to_string());
    }
    say(&format!("results are in {}", out.display()));
    let missed = verdicts.iter().filter(|verdict| !verdict.holds()).count();
    if missed > 0 && !shutdown.is_wanted() && arguments.only.is_empty() {
        return Err(Missed(missed).into());
    }
    Ok(())
}

/// What each run came to, as ParM's harness prints it.
fn show_latencies(points: &[Point], outcomes: &[Outcome]) {
    for outcome in outcomes {
        let Some(parm) = &points[outcome.point].run.parm else { continue };
        say(&parm.path(outcome.trial - 1).display().to_string());
        match outcome.latencies {
            Some(latencies) => say(&latencies.text()),
            None => say(&outcome.lacks),
        }
    }
}

fn name_is_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "json")
}

/// Why an experiment of ParM's does not run with real processes.
const IN_VIRTUAL_TIME: &str =
    "it runs in virtual time only, where what disturbs its workers is a model";

#[derive(Debug, thiserror::Error)]
#[error("{0} of the expectations were missed")]
struct Missed(usize);

/// The experiment of this name, or in the file of this name.
fn find(name: &str) -> Result<(String, Experiment), Failure> {
    let usage = |error: clockwork_config::ConfigError| Failure::usage(error.to_string());
    let path = PathBuf::from(name);
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
    if name_is_json(name) {
        return Ok((stem, stats::configuration(&path)?));
    }
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Ok((name.to_owned(), Experiment::builtin(name).map_err(usage)?));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
    Ok((stem, Experiment::read(name, &text).map_err(usage)?))
}

/// The points that are asked for.
fn chosen(experiment: &Experiment, extent: Extent, only: &[String]) -> Result<Vec<Point>, Failure> {
    let mut points =
        experiment.points(extent).map_err(|error| Failure::usage(error.to_string()))?;
    for choice in only {
        let wrong = || Failure::usage(format!("--only {choice}: no point has that"));
        let (axis, value) = choice.split_once('=').ok_or_else(wrong)?;
        points.retain(|point| point.at(axis) == Some(value));
        if points.is_empty() {
            return Err(wrong());
        }
    }
    Ok(points)
}

fn experiments() -> String {
    let line = |name| {
        let title = Experiment::builtin(name).map_or_else(|error| error.to_string(), |e| e.title);
        format!("  {name:12} {title}\n")
    };
    experiment::names().map(line).fold("Experiments:\n".to_owned(), |text, line| text + &line)
}
