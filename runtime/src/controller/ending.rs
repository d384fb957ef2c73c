//! How many cores end together: none leaves before all have answered what they accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::rt::Doorbell;
use crate::shutdown::Shutdown;

/// The end of a controller, as one of its cores sees it.
#[derive(Debug)]
pub(super) struct Ending {
    shutdown: Shutdown,
    shared: Arc<Shared>,
    /// Whether this core still has something to answer.
    busy: bool,
    /// Whether this core has come to its end as it should.
    complete: bool,
}

#[derive(Debug)]
struct Shared {
    /// Cores that have something to answer.
    busy: AtomicUsize,
    bells: Vec<Doorbell>,
}

impl Ending {
    /// One for each of the cores with these bells.
    pub(super) fn of_all(shutdown: &Shutdown, bells: &[Doorbell]) -> Vec<Self> {
        let busy = AtomicUsize::new(bells.len());
        let shared = Arc::new(Shared { busy, bells: bells.to_vec() });
        let one = |_| {
            let (shutdown, shared) = (shutdown.clone(), Arc::clone(&shared));
            Self { shutdown, shared, busy: true, complete: false }
        };
        bells.iter().map(one).collect()
    }

    /// The wish that the process ends.
    pub(super) const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// This core has answered what it accepted, and what it posted is on its way.
    pub(super) fn done(&mut self) {
        if std::mem::take(&mut self.busy) && self.shared.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.bells.iter().for_each(Doorbell::ring);
        }
    }

    /// Whether all cores have. What they posted before is visible now.
    pub(super) fn is_over(&self) -> bool {
        self.shared.busy.load(Ordering::Acquire) == 0
    }

    /// This core ends as it should.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }
}

/// A core that cannot start or that panics takes the others along.
impl Drop for Ending {
    fn drop(&mut self) {
        self.done();
        if !self.complete {
            self.shutdown.trigger();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_every_core_is_done() {
        let shutdown = Shutdown::new();
        let mut cores = Ending::of_all(&shutdown, &[Doorbell::new(), Doorbell::new()]);
        cores[0].done();
        cores[0].done();
        assert!(!cores[1].is_over());
        cores[1].done();
        assert!(cores[0].is_over());
        cores.iter_mut().for_each(Ending::complete);
        drop(cores);
        assert!(!shutdown.is_wanted());
    }

    #[test]
    fn a_core_that_fails_ends_the_others() {
        let shutdown = Shutdown::new();
        let mut cores = Ending::of_all(&shutdown, &[Doorbell::new(), Doorbell::new()]);
        drop(cores.pop());
        cores[0].done();
        assert!(shutdown.is_wanted() && cores[0].is_over());
    }
}
