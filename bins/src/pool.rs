//! Jobs on every core, and a bar that says how long they will still take.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;
use std::{fmt, thread};

use indicatif::{ProgressBar, ProgressStyle};

use crate::Failure;

/// Runs `jobs` on so many threads, those that weigh most first, and hands each result over as it
/// comes, on this thread. A job that `work` has nothing to give for is left out.
pub(crate) fn run<T: Send>(
    weights: &[u64],
    threads: usize,
    progress: &AtomicU64,
    work: impl Fn(usize) -> Option<T> + Sync,
    mut done: impl FnMut(usize, T),
) {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&job| std::cmp::Reverse(weights[job]));
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.min(weights.len()).max(1) {
            let (sender, next, order, work) = (sender.clone(), &next, &order, &work);
            scope.spawn(move || {
                while let Some(&job) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(result) = work(job) else { continue };
                    if sender.send((job, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let bar = bar(weights.iter().sum());
        loop {
            match results.recv_timeout(TICK) {
                Ok((job, result)) => bar.suspend(|| done(job, result)),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            bar.set_position(progress.load(Ordering::Relaxed));
        }
        bar.finish_and_clear();
    });
}

/// As many threads as there are cores.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn bar(length: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {percent} %, {eta} remaining");
    let bar = ProgressBar::new(length);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

const TICK: Duration = Duration::from_millis(200);

/// The first error of jobs that go on at the same time.
pub(crate) struct FirstError<E>(Mutex<BTreeMap<usize, E>>);

impl<E> FirstError<E> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The value, or nothing after noting the error of this job.
    pub(crate) fn note<T>(&self, job: usize, result: Result<T, E>) -> Option<T> {
        let note = |error| {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(job, error);
        };
        result.map_err(note).ok()
    }

    /// The error of the first job that has one.
    pub(crate) fn into_first(self) -> Option<E> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().next()
    }
}

/// An error that has crossed threads: what it said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Said(String);

impl Said {
    /// What a failure says.
    pub(crate) fn of(failure: Failure) -> Self {
        Self(match failure {
            Failure::Usage(text) => text,
            Failure::Work(error) | Failure::Coded(_, error) => error.to_string(),
        })
    }
}

impl<E> fmt::Debug for FirstError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstError").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_whatever_it_weighs() {
        let mut seen = Vec::new();
        let (weights, progress) = ([1, 5, 3, 0], AtomicU64::new(0));
        run(
            &weights,
            3,
            &progress,
            |job| (job != 2).then_some(job * 10),
            |job, got| seen.push((job, got)),
        );
        seen.sort_unstable();
        assert_eq!(seen, [(0, 0), (1, 10), (3, 30)]);
    }

    #[test]
    fn jobs_begin_with_those_that_weigh_most() {
        let mut order = Vec::new();
        run(&[1, 5, 3], 1, &AtomicU64::new(0), Some, |job, _| order.push(job));
        assert_eq!(order, [1, 2, 0]);
    }

    #[test]
    fn the_error_of_the_first_job_counts() {
        let errors = FirstError::new();
        assert_eq!(errors.note(2, Err::<u32, _>("late")), None);
        assert_eq!(errors.note(1, Err::<u32, _>("early")), None);
        assert_eq!(errors.note(0, Ok(7)), Some(7));
        assert_eq!(errors.into_first(), Some("early"));
    }
}
