//! All runs of an experiment, in virtual time on every core or for real one after the other.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use clockwork_config::experiment::{Point, Run};
use clockwork_runtime::shutdown::Shutdown;

use super::Arguments;
use super::launch::{self, Launch};
use super::outcome::Outcome;
use super::place::Places;
use super::results::Results;
use super::simulate::{self, Shared};
use crate::Failure;
use crate::pool::{self, FirstError, Said};

/// What is to be run, and how.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    pub(super) name: &'a str,
    pub(super) points: &'a [Point],
    pub(super) out: &'a Path,
    pub(super) arguments: &'a Arguments,
    /// Runs of each point.
    pub(super) trials: u32,
    pub(super) shutdown: &'a Shutdown,
}

impl Runs<'_> {
    /// Runs every trial of every point and keeps what they come to.
    ///
    /// # Errors
    /// If a run fails or its outcome cannot be kept; what was kept before stays.
    pub(super) fn all(&self, results: &mut Results) -> Result<(), Failure> {
        let mode = &self.arguments.mode;
        match &mode.hosts {
            Some(file) => {
                let stamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
                let places = Places::read(file, self.name, stamp)?;
                self.launch("hosts", Some(places), results)
            }
            None if mode.local => self.launch("local", None, results),
            None => self.simulate(results),
        }
    }

    fn simulate(&self, results: &mut Results) -> Result<(), Failure> {
        let progress = AtomicU64::new(0);
        let shared = Shared {
            shutdown: self.shutdown,
            progress: &progress,
            checked: self.arguments.checked,
            trace: &self.arguments.trace,
            logs: self.arguments.logs.then_some(self.out),
            out: self.out,
        };
        let threads = self.arguments.threads.map(usize::try_from).transpose()?;
        let run = |index, point: &Point, trial| simulate::simulate(index, point, trial, &shared);
        self.each(threads.unwrap_or_else(pool::cores), simulate::weight, &progress, run, results)
    }

    fn launch(
        &self,
        mode: &'static str,
        places: Option<Places>,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let progress = AtomicU64::new(0);
        let launch = Launch {
            places,
            dir: self.out,
            shutdown: self.shutdown,
            progress: &progress,
            trace: self.arguments.trace.words(),
            mode,
        };
        let run = |index, point: &Point, trial| launch.run(index, point, trial);
        self.each(1, launch::weight, &progress, run, results)
    }

    fn each(
        &self,
        threads: usize,
        weight: fn(&Run) -> u64,
        progress: &AtomicU64,
        run: impl Fn(usize, &Point, u32) -> Result<Outcome, Failure> + Sync,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let trials = 1..=self.trials;
        let trials_of = |point| trials.clone().map(move |trial| (point, trial));
        let jobs: Vec<(usize, u32)> = (0..self.points.len()).flat_map(trials_of).collect();
        let weights: Vec<u64> = jobs.iter().map(|&(p, _)| weight(&self.points[p].run)).collect();
        let (errors, unkept) = (FirstError::new(), FirstError::new());
        let work = |job: usize| {
            let (point, trial) = jobs[job];
            if self.shutdown.is_wanted() {
                return None;
            }
            let outcome = run(point, &self.points[point], trial).map_err(Said::of);
            errors.note(job, outcome).map(|outcome| Outcome { point, ..outcome })
        };
        pool::run(&weights, threads, progress, work, |job, outcome| {
            if unkept.note(job, results.keep(outcome)).is_none() {
                self.shutdown.trigger();
            }
        });
        unkept.into_first().map_or(Ok(()), Err)?;
        errors.into_first().map_or(Ok(()), |error| Err(error.into()))
    }
}
