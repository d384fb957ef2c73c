//! A run of ParM's harness in virtual time.
//!
//! Its instances are workers with one device each, which our scheduler gives batches of the fixed size;
//! what disturbs them is a model in the simulator. Modes that need coded redundancy are named and not run.

mod arrivals;
mod batches;
mod cluster;

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use clockwork_config::experiment::Point;
use clockwork_config::experiment::parm::Parm;
use clockwork_scheduler::ActionRecord;
use clockwork_simulator::{Answered, Observer};
use clockwork_wire::Nanos;

use self::batches::Batches;
use super::outcome::Outcome;
use super::simulate::{self, Shared, Watch};
use crate::Failure;
use crate::stats::log::{self, Batch};
use crate::stats::{Latencies, NUMBERS};

/// Runs a point once, and leaves its numbers where the harness would.
///
/// # Errors
/// If the zoo lacks the model, or files cannot be written.
pub(super) fn simulate(
    index: usize,
    (point, parm): (&Point, &Parm),
    trial: u32,
    shared: &Shared<'_>,
) -> Result<Outcome, Failure> {
    if let Some(lacks) = parm.lacks() {
        shared.progress.fetch_add(simulate::weight(&point.run), Ordering::Relaxed);
        return Ok(Outcome { lacks: lacks.into(), ..simulate::outcome(point, trial) });
    }
    let plan = arrivals::plan(parm, simulate::seed(&point.run, trial));
    let trial_of = simulate::trial_of(&point.run, trial, plan, shared.checked)?;
    let trial_of = cluster::disturbed(parm, trial_of)?;
    let watch = Watch::begin(index, point, trial, shared)?;
    let mut seen = Seen { watch, batches: Batches::default() };
    let report = trial_of.run(&mut seen);
    let mut outcome = seen.watch.finish(point, trial, report.violations);
    if seen.batches.lost > 0 {
        let lost = seen.batches.lost;
        outcome.notes.push(format!("{lost} queries had no output within 100 s"));
    }
    let batches = seen.batches.finish();
    let latencies = Latencies::of(log::counted(&batches, parm.ignored()));
    outcome.latencies = Some(latencies);
    let dir = shared.out.join(parm.path(trial - 1));
    let lines = shared.logs.is_some().then_some(batches.as_slice());
    let unwritten = |source| Unwritten { path: dir.display().to_string(), source };
    keep(&dir, parm, &latencies, lines).map_err(unwritten)?;
    Ok(outcome)
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to {path}: {source}")]
struct Unwritten {
    path: String,
    source: std::io::Error,
}

/// Writes what the harness leaves of a run: numbers, what they are of, and its log if it is wanted.
fn keep(
    dir: &Path,
    parm: &Parm,
    latencies: &Latencies,
    log: Option<&[Batch]>,
) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join(NUMBERS), format!("{}\n", latencies.text()))?;
    fs::write(dir.join(log::META), parm.meta())?;
    log.map_or(Ok(()), |batches| log::write(dir, batches))
}

/// Sees a run as the other experiments do, and its batches.
#[derive(Debug)]
struct Seen<'a> {
    watch: Watch<'a>,
    batches: Batches,
}

impl Observer for Seen<'_> {
    fn answered(&mut self, answered: &Answered) {
        self.batches.answered(&answered.response);
        self.watch.answered(answered);
    }

    fn closed(&mut self, record: &ActionRecord) {
        self.batches.closed(record);
        self.watch.closed(record);
    }

    fn goes_on(&mut self, now: Nanos) -> bool {
        self.watch.goes_on(now)
    }
}

#[cfg(test)]
mod tests {
    use clockwork_config::experiment::parm::{Background, Redundancy};

    use super::*;

    /// Of the published size, with few requests.
    pub(super) fn parm() -> Parm {
        Parm {
            experiment_id: "ParM".into(),
            worker_type: "p2.xlarge".into(),
            model: "resnet18".into(),
            instances: 12,
            clients: 4,
            counted: 1_000,
            background: Background::Shuffles(4),
            batch: 1,
            k: 2,
            rate: 270,
            mode: Redundancy::Equal,
        }
    }
}
