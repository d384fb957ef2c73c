//! How much work waits for each device, as far as admission is concerned.
//!
//! A request binds to a device as late as possible, so that waiting work belongs to a model and not
//! to a device. To know at arrival whether a deadline can be met, the work is *pledged*: every batch
//! that the queue would fill is counted to one of the model's devices, the one that would be done
//! with it first. Whoever executes it in the end, the pledge is taken back.
//!
//! A batch counts as what it will be when its turn comes, with the requests that come until then as
//! often as they came of late: counted as what it is now, a queue under overload would be kept so
//! short that batches never fill.

use clockwork_wire::{ModelId, Nanos, Span};
use smallvec::SmallVec;

use super::device::Stage;
use super::{Clockwork, index};

/// A batch that waits, counted to a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pledge {
    device: u32,
    urgency: Urgency,
    /// How many requests it is expected to have when its turn comes.
    expected: u32,
    /// What is counted: the time of the batch that it is expected to be.
    time: Span,
    /// When it was expected to start; what is pledged later does not come before it.
    start: Nanos,
}

impl Pledge {
    /// Counts nothing yet.
    fn new(device: usize, urgency: Urgency, expected: usize, start: Nanos) -> Self {
        let narrow = |at: usize| u32::try_from(at).expect("devices and batches fit 32 bits");
        let (device, expected) = (narrow(device), narrow(expected));
        Self { device, urgency, expected, time: Span::ZERO, start }
    }
}

/// The pledges of a model; the last is of the batch that the next request joins.
pub(super) type Pledges = SmallVec<[Pledge; 2]>;

/// What a device is believed to have before it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Desk {
    /// When what it has been given ends.
    pub end: Nanos,
    /// The time of what is pledged to it, by urgency.
    pledged: [Span; URGENCIES],
}

impl Desk {
    /// When work of this urgency that is pledged now would be reached.
    fn reached(&self, now: Nanos, urgency: Urgency) -> Nanos {
        let before: Span = self.pledged[..=urgency.0].iter().copied().sum();
        self.end.max(now) + before
    }
}

/// How tight an SLO is: work that is less urgent does not stand in the way of work that is more so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Urgency(usize);

impl Urgency {
    /// By powers of two from 17 ms on.
    pub(super) fn of(slo: Span) -> Self {
        let bits = u64::BITS - (slo.get() >> 24).leading_zeros();
        Self(index(bits).min(URGENCIES - 1))
    }
}

/// Where a request would be served, and when that would be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prospect {
    /// When its batch would start.
    pub start: Nanos,
    /// By when.
    pub end: Nanos,
    /// Device time of one request of that batch, in nanoseconds.
    pub cost: f64,
    /// If it begins a batch: the device to pledge it to, and when it would start there.
    begins: Option<(usize, Nanos)>,
}

impl Clockwork {
    /// When one more request of a model would be served; `None` if no device has a copy.
    pub(super) fn prospect(&self, id: ModelId, kind: usize, urgency: Urgency) -> Option<Prospect> {
        let model = &self.models[id.index()];
        let sizes = &self.kinds[kind];
        let joins = model.queue.len() % sizes.most().count;
        if let (1.., Some(pledge)) = (joins, model.pledges.last()) {
            let start = self.desks[index(pledge.device)].end.max(self.now).max(pledge.start);
            let end = start + sizes.time_for(joins + 1);
            let expected = index(pledge.expected).max(joins + 1);
            return Some(Prospect { start, end, cost: sizes.cost_of(expected), begins: None });
        }
        let (device, start) = self.least_busy(id, urgency)?;
        let expected = self.expected_batch(id, kind, 1, start);
        let end = start + sizes.time_for(expected);
        let cost = sizes.cost_of(expected);
        Some(Prospect { start, end, cost, begins: Some((device, start)) })
    }

    /// How many requests a batch has when it starts, if it has `count` now and the model's requests
    /// come as they came of late.
    fn expected_batch(&self, id: ModelId, kind: usize, count: usize, start: Nanos) -> usize {
        let model = &self.models[id.index()];
        let interval = model.arrivals.interval().get().max(1);
        let more = (start - self.now).get() / interval;
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        count.saturating_add(more).min(self.kinds[kind].most().count)
    }

    /// Counts a request that has just joined its model's queue.
    pub(super) fn pledge(&mut self, id: ModelId, kind: usize, urgency: Urgency, at: Prospect) {
        if let Some((device, start)) = at.begins {
            self.add_pledge(id, kind, urgency, device, start);
        }
        self.adjust_last(id, kind);
    }

    /// Counts what waits for a model and is not counted to any device.
    pub(super) fn repledge(&mut self, id: ModelId) {
        let model = &self.models[id.index()];
        let Some(kind) = model.kind() else { return };
        let batches = model.queue.len().div_ceil(self.kinds[kind].most().count);
        let Some(first) = model.queue.iter().next() else { return };
        let urgency = Urgency::of(self.table.at(first).slo);
        while self.models[id.index()].pledges.len() < batches {
            let Some((device, start)) = self.least_busy(id, urgency) else { return };
            self.add_pledge(id, kind, urgency, device, start);
            self.adjust_last(id, kind);
        }
    }

    fn add_pledge(
        &mut self,
        id: ModelId,
        kind: usize,
        urgency: Urgency,
        device: usize,
        start: Nanos,
    ) {
        let expected = self.expected_batch(id, kind, 1, start);
        let pledge = Pledge::new(device, urgency, expected, start);
        self.models[id.index()].pledges.push(pledge);
    }

    /// Takes back what is pledged for requests that wait no longer.
    pub(super) fn unpledge(&mut self, id: ModelId) {
        let model = &self.models[id.index()];
        let Some(kind) = model.kind().or(Some(0)).filter(|_| !model.pledges.is_empty()) else {
            return;
        };
        let batches = model.queue.len().div_ceil(self.kinds[kind].most().count);
        while self.models[id.index()].pledges.len() > batches {
            self.take_pledge(id, 0);
        }
        self.adjust_last(id, kind);
    }

    /// A device has taken a batch out of a model's queue. What is left of a batch that was pledged
    /// waits for another turn, behind everything that is pledged by now: taken to be next, it would
    /// promise to all who join it what only those before it were promised.
    pub(super) fn pledge_rest(&mut self, id: ModelId, served_by: usize) {
        let pledges = &self.models[id.index()].pledges;
        if !pledges.is_empty() {
            let own = pledges.iter().position(|pledge| index(pledge.device) == served_by);
            self.take_pledge(id, own.unwrap_or(0));
        }
        self.unpledge(id);
        self.repledge(id);
    }

    fn take_pledge(&mut self, id: ModelId, at: usize) {
        let pledge = self.models[id.index()].pledges.remove(at);
        self.desks[index(pledge.device)].pledged[pledge.urgency.0] -= pledge.time;
    }

    /// Takes everything back that a model has pledged to a device that it will not be served by.
    pub(super) fn unpledge_device(&mut self, id: ModelId, device: usize) {
        let desks = &mut self.desks;
        self.models[id.index()].pledges.retain(|pledge| {
            let stays = index(pledge.device) != device;
            if !stays {
                desks[device].pledged[pledge.urgency.0] -= pledge.time;
            }
            stays
        });
    }

    fn adjust_last(&mut self, id: ModelId, kind: usize) {
        let model = &mut self.models[id.index()];
        let kind = &self.kinds[kind];
        let most = kind.most().count;
        let before = model.pledges.len().saturating_sub(1) * most;
        let Some(last) = model.pledges.last_mut() else { return };
        let count = model.queue.len().saturating_sub(before);
        let time = kind.time_for(count.max(index(last.expected)).min(most));
        let pledged = &mut self.desks[index(last.device)].pledged[last.urgency.0];
        *pledged = *pledged - last.time + time;
        last.time = time;
    }

    /// The device that would first be done with what it has, among those with a copy.
    fn least_busy(&self, id: ModelId, urgency: Urgency) -> Option<(usize, Nanos)> {
        let model = &self.models[id.index()];
        if let Some(wide) = model.wide {
            let some = self.wide.holders(wide).around(self.rotor).take(SAMPLE);
            let reached = some.map(|at| (self.desks[at].reached(self.now, urgency), at));
            return reached.min().map(|(start, device)| (device, start));
        }
        let reached = model.copies.iter().filter_map(|place| {
            let device = index(place.device);
            let copy = self.devices[device].copies.at(index(place.slot));
            let start = self.desks[device].reached(self.now, urgency);
            match copy.stage {
                Stage::Loaded => Some((start, device)),
                Stage::Loading => Some((start.max(copy.ready), device)),
                Stage::Unknown | Stage::Leaving => None,
            }
        });
        reached.min().map(|(start, device)| (device, start))
    }

    /// When a device could begin work that is given to it now, behind all that is pledged to it.
    pub(super) fn reached(&self, device: usize) -> Nanos {
        self.desks[device].reached(self.now, Urgency(URGENCIES - 1))
    }

    /// Notes when what a device has been given ends.
    pub(super) fn note_end(&mut self, device: usize) {
        self.desks[device].end = self.devices[device].exec.end(self.now);
    }
}

/// With the end of what is given, one cache line per device.
const URGENCIES: usize = 7;

/// How many devices are compared for a model that many devices hold.
const SAMPLE: usize = 8;
