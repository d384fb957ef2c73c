//! `clockwork plan`: how many devices a workload needs.
//!
//! The question is checked first (`question`); what it asks for is drawn without a system, which says
//! how many devices it needs at the least (`demand`); from there on runs in virtual time look for the
//! fewest that reach the target (`search`, `attempt`). What has been found is written after every run.

mod attempt;
mod demand;
mod profile;
mod question;
mod results;
mod search;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use clap::Parser;
use clockwork_config::SchedulerKind;
use clockwork_runtime::shutdown::Shutdown;

use self::attempt::{Attempt, Shared};
use self::demand::Demand;
use self::question::Question;
use self::results::Results;
use self::search::Search;
use crate::Failure;
use crate::pool::{self, FirstError, Said};
use crate::process::say;
use crate::workload::TraceArguments;

/// The command line of `clockwork plan`.
#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(flatten)]
    trace: TraceArguments,
    /// Instead of a trace: a number of requests per second on each line, for all models together; or
    /// several files separated by commas, one for each model of --models
    #[arg(long, value_name = "FILE", conflicts_with = "trace")]
    rates: Option<String>,
    /// Models that are asked for, as NAME or NAME:COPIES, separated by commas, the most called first
    /// [default: every model of the profile]
    #[arg(long, value_name = "A,B")]
    models: Option<String>,
    /// Copies of each model that has no :COPIES, each with weights of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    copies: u32,
    /// Milliseconds within which a request must be answered
    #[arg(long, value_name = "MS", default_value_t = 100.0, allow_negative_numbers = true)]
    slo: f64,
    /// The fraction of all requests that must be answered in time
    #[arg(long, value_name = "FRACTION", default_value_t = 0.999, allow_negative_numbers = true)]
    target: f64,
    /// What a device takes for each model: a table as in zoo/profiles, or a folder of models with the
    /// original's measurements [default: a V100]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Pages of 16 MiB that a device has for weights
    #[arg(long, default_value_t = 1_376, value_parser = clap::value_parser!(u32).range(1..))]
    pages: u32,
    /// The most devices to try
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_devices: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 300.0, allow_negative_numbers = true)]
    seconds: f64,
    /// Seconds before that, in which models become warm
    #[arg(long, default_value_t = 60.0, allow_negative_numbers = true)]
    warmup: f64,
    /// How durations scatter: sigma of a log-normal factor with median 1
    #[arg(long, default_value_t = 0.002, allow_negative_numbers = true)]
    jitter: f64,
    /// The seed of every random choice: the same command gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which scheduler decides
    #[arg(long)]
    scheduler: Option<SchedulerKind>,
    /// A knob of the scheduler, as `scheduler.max_batch=16`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    knobs: Vec<String>,
    /// Where the results go
    #[arg(long, default_value = "plan")]
    out: PathBuf,
    /// Runs at a time, 1 to 1,024; by default one for each core
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    threads: Option<u32>,
}

/// Finds out how many devices are needed and says so.
///
/// # Errors
/// If the question makes no sense, even the most devices are too few, it is broken off before there is
/// an answer, or the results cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let question = Question::of(arguments)?;
    let plan = question.plan()?;
    let notes = plan.notes().to_vec();
    for note in &notes {
        say(note);
    }
    let shutdown = Shutdown::on_signals()?;
    let lengths = (question.warmup, question.duration);
    let profiles = &question.profiles.by_name;
    let demand = Demand::of(plan, question.seed, lengths, profiles, &question.limits);
    let bounds = demand.bounds();
    if bounds.requests == 0 {
        return Err(Failure::usage("nothing is asked for in the seconds that are measured"));
    }
    let mut results = Results::create(&arguments.out, &question, bounds, notes)?;
    say(&results.demand());
    let threads = arguments.threads.map(usize::try_from).transpose()?;
    let mut look = Look { question: &question, shutdown: &shutdown, results: &mut results };
    let search = look.answer(bounds.devices(), threads.unwrap_or_else(pool::cores))?;
    let end = results.finish(&search)?;
    say(&results.table());
    say(&format!("results are in {}", arguments.out.display()));
    end.map(|answer| say(&answer)).map_err(Failure::from)
}

/// A search under way.
struct Look<'a> {
    question: &'a Question,
    shutdown: &'a Shutdown,
    results: &'a mut Results,
}

impl Look<'_> {
    /// Tries numbers of devices until the fewest are found, or all is to end.
    fn answer(&mut self, first: u32, threads: usize) -> Result<Search, Failure> {
        let mut search = Search::new(first, self.question.max_devices);
        loop {
            let devices = search.next();
            if devices.is_empty() || self.shutdown.is_wanted() {
                return Ok(search);
            }
            self.round(&devices, threads, &mut search)?;
        }
    }

    /// Runs on each of these numbers of devices.
    fn round(
        &mut self,
        devices: &[u32],
        threads: usize,
        search: &mut Search,
    ) -> Result<(), Failure> {
        let Self { question, shutdown, .. } = *self;
        let progress = AtomicU64::new(0);
        let shared = Shared { shutdown, progress: &progress };
        let weights: Vec<u64> = devices.iter().map(|&n| attempt::weight(question, n)).collect();
        let (errors, unkept) = (FirstError::new(), FirstError::new());
        let work = |job: usize| {
            let wanted = !shutdown.is_wanted();
            let attempt = || attempt::run(question, devices[job], shared).map_err(Said::of);
            wanted.then(attempt).and_then(|attempt| errors.note(job, attempt))
        };
        pool::run(&weights, threads, &progress, work, |job, attempt: Attempt| {
            say(&attempt.to_string());
            if attempt.complete {
                search.note(attempt.devices, attempt.enough);
            }
            if unkept.note(job, self.results.keep(attempt)).is_none() {
                shutdown.trigger();
            }
        });
        unkept.into_first().map_or(Ok(()), Err)?;
        errors.into_first().map_or(Ok(()), |error| Err(error.into()))
    }
}
