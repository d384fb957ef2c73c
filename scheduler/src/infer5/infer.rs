//! Which device executes which batch next.

use std::cmp::Reverse;

use clockwork_wire::{ActionKind, BatchSize, ModelId, Nanos, Span, Window};
use smallvec::SmallVec;

use super::{Infer5, Plan, RECHECK};
use crate::cluster::{CopyStage, DeviceIndex};
use crate::request::Stage;

/// The batch that a model would start on a device at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    /// The latest start of the model's most urgent batch.
    key: Nanos,
    /// The largest batch that can be filled.
    batch: BatchSize,
    /// Where it begins in the queue.
    cursor: usize,
    /// How long it takes on the device.
    expected: Span,
}

impl Infer5 {
    /// Lets devices that are free within `schedule_ahead` take work, in order of availability, until
    /// one has been given an action or none wants any.
    pub(super) fn infer(&mut self) {
        let horizon = self.now + self.config.schedule_ahead;
        while let Some(&(free, index)) = self.ready.first() {
            if free >= horizon {
                return;
            }
            let start = self.devices[index].exec.available(self.now);
            if start >= horizon {
                // Its head is late: it counts as busy for longer than its timeline says.
                self.list_at(index, start + RECHECK);
                continue;
            }
            if self.take_batch(index, start) {
                return;
            }
            self.relist(index);
        }
    }

    /// Gives a device the model whose most urgent batch must start first, as the largest batch that
    /// makes it. `false`: nothing that it holds has a request that could still be saved.
    fn take_batch(&mut self, index: DeviceIndex, start: Nanos) -> bool {
        while let Some(Reverse((key, id))) = self.devices[index].wanted.pop() {
            let model = &mut self.models[id.index()];
            let Some(copy) = model.copy_on(index) else { continue };
            if copy.noted != Some(key) || copy.stage != CopyStage::Loaded {
                continue;
            }
            copy.noted = None;
            let Some(best) = self.candidate(id, index, start) else { continue };
            let next = self.devices[index].wanted.peek().map(|&Reverse((next, _))| next);
            if next.is_some_and(|next| next < best.key) {
                self.note(id, index, best.key);
                continue;
            }
            self.order_infer(index, id, start, best);
            return true;
        }
        false
    }

    /// The batch of `id` that device `index` could start at `start`.
    fn candidate(&self, id: ModelId, index: DeviceIndex, start: Nanos) -> Option<Candidate> {
        let model = &self.models[id.index()];
        let copy = model.copies.iter().find(|copy| copy.device == index)?;
        let device = &self.devices[index];
        let mut best: Option<Candidate> = None;
        for (batch, estimate) in &model.classes[copy.class].exec {
            let expected = self.at_clock(estimate.value(), device.clock);
            let cursor = model.queue.cursor(start + expected);
            if model.queue.len() - cursor < batch.count() {
                break;
            }
            let head = model.queue.deadline(cursor).expect("the cursor is within the queue");
            let key = best.map_or(Nanos::MAX, |best| best.key).min(head - expected);
            best = Some(Candidate { key, batch: *batch, cursor, expected });
        }
        best
    }

    fn order_infer(&mut self, index: DeviceIndex, id: ModelId, start: Nanos, best: Candidate) {
        let now = self.now;
        let reachable = now + self.config.future;
        let latest = reachable.max(start) + self.config.latest_delta();
        let model = &mut self.models[id.index()];
        let count = best.batch.count();
        let requests: SmallVec<_> = model.queue.take(best.cursor, count).collect();
        assert_eq!(requests.len(), count, "a batch is never larger than the queue");
        for &slot in &requests {
            let pending = self.requests.at(slot);
            pending.stage = Stage::Ordered;
            model.load_demand -= std::mem::take(&mut pending.load_demand);
        }
        self.devices[index].exec.add(now, self.flights.next(), best.expected);
        self.use_copy(id, index).in_flight += 1;
        self.touch(id);
        self.order(Plan {
            device: index,
            model: id,
            kind: ActionKind::Infer { batch: best.batch },
            window: Window::new(now, latest),
            start,
            expected: best.expected,
            send_by: reachable.max(latest - self.config.send_margin),
            requests,
        });
        self.want(id, index);
        self.relist(index);
    }

    /// After an arrival at `position`: tells the devices that hold the model, if its most urgent
    /// batch may have become more urgent. That is so for a new head and for a batch size that has
    /// just become possible; otherwise what the devices have noted still holds.
    pub(super) fn want_after_arrival(&mut self, id: ModelId, position: usize) {
        let model = &self.models[id.index()];
        let len = model.queue.len();
        let grown = model.classes.iter().any(|c| c.exec.iter().any(|(b, _)| b.count() == len));
        for at in 0..model.copies.len() {
            let copy = self.models[id.index()].copies[at];
            if position == 0 || grown || copy.noted.is_none() {
                self.want_at(id, at);
            }
        }
    }

    /// Notes on a device that a model wants it, with a key that is never later than the true one:
    /// the head's deadline less the time of the largest batch that the queue could fill.
    pub(super) fn want(&mut self, id: ModelId, index: DeviceIndex) {
        let copies = &self.models[id.index()].copies;
        if let Some(at) = copies.iter().position(|copy| copy.device == index) {
            self.want_at(id, at);
        }
    }

    fn want_at(&mut self, id: ModelId, at: usize) {
        let model = &self.models[id.index()];
        let copy = &model.copies[at];
        let index = copy.device;
        let Some(head) = model.queue.head() else { return };
        if copy.stage != CopyStage::Loaded {
            return;
        }
        let device = &self.devices[index];
        let sizes = &model.classes[copy.class].exec;
        let fits = sizes.iter().take_while(|(batch, _)| batch.count() <= model.queue.len());
        let longest = fits.map(|(_, estimate)| estimate.value()).max().unwrap_or_default();
        let key = head - self.at_clock(longest, device.clock);
        if copy.noted.is_none_or(|noted| key < noted) {
            self.note(id, index, key);
            self.relist(index);
        }
    }

    fn note(&mut self, id: ModelId, index: DeviceIndex, key: Nanos) {
        let copy = self.models[id.index()].copy_on(index).expect("a device notes what it holds");
        copy.noted = Some(key);
        self.devices[index].wanted.push(Reverse((key, id)));
    }

    /// Lists a device under a later time than its timeline says.
    fn list_at(&mut self, index: DeviceIndex, free: Nanos) {
        if let Some(old) = self.devices[index].listed.replace(free) {
            self.ready.remove(&(old, index));
        }
        self.ready.insert((free, index));
    }

    /// A time at the default clock, on a device that runs at `clock` MHz.
    pub(super) fn at_clock(&self, time: Span, clock: u32) -> Span {
        let nominal = self.config.default_clock;
        let same = clock == nominal || !self.config.clock_scaling;
        if same { time } else { time.scale(f64::from(nominal) / f64::from(clock)) }
    }
}
