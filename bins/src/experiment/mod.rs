//! `clockwork experiment`: every figure of the papers, from one command.
//!
//! An experiment is data ([`clockwork_config::experiment`]): points, what is measured of each, and what
//! must come of it. Here its points are run, and the results are written: `results.json` with all that
//! was measured, `table.md`, one SVG for each figure, and `run.log`, which ends in `Exiting`. Whatever
//! ends a run early, what was measured until then is there.

mod cell;
mod figure;
mod gather;
mod outcome;
mod pool;
mod results;
mod row;
mod simulate;
mod table;
mod verdict;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use clap::{Args, Parser};
use clockwork_config::experiment::{self, Experiment, Extent, Point};
use clockwork_runtime::shutdown::Shutdown;

pub use self::cell::Cell;
pub use self::outcome::Outcome;
pub use self::verdict::Verdict;

use self::pool::FirstError;
use self::results::Results;
use self::simulate::Shared;
use crate::Failure;
use crate::process::say;
use crate::workload::TraceArguments;

/// The command line of `clockwork experiment`.
#[derive(Debug, Parser)]
#[command(after_help = experiments())]
pub struct Arguments {
    /// One of those below, or a TOML file of your own
    name: String,
    #[command(flatten)]
    mode: ModeArguments,
    #[command(flatten)]
    length: LengthArguments,
    /// Runs of each point, each with the next seed; tables show the median
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    trials: u32,
    /// Where the results go; by default a folder `experiment-NAME` here
    #[arg(long)]
    out: Option<PathBuf>,
    /// Check every invariant at every step, which takes longer
    #[arg(long)]
    checked: bool,
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
    let (name, experiment) = find(&arguments.name)?;
    if !experiment.lacks.is_empty() {
        return Err(Failure::usage(format!("{name}: {}", experiment.lacks)));
    }
    let extent = if arguments.length.full { Extent::Full } else { Extent::Quick };
    let points = chosen(&experiment, extent, &arguments.only)?;
    let out = arguments.out.clone().unwrap_or_else(|| format!("experiment-{name}").into());
    let shutdown = Shutdown::on_signals()?;
    let mut results = Results::create(&out, &name, &experiment, extent, arguments.trials)?;
    say(&format!("{name}: {} ({}, {} points)", experiment.title, extent.name(), points.len()));
    let ran = simulate_all(&points, arguments, &shutdown, &mut results);
    let verdicts = results.finish(&experiment, shutdown.is_wanted())?;
    ran?;
    say(&results.table(&experiment));
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

#[derive(Debug, thiserror::Error)]
#[error("{0} of the expectations were missed")]
struct Missed(usize);

fn simulate_all(
    points: &[Point],
    arguments: &Arguments,
    shutdown: &Shutdown,
    results: &mut Results,
) -> Result<(), Failure> {
    let jobs: Vec<(usize, u32)> = (0..points.len())
        .flat_map(|point| (1..=arguments.trials).map(move |t| (point, t)))
        .collect();
    let weights: Vec<u64> = jobs.iter().map(|&(p, _)| simulate::weight(&points[p].run)).collect();
    let threads = arguments.threads.map(usize::try_from).transpose()?.unwrap_or_else(pool::cores);
    let progress = AtomicU64::new(0);
    let shared = Shared {
        shutdown,
        progress: &progress,
        checked: arguments.checked,
        trace: &arguments.trace,
    };
    let errors = FirstError::new();
    let unwritten = FirstError::new();
    let work = |job: usize| {
        let (point, trial) = jobs[job];
        if shutdown.is_wanted() {
            return None;
        }
        let outcome = simulate::simulate(&points[point], trial, &shared).map_err(Said::of);
        errors.note(job, outcome).map(|outcome| Outcome { point, ..outcome })
    };
    pool::run(&weights, threads, &progress, work, |job, outcome| {
        let kept = results.keep(outcome);
        if unwritten.note(job, kept).is_none() {
            shutdown.trigger();
        }
    });
    unwritten.into_first().map_or(Ok(()), Err)?;
    errors.into_first().map_or(Ok(()), |error| Err(error.into()))
}

/// An error that has crossed threads: what it said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

impl Said {
    fn of(failure: Failure) -> Self {
        Self(match failure {
            Failure::Usage(text) => text,
            Failure::Work(error) | Failure::Coded(_, error) => error.to_string(),
        })
    }
}

/// The experiment of this name, or in the file of this name.
fn find(name: &str) -> Result<(String, Experiment), Failure> {
    let usage = |error: clockwork_config::ConfigError| Failure::usage(error.to_string());
    let path = PathBuf::from(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Ok((name.to_owned(), Experiment::builtin(name).map_err(usage)?));
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
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
