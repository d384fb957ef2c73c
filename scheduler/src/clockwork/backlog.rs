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
use super::kind::Size;
use super::model::Model;
use super::{Clockwork, index};

/// A batch that waits, counted to a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pledge {
    device: u32,
    urgency: Urgency,
    /// How many requests it is expected to have when its turn comes: a batch size.
    room: u16,
    /// What is counted: how long such a batch takes.
    time: Span,
    /// When it was expected to start; what is pledged later does not come before it.
    start: Nanos,
    /// By when its first request is due.
    due: Nanos,
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
        let before: Span = self.pledged[..=urgency.level()].iter().copied().sum();
        self.end.max(now) + before
    }
}

/// How tight an SLO is: work that is less urgent does not stand in the way of work that is more so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Urgency(u8);

impl Urgency {
    /// By powers of two from 17 ms on.
    pub(super) fn of(slo: Span) -> Self {
        let bits = u64::BITS - (slo.get() >> 24).leading_zeros();
        let level = index(bits).min(URGENCIES - 1);
        Self(u8::try_from(level).expect("there are few"))
    }

    /// Its place among all, the most urgent first.
    fn level(self) -> usize {
        usize::from(self.0)
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
    /// The batch that it is in.
    pledge: Pledge,
    change: Change,
}

/// What one more request does to the pledges of its model.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// It joins the last one.
    Joins,
    /// The last one grows to hold it.
    Grows,
    /// It begins another one.
    Begins,
}

impl Prospect {
    /// On which device it would be served.
    pub(super) fn device(&self) -> usize {
        index(self.pledge.device)
    }
}

impl Clockwork {
    /// When one more request of a model would be served; `None` if no device has a copy.
    pub(super) fn prospect(
        &self,
        id: ModelId,
        kind: usize,
        urgency: Urgency,
        due: Nanos,
    ) -> Option<Prospect> {
        let Model { pledges, queue, .. } = &self.models[id.index()];
        let last = pledges.last().copied();
        let full = queue.len() >= room(pledges);
        let grown = || last.and_then(|last| self.grown(id, kind, last));
        let (change, pledge) = if let (Some(last), false) = (last, full) {
            (Change::Joins, last)
        } else if let Some(grown) = grown() {
            (Change::Grows, grown)
        } else {
            (Change::Begins, self.begun(id, kind, urgency, due)?)
        };
        let start = self.starts(id, &pledge);
        let cost = pledge.time.as_f64() / f64::from(pledge.room);
        Some(Prospect { start, end: start + pledge.time, cost, pledge, change })
    }

    /// When a batch is expected to start by now.
    fn starts(&self, id: ModelId, pledge: &Pledge) -> Nanos {
        let device = index(pledge.device);
        self.desks[device].end.max(pledge.start).max(self.carried_by(
            id,
            device,
            usize::from(pledge.room),
        ))
    }

    /// The batch that a further request of a model begins.
    fn begun(&self, id: ModelId, kind: usize, urgency: Urgency, due: Nanos) -> Option<Pledge> {
        let (device, start) = self.least_busy(id, urgency)?;
        let device = u32::try_from(device).expect("devices fit 32 bits");
        let empty = Pledge { device, urgency, room: 0, time: Span::ZERO, start, due };
        Some(self.sized(id, kind, empty))
    }

    /// What a pledge that is full becomes with a further request, if a larger batch can be expected by
    /// now and is not too late for the first request.
    fn grown(&self, id: ModelId, kind: usize, last: Pledge) -> Option<Pledge> {
        let grown = self.sized(id, kind, last);
        let in_time = self.starts(id, &grown) + grown.time <= last.due;
        (in_time && grown.room > last.room).then_some(grown)
    }

    /// A pledge with one more request and those that will be there when its turn comes, if they come
    /// as they came of late.
    fn sized(&self, id: ModelId, kind: usize, pledge: Pledge) -> Pledge {
        let interval = self.models[id.index()].arrivals.interval().get().max(1);
        let wait = (self.starts(id, &pledge) - self.now).scale(SURE);
        let more = usize::try_from(wait.get() / interval).unwrap_or(usize::MAX);
        let count = more.saturating_add(usize::from(pledge.room) + 1);
        self.of_size(id, self.kinds[kind].filled(count), pledge)
    }

    /// A pledge as a batch of this size.
    fn of_size(&self, id: ModelId, size: &Size, pledge: Pledge) -> Pledge {
        // What is copied longer than it is executed keeps the device for as long as that.
        let copied = self.links.copied_in(id, index(pledge.device), size.count);
        Pledge { room: size.batch.get(), time: size.exec.value().max(copied), ..pledge }
    }

    /// A pledge, or the largest smaller one that is in time for its first request.
    fn in_time(&self, id: ModelId, kind: usize, pledge: Pledge) -> Pledge {
        let is_in_time = |pledge: &Pledge| self.starts(id, pledge) + pledge.time <= pledge.due;
        if is_in_time(&pledge) {
            return pledge;
        }
        let sizes = &self.kinds[kind].sizes;
        let smaller = sizes.iter().rev().filter(|size| size.batch.get() < pledge.room);
        let mut smaller = smaller.map(|size| self.of_size(id, size, pledge));
        let smallest = || self.of_size(id, &sizes[0], pledge);
        smaller.find(is_in_time).unwrap_or_else(smallest)
    }

    /// Counts a request that has just joined its model's queue.
    pub(super) fn pledge(&mut self, id: ModelId, at: Prospect) {
        if let Change::Grows = at.change {
            let last = self.models[id.index()].pledges.len() - 1;
            self.take_pledge(id, last);
        }
        if let Change::Grows | Change::Begins = at.change {
            self.desks[index(at.pledge.device)].pledged[at.pledge.urgency.level()] +=
                at.pledge.time;
            self.models[id.index()].pledges.push(at.pledge);
        }
    }

    /// Counts what waits for a model and is not counted to any device.
    ///
    /// What waits may be too old for as large a batch as could be gathered until its turn. Counted as
    /// that, it would let others join who are then executed after it, in their turn too old for a large
    /// batch, and so on for ever; counted as the smaller batch that it will be, it has others refused
    /// until a large one is in time again.
    pub(super) fn repledge(&mut self, id: ModelId) {
        let model = &self.models[id.index()];
        let Some((kind, first)) = model.kind().zip(model.queue.iter().next()) else { return };
        let urgency = Urgency::of(self.table.at(first).slo);
        while let Some(due) = self.uncounted(id) {
            let Some(at) = self.prospect(id, kind, urgency, due) else { return };
            let pledge = self.in_time(id, kind, at.pledge);
            self.pledge(id, Prospect { pledge, ..at });
        }
    }

    /// When the first request of a model is due that no pledge counts.
    fn uncounted(&self, id: ModelId) -> Option<Nanos> {
        let Model { pledges, queue, .. } = &self.models[id.index()];
        queue.deadline(room(pledges))
    }

    /// Takes back what is pledged for requests that wait no longer, the first ones first.
    pub(super) fn unpledge(&mut self, id: ModelId) {
        loop {
            let Model { pledges, queue, .. } = &self.models[id.index()];
            match pledges.first() {
                Some(first) if queue.len() + usize::from(first.room) <= room(pledges) => {
                    self.take_pledge(id, 0);
                }
                _ => return,
            }
        }
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
        self.desks[index(pledge.device)].pledged[pledge.urgency.level()] -= pledge.time;
    }

    /// Takes everything back that a model has pledged to a device that it will not be served by.
    pub(super) fn unpledge_device(&mut self, id: ModelId, device: usize) {
        let desks = &mut self.desks;
        self.models[id.index()].pledges.retain(|pledge| {
            let stays = index(pledge.device) != device;
            if !stays {
                desks[device].pledged[pledge.urgency.level()] -= pledge.time;
            }
            stays
        });
    }

    /// The device that would first be done with what it has, among those with a copy.
    fn least_busy(&self, id: ModelId, urgency: Urgency) -> Option<(usize, Nanos)> {
        let model = &self.models[id.index()];
        if let Some(wide) = model.wide {
            let some = self.wide.holders(wide).around(self.rotor).take(SAMPLE);
            let reached = |at: usize| self.desks[at].reached(self.now, urgency);
            let reached = some.map(|at| (reached(at).max(self.carried_by(id, at, 1)), at));
            return reached.min().map(|(start, device)| (device, start));
        }
        let reached = model.copies.iter().filter_map(|place| {
            let device = index(place.device);
            let start = self.desks[device].reached(self.now, urgency);
            let start = start.max(self.carried_by(id, device, 1));
            let ready = || self.devices[device].copies.at(index(place.slot)).ready;
            match place.stage {
                Stage::Loaded => Some((start, device)),
                Stage::Loading => Some((start.max(ready()), device)),
                Stage::Unknown | Stage::Leaving => None,
            }
        });
        reached.min().map(|(start, device)| (device, start))
    }

    /// When a device could begin work that is given to it now, behind all that is pledged to it.
    pub(super) fn reached(&self, device: usize) -> Nanos {
        self.desks[device].reached(self.now, Urgency::of(Span::MAX))
    }

    /// Notes when what a device has been given ends.
    pub(super) fn note_end(&mut self, device: usize) {
        self.desks[device].end = self.devices[device].exec.end(self.now, self.pace.margin());
    }
}

/// How many requests are counted.
fn room(pledges: &Pledges) -> usize {
    pledges.iter().map(|pledge| usize::from(pledge.room)).sum()
}

/// The part of the requests that a batch is expected to gather which is counted on: room that is not
/// filled in the end is device time that was counted for nothing.
const SURE: f64 = 0.8;

/// With the end of what is given, one cache line per device.
const URGENCIES: usize = 7;

/// How many devices are compared for a model that many devices hold.
const SAMPLE: usize = 8;
