//! A point of an experiment in virtual time.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use clockwork_analysis::CellAccumulator;
use clockwork_config::experiment::{Point, Run};
use clockwork_executor::zoo;
use clockwork_runtime::shutdown::Shutdown;
use clockwork_runtime::telemetry::{ActionRow, PlainLogs};
use clockwork_scheduler::ActionRecord;
use clockwork_simulator::{Answered, Calibration, Observer, Trial};
use clockwork_wire::Nanos;
use clockwork_workload::{Plan, registry};

use super::gather::{accumulator, gathered};
use super::launch::log_files;
use super::outcome::Outcome;
use super::parm;
use crate::Failure;
use crate::virtual_time::rows;
use crate::virtual_time::{self, Progress};
use crate::workload::TraceArguments;

/// What runs that go on at the same time share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    /// Whether to break off.
    pub(super) shutdown: &'a Shutdown,
    /// Device time that has been simulated by all of them, in ms.
    pub(super) progress: &'a AtomicU64,
    /// Whether invariants are checked.
    pub(super) checked: bool,
    /// How traces are read and scaled.
    pub(super) trace: &'a TraceArguments,
    /// The folder for a controller's logs of each run, if they are wanted.
    pub(super) logs: Option<&'a Path>,
    /// The folder of all results.
    pub(super) out: &'a Path,
}

/// Runs a point once.
///
/// # Errors
/// If there is no such workload, it does not take these arguments, or logs cannot be begun.
pub(super) fn simulate(
    index: usize,
    point: &Point,
    trial: u32,
    shared: &Shared<'_>,
) -> Result<Outcome, Failure> {
    if let Some(parm) = &point.run.parm {
        return parm::simulate(index, (point, parm), trial, shared);
    }
    let (plan, mut notes) = plan(&point.run, seed(&point.run, trial), shared.trace)?;
    let trial_of = trial_of(&point.run, trial, plan, shared.checked)?;
    let mut watch = Watch::begin(index, point, trial, shared)?;
    let report = trial_of.run(&mut watch);
    let outcome = watch.finish(point, trial, report.violations);
    notes.extend(outcome.notes);
    Ok(Outcome { notes, ..outcome })
}

/// The seed of a trial.
pub(super) fn seed(run: &Run, trial: u32) -> u64 {
    run.seed + u64::from(trial) - 1
}

/// What a point comes to before it is run.
pub(super) fn outcome(point: &Point, trial: u32) -> Outcome {
    Outcome {
        choices: point.choices.clone(),
        trial,
        seed: seed(&point.run, trial),
        mode: "sim".into(),
        devices: point.run.devices(),
        complete: true,
        ..Outcome::default()
    }
}

/// The workload's plan, and what it says of itself.
fn plan(run: &Run, seed: u64, trace: &TraceArguments) -> Result<(Plan, Vec<String>), Failure> {
    let usage = |error: clockwork_workload::UsageError| Failure::usage(error.to_string());
    let (name, arguments) = run.words();
    let context = trace.context(seed)?;
    let plan = registry::find(&name).map_err(usage)?.plan(&arguments, &context).map_err(usage)?;
    let notes = plan.notes().to_vec();
    Ok((plan, notes))
}

/// A run on equal workers with exact links, as the simulator takes it.
///
/// # Errors
/// If a knob of the scheduler is out of its range.
pub(super) fn trial_of(run: &Run, trial: u32, plan: Plan, checked: bool) -> Result<Trial, Failure> {
    let seed = seed(run, trial);
    let machine = virtual_time::machine(usize::try_from(run.gpus)?, run.pages, run.jitter);
    let models = zoo::names().filter_map(|name| Some((name.to_owned(), zoo::profile(name)?)));
    Ok(Trial {
        name: run.workload.clone(),
        machines: vec![machine; usize::try_from(run.workers)?],
        models: models.collect::<BTreeMap<_, _>>(),
        scheduler: run.scheduler()?,
        shards: 0,
        calibration: Calibration::named(&run.calibration).unwrap_or(Calibration::NETWORK),
        plan,
        seed,
        arrivals: seed,
        warmup: run.warmup,
        duration: run.duration,
        checked,
    })
}

/// Device time of a run in ms: what progress is counted in.
pub(super) fn weight(run: &Run) -> u64 {
    virtual_time::weight(run.devices(), run.warmup + run.duration)
}

/// Counts what a run does, and whether it is to go on.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    measured: CellAccumulator,
    /// Logs, or why they end.
    logs: io::Result<Option<PlainLogs>>,
    progress: Progress<'a>,
    broken_off: bool,
}

impl<'a> Watch<'a> {
    /// Begins to watch a run, with logs of its own if they are wanted.
    ///
    /// # Errors
    /// If a log cannot be begun.
    pub(super) fn begin(
        index: usize,
        point: &Point,
        trial: u32,
        shared: &Shared<'a>,
    ) -> Result<Self, Failure> {
        let logs = shared.logs.map(|dir| log_files(dir, index, trial)).transpose()?;
        let logs =
            logs.map(|[requests, actions]| PlainLogs::create(&requests, &actions)).transpose()?;
        Ok(Self::new(&point.run, shared, logs))
    }

    /// What the run came to.
    pub(super) fn finish(mut self, point: &Point, trial: u32, violations: Vec<String>) -> Outcome {
        self.progress.end();
        let mut notes = Vec::new();
        if let Err(error) = self.end_logs() {
            // What was measured until then is worth as much as before.
            notes.push(format!("its logs end early, and so does the run: {error}"));
            self.broken_off = true;
        }
        let complete = !self.broken_off;
        let gathered = gathered(&point.run, self.measured);
        Outcome {
            complete,
            whole: gathered.whole,
            cells: gathered.cells,
            notes,
            violations,
            ..outcome(point, trial)
        }
    }

    fn new(run: &Run, shared: &Shared<'a>, logs: Option<PlainLogs>) -> Self {
        let (weight, length) = (weight(run), run.warmup + run.duration);
        let progress = Progress::new(shared.shutdown, shared.progress, weight, length);
        let measured = accumulator(run);
        Self { measured, logs: Ok(logs), progress, broken_off: false }
    }

    /// Writes to the logs, if they are wanted and can still be written.
    fn log(&mut self, write: impl FnOnce(&mut PlainLogs) -> io::Result<()>) {
        if let Ok(Some(logs)) = &mut self.logs
            && let Err(error) = write(logs)
        {
            self.logs = Err(error);
        }
    }

    fn end_logs(&mut self) -> io::Result<()> {
        std::mem::replace(&mut self.logs, Ok(None))?.map_or(Ok(()), PlainLogs::finish)
    }
}

impl Observer for Watch<'_> {
    fn answered(&mut self, answered: &Answered) {
        let record = rows::recorded(answered);
        self.measured.request(&rows::request(&record));
        self.log(|logs| logs.request(&record));
    }

    fn closed(&mut self, record: &ActionRecord) {
        self.measured.action(&rows::action(record));
        self.log(|logs| logs.action(&ActionRow::new(record, record.received)));
    }

    fn goes_on(&mut self, now: Nanos) -> bool {
        self.broken_off = !self.progress.at(now) || self.logs.is_err();
        !self.broken_off
    }
}

#[cfg(test)]
mod tests {
    use clockwork_analysis::tsv::{self, Row};

    use super::*;

    /// Writes logs, and keeps the rows that are measured.
    #[derive(Debug)]
    struct Both {
        logs: PlainLogs,
        requests: Vec<clockwork_analysis::RequestRow>,
        actions: Vec<clockwork_analysis::ActionRow>,
    }

    impl Observer for Both {
        fn answered(&mut self, answered: &Answered) {
            let record = rows::recorded(answered);
            self.requests.push(rows::request(&record));
            self.logs.request(&record).unwrap();
        }

        fn closed(&mut self, record: &ActionRecord) {
            self.actions.push(rows::action(record));
            self.logs.action(&ActionRow::new(record, record.received)).unwrap();
        }
    }

    fn read<T: Row>(path: &Path) -> Vec<T> {
        let mut rows = Vec::new();
        tsv::read_file(path, |row| rows.push(row)).unwrap();
        rows
    }

    #[test]
    fn the_rows_that_are_measured_are_those_of_the_logs() {
        // More than one device holds, so that there are cold starts, evictions and refusals.
        let run = "workload = 'slo-exp-1 resnet50_v2 40 poisson 500 1 4 2 mul 1'
                   pages = 140
                   jitter = 0.1
                   duration = '2s'
                   scheduler = { kind = 'infer5', default_slo = '100ms' }";
        let run: Run = toml::from_str(run).unwrap();
        let (plan, _) = plan(&run, 1, &TraceArguments::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let [requests, actions] = log_files(dir.path(), 0, 1).unwrap();
        let logs = PlainLogs::create(&requests, &actions).unwrap();
        let mut both = Both { logs, requests: Vec::new(), actions: Vec::new() };
        trial_of(&run, 1, plan, false).unwrap().run(&mut both);
        both.logs.finish().unwrap();
        assert!(both.requests.iter().any(|row| row.is_coldstart && row.deadline_met));
        assert!(both.requests.iter().any(|row| !row.deadline_met));
        assert!(both.actions.iter().any(|row| row.action_type.number() == 3));
        assert_eq!(read::<clockwork_analysis::RequestRow>(&requests), both.requests);
        assert_eq!(read::<clockwork_analysis::ActionRow>(&actions), both.actions);
    }
}
