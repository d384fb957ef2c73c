//! A point of an experiment for real: worker, controller and client processes, here or on hosts.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clockwork_analysis::{ActionRow, RequestRow, tsv};
use clockwork_config::experiment::{Point, Run};
use clockwork_runtime::shutdown::Shutdown;

use super::gather::{Gathered, accumulator, gathered};
use super::outcome::Outcome;
use super::place::{Place, Places, quoted};
use crate::Failure;
use crate::bench::system::Process;

/// What the runs of an experiment have in common.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// Where it runs; none: here.
    pub(super) places: Option<Places>,
    /// Where logs are copied to.
    pub(super) dir: &'a Path,
    pub(super) shutdown: &'a Shutdown,
    /// Time that has passed in all runs, in ms.
    pub(super) progress: &'a AtomicU64,
    /// Options of the client that name and scale traces.
    pub(super) trace: Vec<String>,
    /// "local" or "hosts".
    pub(super) mode: &'static str,
}

/// How long a run takes, in ms.
pub(super) fn weight(run: &Run) -> u64 {
    (run.warmup + run.duration).get() / 1_000_000
}

impl Launch<'_> {
    /// Runs a point once, and reads the controller's logs.
    ///
    /// # Errors
    /// If a process cannot be started or fails, or a log cannot be read.
    pub(super) fn run(&self, index: usize, point: &Point, trial: u32) -> Result<Outcome, Failure> {
        let seed = point.run.seed + u64::from(trial) - 1;
        let files = log_files(self.dir, index, trial)?;
        let complete = self.processes(&point.run, seed, &files)?;
        let Gathered { whole, cells } = gather(&point.run, &files)?;
        Ok(Outcome {
            point: index,
            choices: point.choices.clone(),
            trial,
            seed,
            mode: self.mode.into(),
            devices: point.run.devices(),
            complete,
            whole,
            cells,
            ..Outcome::default()
        })
    }

    /// Starts workers, controller and client, waits for the client, and fetches the logs. Says whether
    /// it came to its end.
    fn processes(&self, run: &Run, seed: u64, files: &[PathBuf; 2]) -> Result<bool, Failure> {
        let places = self.places.clone().unwrap_or_else(|| Places::here(run.workers));
        let mut workers = Vec::new();
        let mut addresses = Vec::new();
        for place in &places.workers {
            let mut worker = worker(place, &places, run)?;
            addresses.push(format!("{}:{}", place.host(), worker.port()?));
            workers.push(worker);
        }
        let scratch = tempfile::tempdir_in(self.dir)?;
        let logdir = places.logdir.clone().unwrap_or_else(|| scratch.path().display().to_string());
        let made = places.controller.shell(&format!("mkdir -p {}", quoted(&logdir))).status()?;
        if !made.success() {
            return Err(Failure::from(NoFolder(logdir)));
        }
        let mut controller = controller(&places, run, &addresses.join(","), &logdir)?;
        let address = format!("{}:{}", places.controller.host(), controller.port()?);
        let mut client = self.client(&places.client, run, &address, seed)?;
        let complete = self.wait(&mut client, run)?;
        controller.end()?;
        workers.iter_mut().try_for_each(Process::end)?;
        for (file, name) in files.iter().zip(LOGS) {
            fetch(&places.controller, &format!("{logdir}/{name}"), file)?;
        }
        Ok(complete)
    }

    fn client(&self, place: &Place, run: &Run, at: &str, seed: u64) -> Result<Process, Failure> {
        let (workload, parameters) = run.words();
        let mut words = words(&["client", at, &workload]);
        words.extend(parameters);
        let seconds = (run.warmup + run.duration).as_secs_f64();
        words.extend(["--seconds".into(), seconds.to_string(), "--seed".into(), seed.to_string()]);
        words.extend(self.trace.iter().cloned());
        let mut settings = vec![("CLOCKWORK_DISABLE_INPUTS".to_owned(), "1".to_owned())];
        if let Ok(dir) = std::env::var("AZURE_TRACE_DIR") {
            settings.push(("AZURE_TRACE_DIR".into(), dir));
        }
        Process::spawn("client".into(), place.clockwork(&words, &settings)?)
    }

    /// Waits for the end of the client, or for the wish that all ends. Says which came.
    fn wait(&self, client: &mut Process, run: &Run) -> Result<bool, Failure> {
        let (begun, weight) = (Instant::now(), weight(run));
        let mut told = 0;
        while !client.has_ended() {
            if self.shutdown.is_wanted() {
                return Ok(false);
            }
            thread::sleep(LOOK_EVERY);
            let passed = u64::try_from(begun.elapsed().as_millis())?.min(weight);
            self.progress.fetch_add(passed - told, Ordering::Relaxed);
            told = passed;
        }
        self.progress.fetch_add(weight - told, Ordering::Relaxed);
        client.succeed()?;
        Ok(true)
    }
}

fn worker(place: &Place, places: &Places, run: &Run) -> Result<Process, Failure> {
    let port = places.worker_port.to_string();
    let mut words = words(&["worker", "--attached", "--port", &port]);
    let mut settings = Vec::new();
    if places.emulated {
        words[0] = "worker-dummy".into();
        words.extend(["-n".into(), run.gpus.to_string()]);
        let cache = u64::from(run.pages) * PAGE;
        settings.push(("CLOCKWORK_EXECUTOR_WEIGHTS_CACHE_SIZE".to_owned(), cache.to_string()));
    }
    let name = format!("worker on {}", place.host());
    Process::spawn(name, place.clockwork(&words, &settings)?)
}

fn controller(places: &Places, run: &Run, workers: &str, logdir: &str) -> Result<Process, Failure> {
    let kind = run.scheduler()?.kind.name();
    let port = places.controller_port.to_string();
    let words =
        words(&["controller", kind, workers, "--attached", "--port", &port, "--log-dir", logdir]);
    let knobs = run.knobs().filter(|(key, _)| *key != "kind");
    let setting = |(key, value): (&str, String)| {
        (format!("CLOCKWORK_SCHEDULER_{}", key.to_ascii_uppercase()), value)
    };
    let settings: Vec<_> = knobs.map(setting).collect();
    Process::spawn("controller".into(), places.controller.clockwork(&words, &settings)?)
}

/// Copies a file from the controller's host.
fn fetch(place: &Place, from: &str, to: &Path) -> Result<(), Failure> {
    let mut command = place.shell(&format!("cat {}", quoted(from)));
    let copied = command.stdin(Stdio::null()).stdout(File::create(to)?).status()?;
    if copied.success() { Ok(()) } else { Err(NotFetched(from.into()).into()) }
}

/// Where both logs of a run go; their folder is made.
///
/// # Errors
/// If the folder cannot be made.
pub(super) fn log_files(dir: &Path, index: usize, trial: u32) -> io::Result<[PathBuf; 2]> {
    let logs = dir.join(format!("trial_{trial}"));
    fs::create_dir_all(&logs)?;
    let file = |kind| logs.join(format!("file=controller_{}_{kind}.tsv", index + 1));
    Ok(["request", "action"].map(file))
}

/// Reads both logs. A last row that is cut off is left out.
fn gather(run: &Run, files: &[PathBuf; 2]) -> Result<Gathered, Failure> {
    let mut measured = accumulator(run);
    let whole = |read: Result<u64, tsv::ReadError>| match read {
        Err(error) if !error.is_cut() => Err(Failure::from(error)),
        _ => Ok(()),
    };
    whole(tsv::read_file(&files[0], |row: RequestRow| measured.request(&row)))?;
    whole(tsv::read_file(&files[1], |row: ActionRow| measured.action(&row)))?;
    Ok(gathered(run, measured))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[derive(Debug, thiserror::Error)]
#[error("the controller's host cannot make the folder {0}")]
struct NoFolder(String);

#[derive(Debug, thiserror::Error)]
#[error("{0} could not be copied from the controller's host")]
struct NotFetched(String);

/// What the controller writes.
const LOGS: [&str; 2] = ["clockwork_request_log.tsv", "clockwork_action_log.tsv"];

const PAGE: u64 = 16 << 20;

/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
