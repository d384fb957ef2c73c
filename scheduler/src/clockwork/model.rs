//! Models: who waits for them, and where their copies are.

use clockwork_wire::{Nanos, Span, Status, WorkerId};
use smallvec::SmallVec;

use super::backlog::Pledges;
use crate::queue::Queue;

/// One servable model.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Requests that wait.
    pub queue: Queue,
    /// Which device is to do the work that waits, as far as admission is concerned.
    pub pledges: Pledges,
    /// Devices that hold it or are loading it, and the slot there.
    pub copies: SmallVec<[Place; 4]>,
    /// How many of the copies are loaded.
    pub loaded: u32,
    /// How many of the copies are loading.
    pub loading: u32,
    /// INFERs on their way.
    pub in_flight: u32,
    /// Where it stands among the models with many copies, if it is one.
    pub wide: Option<usize>,
    /// Which workers serve it, and as which kind.
    pub workers: SmallVec<[(WorkerId, u32); 2]>,
    /// The answer while no worker serves it, other than that there is no such model.
    pub absent: Option<Status>,
    /// Not before this is it looked at whether another copy would be of use.
    pub patience: Patience,
    /// Whether requests wait and no device has a copy.
    pub cold: bool,
    /// Whether it is among the models that a device has to be found for in this turn.
    pub fresh: bool,
    /// How far apart its requests come.
    pub arrivals: Arrivals,
}

/// A copy of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The device.
    pub device: u32,
    /// Where the device's table has the copy.
    pub slot: u32,
}

impl Place {
    /// In slot `slot` of device `device`.
    pub(super) fn new(device: usize, slot: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).expect("a number of a copy fits 32 bits");
        Self { device: narrow(device), slot: narrow(slot) }
    }
}

impl Model {
    /// Its kind on `worker`, if that serves it.
    pub(super) fn kind_on(&self, worker: WorkerId) -> Option<usize> {
        let found = self.workers.iter().find(|(served, _)| *served == worker);
        found.map(|&(_, kind)| super::index(kind))
    }

    /// Its kind on the first worker that serves it.
    pub(super) fn kind(&self) -> Option<usize> {
        self.workers.first().map(|&(_, kind)| super::index(kind))
    }

    /// Whether a request waits for it or is being executed.
    pub(super) fn is_asked_for(&self) -> bool {
        self.in_flight > 0 || !self.queue.is_empty()
    }
}

/// Not to look too often for what was not there the last time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    until: Nanos,
    last: Span,
}

impl Patience {
    /// Whether it is too early to look again.
    pub(super) fn holds(self, now: Nanos) -> bool {
        now < self.until
    }

    /// It was in vain: the next wait is twice as long.
    pub(super) fn fail(&mut self, now: Nanos) {
        self.last = (self.last + self.last).max(PATIENCE_LEAST).min(PATIENCE_MOST);
        self.until = now + self.last;
    }
}

/// The mean time between requests, over about the last sixteen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrivals {
    last: Nanos,
    interval: Span,
}

impl Arrivals {
    /// A request has come.
    pub(super) fn note(&mut self, now: Nanos) {
        let since = now - self.last;
        self.interval = if self.last == Nanos::ZERO {
            RARE
        } else {
            Span::new(self.interval.get() - self.interval.get() / 16 + since.get() / 16)
        };
        self.last = now;
    }

    /// The mean time between requests.
    pub(super) const fn interval(&self) -> Span {
        self.interval
    }
}

const PATIENCE_LEAST: Span = Span::from_millis(5);
const PATIENCE_MOST: Span = Span::from_millis(320);

/// The interval after a first request: nothing is known yet.
const RARE: Span = Span::from_secs(1);
