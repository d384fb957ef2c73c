//! Which device executes which batch next.

use clockwork_wire::{ActionKind, BatchSize, ModelId, Nanos, PageRange, Span, Window};
use smallvec::SmallVec;

use super::device::Stage;
use super::engine::Engine;
use super::wants::{NEVER, Urgent};
use super::{Clockwork, Plan, index};

/// The batch that a model would start on a device at a given time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub batch: BatchSize,
    /// Where it begins in the queue.
    pub cursor: usize,
    /// When it can start: the device is free, and its inputs are there.
    pub start: Nanos,
    /// How long it takes on the device.
    pub expected: Span,
}

/// A batch of a model, and the slot of the copy that would execute it.
pub(super) type Choice = (ModelId, usize, Candidate);

impl Candidate {
    /// Requests in device time.
    fn thrift(&self) -> f64 {
        f64::from(self.batch.get()) / self.expected.as_f64().max(1.0)
    }
}

impl Clockwork {
    /// Gives work to the devices that have come to be ready, then to idle ones what has arrived.
    pub(super) fn dispatch(&mut self) {
        while let Some(device) = self.ready.due(self.now.get()) {
            self.ready.set(device, NEVER);
            self.todo.push(device);
        }
        while let Some(device) = self.todo.pop() {
            self.fill(device);
        }
        while let Some(id) = self.fresh.pop() {
            self.models[id.index()].fresh = false;
            while let Some(device) = self.idle_for(id) {
                if !self.serve(device) {
                    break;
                }
                self.park(device);
            }
            self.await_opening(id);
        }
    }

    /// Lets a device take work for as long as it is ready and finds some.
    fn fill(&mut self, device: usize) {
        self.park(device);
        while self.is_ready(device) && self.serve(device) {
            self.park(device);
        }
    }

    /// Notes when a device is ready for more work.
    pub(super) fn park(&mut self, index: usize) {
        self.free.remove(index);
        self.near.remove(index);
        self.note_end(index);
        let device = &self.devices[index];
        let mut at = self.links.opens(device.worker, self.now, self.pace.delivery());
        if device.up && device.exec.len() == 0 {
            self.free.insert(index);
        } else if device.up
            && let Some(fewer) = device.exec.fewer_than(self.depth, self.now, self.pace.margin())
        {
            let reached = fewer.max(self.desks[index].end - self.ahead(index));
            if reached <= self.now {
                self.near.insert(index);
            } else {
                at = reached.get();
            }
        } else {
            at = NEVER;
        }
        self.ready.set(index, at);
    }

    fn is_ready(&self, device: usize) -> bool {
        self.free.contains(device) || self.near.contains(device)
    }

    /// How long before a device is free it is given more work: so long that an order is there in
    /// time.
    fn ahead(&self, device: usize) -> Span {
        if !self.config.ahead.is_zero() {
            return self.config.ahead;
        }
        let input = self.links.transfer(self.devices[device].worker, device);
        let device = &self.devices[device];
        self.pace.delivery() + device.exec.last().scale(self.config.ahead_executions) + input
    }

    /// A device that could take work for a model at once: one that has nothing to do, else the one
    /// that is free first.
    fn idle_for(&self, id: ModelId) -> Option<usize> {
        let model = &self.models[id.index()];
        if model.queue.is_empty() || self.free.is_empty() && self.near.is_empty() {
            return None;
        }
        if let Some(wide) = model.wide {
            let holders = self.wide.holders(wide);
            let goes = |&at: &usize| !self.is_held_up(id, at);
            let near =
                || holders.common(&self.near).filter(goes).min_by_key(|&at| self.desks[at].end);
            return holders.common(&self.free).find(goes).or_else(near);
        }
        let loaded = || {
            let loaded = model.copies.iter().filter(|place| place.stage == Stage::Loaded);
            let devices = loaded.map(|place| index(place.device));
            devices.filter(|&device| !self.is_held_up(id, device))
        };
        let free = loaded().find(|&device| self.free.contains(device));
        let near = || {
            let near = loaded().filter(|&device| self.near.contains(device));
            near.min_by_key(|&device| self.desks[device].end)
        };
        free.or_else(near)
    }

    /// Gives a device the model whose most urgent batch must start first. `false`: nothing that it
    /// holds has a request that it could still save.
    fn serve(&mut self, index: usize) -> bool {
        if self.waits_for_link(index) {
            return false;
        }
        let start = self.desks[index].end.max(self.now + self.pace.delivery());
        let choice = self.choose(index, start);
        let choice = match choice {
            Some(choice) if self.config.defer => self.deferred(index, start, choice),
            choice => choice,
        };
        if let Some((id, slot, batch)) = choice {
            self.order_infer(index, slot, id, batch);
        }
        choice.is_some()
    }

    /// What a device should start at `start`: the most urgent batch. While there is more than can be
    /// done, that or one of those which would be lost if it went first: the one that serves most requests
    /// in device time.
    fn choose(&self, index: usize, start: Nanos) -> Option<Choice> {
        let overloaded = self.config.thrift && self.pace.is_overloaded(self.now);
        let device = &self.devices[index];
        if overloaded {
            return self.choose_thrifty(index, start);
        }
        let mut passed = None;
        while let Some(urgent) = self.wants.first(&device.lanes, passed) {
            let id = device.copies.at(urgent.slot).model;
            if let Some(batch) = self.candidate(id, index, urgent.slot, start) {
                return Some((id, urgent.slot, batch));
            }
            // It may be another device's yet: it is passed over, here and now.
            passed = Some(urgent);
        }
        None
    }

    /// Of the most urgent batch and those which would be lost if it went first, the one that serves most
    /// requests in device time.
    fn choose_thrifty(&self, index: usize, start: Nanos) -> Option<Choice> {
        let device = &self.devices[index];
        let mut looks = LOOKS;
        let mut best: Option<Choice> = None;
        let mut lost_until = Nanos::MAX;
        let mut several = self.wants.several(&device.lanes, None);
        while let Some(&last) = several.last() {
            for &Urgent { key, slot } in &several {
                if Nanos::new(key) > lost_until || looks == 0 {
                    return best;
                }
                let id = device.copies.at(slot).model;
                if let Some(batch) = self.candidate(id, index, slot, start) {
                    let much = |(_, _, best): &(_, _, Candidate)| best.thrift() * MUCH_MORE;
                    if best.as_ref().is_none_or(|best| batch.thrift() > much(best)) {
                        best = Some((id, slot, batch));
                    }
                    lost_until = lost_until.min(batch.start + batch.expected);
                    looks -= 1;
                }
            }
            several = self.wants.several(&device.lanes, Some(last));
        }
        best
    }

    /// The batch of `id` that device `index` could start at `start`: the largest that is filled.
    pub(super) fn candidate(
        &self,
        id: ModelId,
        device: usize,
        slot: usize,
        start: Nanos,
    ) -> Option<Candidate> {
        let (queue, at) = (&self.models[id.index()].queue, device);
        let device = &self.devices[device];
        let mut best = None;
        for size in &self.kinds[device.copies.at(slot).kind].sizes {
            if queue.len() < size.count {
                break;
            }
            let expected = self.at_clock(size.exec.value(), device.clock);
            let start = self.input_there(id, at, size.count, start);
            let cursor = queue.cursor(start + expected);
            if queue.len() - cursor < size.count {
                break;
            }
            best = Some(Candidate { batch: size.batch, cursor, start, expected });
        }
        best
    }

    fn order_infer(&mut self, device: usize, slot: usize, id: ModelId, batch: Candidate) {
        let (now, start) = (self.now, batch.start);
        let model = &mut self.models[id.index()];
        let queued = model.queue.len();
        let requests: SmallVec<_> = model.queue.take(batch.cursor, batch.batch.count()).collect();
        assert_eq!(requests.len(), batch.batch.count(), "a batch is never larger than the queue");
        model.in_flight += 1;
        let interval = model.arrivals.interval();
        let last = *requests.last().expect("a batch is not empty");
        // It may start for as long as it saves anybody.
        let latest = (self.table.at(last).deadline() - batch.expected).max(start + self.slack());
        let left = self.carry(id, device, &requests);
        let copy = self.devices[device].copies.at_mut(slot);
        copy.in_flight += 1;
        copy.last_used = now;
        copy.interval = interval;
        let first = self.devices[device].exec.len() == 0;
        self.devices[device].exec.add(self.flights.next(), start, batch.expected);
        self.order(Plan {
            device,
            slot,
            model: id,
            kind: ActionKind::Infer { batch: batch.batch },
            pages: PageRange::WHOLE,
            window: Window::new(now, latest),
            left,
            start,
            first,
            expected: batch.expected,
            send_by: latest - self.pace.delivery(),
            queued,
            requests,
        });
        self.pledge_rest(id, device);
        self.offer(id);
    }

    /// How much later than planned an action may start in any case.
    pub(super) fn slack(&self) -> Span {
        self.pace.delivery() + self.pace.margin()
    }

    /// Notes what a model wants of the devices that hold it, with the latest start of its most urgent
    /// batch: the head's deadline less the time of the largest batch that the queue fills.
    pub(super) fn offer(&mut self, id: ModelId) {
        let model = &self.models[id.index()];
        let head = model.queue.head();
        let last = head.map(|head| (head - self.soonest(id)).get());
        self.due.set(id.index(), last.unwrap_or(NEVER));
        let len = model.queue.len();
        let cold = len > 0 && model.copies.is_empty();
        self.cold = self.cold + u32::from(cold) - u32::from(model.cold);
        self.models[id.index()].cold = cold;
        for lane in &self.models[id.index()].lanes {
            let longest = self.kinds[index(lane.kind)].filled(len).exec.value();
            self.wants.set(lane.number, head.map_or(NEVER, |head| (head - longest).get()));
        }
        if head.is_some() {
            self.freshen(id);
        }
    }

    /// Has a device looked for in this turn that could serve a model at once.
    pub(super) fn freshen(&mut self, id: ModelId) {
        let model = &mut self.models[id.index()];
        if !model.fresh {
            model.fresh = true;
            self.fresh.push(id);
        }
    }

    /// A time at the default clock, on a device that runs at `clock` MHz.
    pub(super) fn at_clock(&self, time: Span, clock: u32) -> Span {
        let nominal = self.config.default_clock;
        let same = clock == nominal || !self.config.clock_scaling;
        if same { time } else { time.scale(f64::from(nominal) / f64::from(clock)) }
    }
}

/// Among how many models, the most urgent first, a device chooses while there is more than can be done.
const LOOKS: u32 = 12;
/// How many times the requests in device time a batch must serve to go before a more urgent one.
const MUCH_MORE: f64 = 1.1;

/// An engine holds what a device may be given.
const _: () = assert!(Engine::MOST >= 4);
