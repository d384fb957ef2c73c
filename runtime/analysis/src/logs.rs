//! The two logs of a run, as files.

use std::path::PathBuf;

use clockwork_wire::{Nanos, Span};

use crate::accumulator::{Accumulator, Options};
use crate::group::Group;
use crate::summary::Analysis;
use crate::tsv::{self, ReadError};
use crate::window::{Cut, Window, WindowError};

/// The files of one run, each log in one or several parts, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// The request log.
    pub requests: Vec<PathBuf>,
    /// The action log; a run without it has no figures of devices.
    pub actions: Vec<PathBuf>,
}

/// How files are measured.
#[derive(Clone, Debug)]
pub struct View {
    /// What is left out at the ends of the run.
    pub cut: Cut,
    /// Width of a bucket; see [`Options::bucket`].
    pub bucket: Span,
    /// Devices there are; see [`Options::gpus`].
    pub gpus: Option<u32>,
    /// Parts of the requests to look at by themselves.
    pub groups: Vec<Group>,
}

impl Default for View {
    fn default() -> Self {
        let Options { bucket, gpus, groups, .. } = Options::new(Window::starting(Nanos::ZERO));
        Self { cut: Cut::default(), bucket, gpus, groups }
    }
}

impl Logs {
    /// Measures the run. A log that breaks off or is broken gives what comes before, and says so
    /// among the second part's errors.
    ///
    /// # Errors
    /// If the view leaves nothing to measure.
    pub fn analyse(&self, view: &View) -> Result<(Analysis, Vec<ReadError>), WindowError> {
        let window = match self.ends() {
            Some((first, last)) => Window::of_run(first, last, view.cut),
            None => Window::starting(Nanos::ZERO),
        };
        let View { bucket, gpus, groups, .. } = view.clone();
        let mut run = Accumulator::new(Options { window, bucket, gpus, groups })?;
        let mut errors = Vec::new();
        for path in &self.requests {
            errors.extend(tsv::read_file(path, |row| run.request(&row)).err());
        }
        for path in &self.actions {
            errors.extend(tsv::read_file(path, |row| run.action(&row)).err());
        }
        Ok((run.finish(), errors))
    }

    /// The times of the first and the last request; of actions if there are no requests.
    pub fn ends(&self) -> Option<(Nanos, Nanos)> {
        let of = |paths: &[PathBuf]| {
            // What cannot be read is said by whoever reads the rows.
            let ends = paths.iter().filter_map(|path| tsv::ends(path).ok().flatten());
            ends.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
        };
        of(&self.requests).or_else(|| of(&self.actions))
    }
}
