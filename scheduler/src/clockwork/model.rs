//! Models: who waits for them, and where their copies are.

use clockwork_wire::{Nanos, Span, Status, WorkerId};
use smallvec::SmallVec;

use super::backlog::Pledges;
use super::device::Stage;
use crate::queue::Queue;

/// One servable model. Its fields are in the order in which the cache should have them: what every
/// request touches, then what every batch does, then the rest.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Model {
    /// Requests that wait.
    pub queue: Queue,
    /// How far apart its requests come.
    pub arrivals: Arrivals,
    /// Its kind on the first worker that serves it.
    kind: Option<u32>,
    /// How many of the copies are loaded.
    pub loaded: u32,
    /// INFERs on their way.
    pub in_flight: u32,
    /// How many of the copies are loading.
    pub loading: u32,
    /// Where it stands among the models with many copies, if it is one.
    pub wide: Option<u32>,
    /// Whether requests wait and no device has a copy.
    pub cold: bool,
    /// Whether it is among the models that a device has to be found for in this turn.
    pub fresh: bool,
    /// Whether requests had to be refused since it was last looked for a device for another copy.
    pub lacking: bool,
    /// As which kinds it is served: one, unless workers differ.
    pub lanes: SmallVec<[Lane; 1]>,
    /// Which device is to do the work that waits, as far as admission is concerned.
    pub pledges: Pledges,
    /// Devices that hold it or are loading it, and the slot there.
    pub copies: SmallVec<[Place; 4]>,
    /// Not before this is it looked at whether another copy would be of use.
    pub patience: Patience,
    /// The answer while no worker serves it, other than that there is no such model.
    pub absent: Option<Status>,
    /// Which workers serve it, and as which kind; the first that came first.
    workers: SmallVec<[(WorkerId, u32); 2]>,
}

/// A model as one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    /// The kind.
    pub kind: u32,
    /// Where what it wants is written.
    pub number: u32,
    /// How many workers serve it as that; a lane is kept when none does any longer.
    workers: u32,
}

/// A copy of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The device.
    pub device: u32,
    /// Where the device's table has the copy.
    pub slot: u32,
    /// Whether the weights are there, as the device's table has it.
    pub stage: Stage,
}

impl Place {
    /// In slot `slot` of device `device`, to be loaded.
    pub(super) fn new(device: usize, slot: usize) -> Self {
        let narrow = |at: usize| u32::try_from(at).expect("a number of a copy fits 32 bits");
        Self { device: narrow(device), slot: narrow(slot), stage: Stage::Loading }
    }
}

impl Model {
    /// A worker serves it as `kind`; `open` makes a lane if it is the first that does.
    pub(super) fn serve(&mut self, worker: WorkerId, kind: u32, open: impl FnOnce() -> u32) {
        self.workers.push((worker, kind));
        self.kind.get_or_insert(kind);
        match self.lanes.iter_mut().find(|lane| lane.kind == kind) {
            Some(lane) => lane.workers += 1,
            None => self.lanes.push(Lane { kind, number: open(), workers: 1 }),
        }
    }

    /// A worker serves it no longer; `false` if it did not.
    pub(super) fn unserve(&mut self, worker: WorkerId) -> bool {
        let Some(at) = self.place_of(worker) else { return false };
        let (_, kind) = self.workers.remove(at);
        self.kind = self.workers.first().map(|&(_, kind)| kind);
        let lane = self.lanes.iter_mut().find(|lane| lane.kind == kind);
        lane.expect("a kind that is served has its lane").workers -= 1;
        true
    }

    /// Whether any worker serves it.
    pub(super) fn is_served(&self) -> bool {
        !self.workers.is_empty()
    }

    /// Its kind on `worker`, if that serves it.
    pub(super) fn kind_on(&self, worker: WorkerId) -> Option<usize> {
        self.place_of(worker).map(|at| super::index(self.workers[at].1))
    }

    fn place_of(&self, worker: WorkerId) -> Option<usize> {
        let is = |&(other, _): &(WorkerId, u32)| other == worker;
        // Workers mostly come in the order of their numbers, and serve all models.
        let guess = Some(worker.index()).filter(|&at| self.workers.get(at).is_some_and(is));
        guess.or_else(|| self.workers.iter().position(is))
    }

    /// Its kind on the first worker that serves it.
    pub(super) fn kind(&self) -> Option<usize> {
        self.kind.map(super::index)
    }

    /// As what it is served.
    pub(super) fn kinds(&self) -> impl Iterator<Item = usize> {
        let served = self.lanes.iter().filter(|lane| lane.workers > 0);
        served.map(|lane| super::index(lane.kind))
    }

    /// The lane of what it is as `kind`.
    ///
    /// # Panics
    /// If no worker ever served it as that.
    pub(super) fn lane(&self, kind: usize) -> u32 {
        let lane = self.lanes.iter().find(|lane| super::index(lane.kind) == kind);
        lane.expect("a kind that was served has its lane").number
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

    /// How long until the next request, as far as can be expected: the longer none has come, the
    /// longer.
    pub(super) fn expected(&self, now: Nanos) -> Span {
        self.interval.max(now - self.last)
    }

    /// The mean time between requests.
    pub(super) const fn interval(&self) -> Span {
        self.interval
    }
}

/// What a request that comes touches of its model is three cache lines, but for the list of copies.
const _: () = assert!(std::mem::offset_of!(Model, copies) <= 3 * 64);

const PATIENCE_LEAST: Span = Span::from_millis(5);
const PATIENCE_MOST: Span = Span::from_millis(320);

/// The interval after a first request: nothing is known yet.
const RARE: Span = Span::from_secs(1);
