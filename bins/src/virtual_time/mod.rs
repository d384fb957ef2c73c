//! What tools that run trials in virtual time share: devices, rows for the analysis, and how far a run
//! is.

pub(crate) mod rows;

use std::sync::atomic::{AtomicU64, Ordering};

use clockwork_executor::emulated::{Deviation, Jitter};
use clockwork_runtime::shutdown::Shutdown;
use clockwork_simulator::Machine;
use clockwork_simulator::trial::START;
use clockwork_wire::{Nanos, Pages, Span};

/// A worker with so many equal devices of so many pages, whose durations scatter by a log-normal factor
/// with this sigma.
pub(crate) fn machine(devices: usize, pages: u32, jitter: f64) -> Machine {
    let jitter = if jitter > 0.0 { Jitter::LogNormal(jitter) } else { Jitter::None };
    let deviation = Deviation { jitter, ..Deviation::default() };
    Machine { devices, pages: Pages::new(pages), deviation }
}

/// Device time of a run in ms: what progress is counted in.
pub(crate) fn weight(devices: u32, length: Span) -> u64 {
    u64::from(devices) * length.get() / 1_000_000
}

/// How far a run is, as a part of all runs that go on at the same time.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    shutdown: &'a Shutdown,
    /// The sum over all runs.
    sum: &'a AtomicU64,
    weight: u64,
    length: Span,
    /// What has been added to the sum.
    told: u64,
}

impl<'a> Progress<'a> {
    /// A run that has not begun, over so much time on so many devices.
    pub(crate) const fn new(
        shutdown: &'a Shutdown,
        sum: &'a AtomicU64,
        weight: u64,
        length: Span,
    ) -> Self {
        Self { shutdown, sum, weight, length, told: 0 }
    }

    /// It has come to this instant; says whether it is to go on.
    pub(crate) fn at(&mut self, now: Nanos) -> bool {
        let part = (now - START).as_f64() / self.length.as_f64();
        self.tell(Span::from_f64(part * Span::new(self.weight).as_f64()).get());
        !self.shutdown.is_wanted()
    }

    /// It has come to its end.
    pub(crate) fn end(&mut self) {
        self.tell(self.weight);
    }

    fn tell(&mut self, done: u64) {
        let done = done.min(self.weight);
        self.sum.fetch_add(done.saturating_sub(self.told), Ordering::Relaxed);
        self.told = self.told.max(done);
    }
}
