//! The published scheduler: earliest latest-start first, the largest batch that makes it, and
//! weights where unmet demand is.
//!
//! Re-created from the facts of the last generation of the original (its `INFER5`). A turn is:
//! requests enter their model's queue and its demand; each device that will be free within
//! `schedule_ahead` takes the model whose most urgent batch must start first; then weights are
//! ordered for the models whose demand their present copies cannot serve.
//!
//! # Where it differs from the original, and why
//!
//! * *One queue per model* with a cursor per batch size instead of one queue per batch size. A
//!   batch skips heads that it cannot save; skipped requests stay for smaller batches instead of
//!   being dropped (module `queue`).
//! * *Devices in order of availability*, ties by number, instead of round-robin over threads: a busy
//!   device never takes what an idle neighbour could start.
//! * *The load-priority test is a test.* The original compares a pointer, so any demand at all loads
//!   the model on ever more devices. Here a further copy is made only if demand exceeds what the
//!   present copies can serve within one SLO, or if a device that has nothing to do would shorten
//!   the wait of requests that are queued.
//! * *A first copy goes to the device with the least outstanding demand*, then the fewest pages in
//!   use; the original takes whichever device asks first.
//! * *Load demand expires* when a load would come too late (the original reads the counter after it
//!   zeroed it); for a model that no device holds, only when a load could no longer save the request,
//!   and it revives when the last copy is lost. Otherwise a long SLO would wait for a load for ever.
//! * *A stale LOAD's failure does not touch a newer LOAD*: copies remember the action that loads
//!   them (the original assigns where it means to compare).
//! * *Eviction never takes a copy with an INFER on its way*, and never one that is loading.
//! * *Estimates per (model, batch size, device class)* instead of pooled over all devices; workers
//!   may differ in models, pages, batch sizes and class.
//! * *A device's cache is taken as found* when its worker comes up; the original assumes it empty.
//! * *Every action expires* at latest + expected + grace. A lost INFER answers its requests with
//!   [`Status::EXPIRED`]; a lost LOAD is followed by an EVICT whose result settles the pages. A lost
//!   worker's requests are answered with [`Status::WORKER_LOST`]. The original waits for ever.
//! * *A late success says so* ([`Status::LATE`]); the original answers 0.
//! * *An unknown model is refused at once*, the id after the last one included.
//! * *Models and workers may come at any time*; the original's set is frozen at start.
//! * *Estimates are scaled by the device's clock* only where `scheduler.clock_scaling` says so: a clock
//!   that rests when the device does would mislead them.
//! * An action that the network could not send in time is reported at once, not at its latest end.
//! * The preference numbers and the strategy snapshots have no effect in the original and are gone.

mod admit;
mod demand;
mod evict;
mod infer;
mod load;
mod outcome;
mod topology;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use clockwork_config::SchedulerConfig;
use clockwork_wire::{
    Action, ActionId, ActionKind, ModelId, Nanos, PageRange, Span, Status, Window,
};

use crate::Scheduler;
use crate::cluster::{Device, DeviceIndex, Model};
use crate::flight::{Flight, Flights};
use crate::message::{Input, Order, Output, Response};
use crate::queue::RequestSlot;
use crate::request::{Requests, Stage};
use crate::shard::{Demand, Offered, efficient_work};

/// The scheduler of the paper. See the [module](self) for what it does differently.
#[derive(Debug)]
pub struct Infer5 {
    config: SchedulerConfig,
    epoch: u32,
    shard: u32,
    /// The clock of the last turn; time never decreases.
    now: Nanos,
    devices: Vec<Device>,
    /// How many devices each worker has.
    hosts: Vec<usize>,
    models: Vec<Model>,
    requests: Requests,
    flights: Flights,
    /// What is decided and not yet taken out.
    decided: VecDeque<Output>,
    /// What is to be looked at again, and when: requests by slot and generation.
    timers: BinaryHeap<Reverse<(Nanos, RequestSlot, u32)>>,
    /// When actions expire, by their counter.
    expiries: BinaryHeap<Reverse<(Nanos, u64)>>,
    /// Devices that have something to execute, in order of availability.
    ready: BTreeSet<(Nanos, DeviceIndex)>,
    /// Devices that have nothing to do.
    idle: BTreeSet<DeviceIndex>,
    /// Models whose demand changed since it was last settled.
    dirty: Vec<ModelId>,
    /// Models whose demand their copies cannot serve, the largest priority first.
    unmet: BTreeSet<(Reverse<u64>, ModelId)>,
    /// When to look for a free copy engine for unmet demand.
    load_retry: Option<Nanos>,
    /// Counts uses of copies.
    uses: u64,
    /// What the models were asked for since the last report.
    offered: Offered,
}

impl Infer5 {
    /// A scheduler without workers. `epoch` and `shard` go into every action's id.
    pub fn new(config: SchedulerConfig, epoch: u32, shard: u32) -> Self {
        Self {
            config,
            epoch,
            shard,
            now: Nanos::ZERO,
            devices: Vec::new(),
            hosts: Vec::new(),
            models: Vec::new(),
            requests: Requests::default(),
            flights: Flights::default(),
            decided: VecDeque::new(),
            timers: BinaryHeap::new(),
            expiries: BinaryHeap::new(),
            ready: BTreeSet::new(),
            idle: BTreeSet::new(),
            dirty: Vec::new(),
            unmet: BTreeSet::new(),
            load_retry: None,
            uses: 0,
            offered: Offered::default(),
        }
    }

    /// Requests that have not been answered.
    pub fn unanswered(&self) -> usize {
        self.requests.count()
    }

    /// Actions whose result is still to come.
    pub fn in_flight(&self) -> usize {
        self.flights.count()
    }

    fn advance(&mut self, now: Nanos) {
        assert!(now >= self.now, "time never decreases");
        self.now = now;
    }

    fn model(&mut self, model: ModelId) -> &mut Model {
        &mut self.models[model.index()]
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    /// Notes that a device's work changed: where it stands among the ready and the idle.
    fn relist(&mut self, index: DeviceIndex) {
        let device = &mut self.devices[index];
        let wanted = device.up && !device.wanted.is_empty();
        let key = wanted.then(|| device.exec.nominal());
        if key != device.listed {
            if let Some(old) = device.listed {
                self.ready.remove(&(old, index));
            }
            if let Some(new) = key {
                self.ready.insert((new, index));
            }
            device.listed = key;
        }
        if device.up && device.is_idle() {
            self.idle.insert(index);
        } else {
            self.idle.remove(&index);
        }
    }

    /// When something that is free at `free` comes within `schedule_ahead`.
    fn just_within_reach(&self, free: Nanos) -> Nanos {
        free - self.config.schedule_ahead + Span::new(1)
    }

    /// Orders an action: puts it in flight and among the decisions.
    fn order(&mut self, plan: Plan) {
        let id = ActionId { epoch: self.epoch, shard: self.shard, counter: self.flights.next() };
        let device = &self.devices[plan.device];
        let model = &self.models[plan.model.index()];
        let action = Action {
            id,
            kind: plan.kind,
            model: plan.model,
            gpu: device.gpu,
            window: plan.window,
            expected: plan.expected,
            pages: PageRange::WHOLE,
        };
        // An action without a window (EVICT) is due as soon as it arrives.
        let last_end = if plan.window == Window::ALWAYS { self.now } else { plan.window.latest };
        let expires = last_end + plan.expected + self.config.action_grace;
        self.expiries.push(Reverse((expires, id.counter)));
        let flight = Flight {
            worker: device.worker,
            device: plan.device,
            action,
            requests: plan.requests,
            sent: self.now,
            expected_complete: plan.start + plan.expected,
            expected_clock: device.clock,
            requests_queued: u32::try_from(model.queue.len()).unwrap_or(u32::MAX),
            copies_loaded: model.copies_loaded,
        };
        let requests = &mut self.requests;
        let order = Order {
            worker: flight.worker,
            action,
            send_by: plan.send_by,
            requests: flight.requests.iter().map(|&slot| requests.at(slot).request.id).collect(),
        };
        self.flights.push(flight);
        self.decided.push_back(Output::Action(order));
    }

    /// Answers a request, once: it leaves the table.
    fn respond(
        &mut self,
        slot: RequestSlot,
        status: Status,
        output: Option<(ActionId, u16)>,
    ) -> Response {
        let pending = self.requests.remove(slot);
        let counted = status.has_output() || status == Status::TIMEOUT;
        let model = self.leave(&pending);
        let copies_at_departure = if counted { model.copies_loaded } else { 0 };
        let in_time = self.now <= pending.deadline();
        let status = if status.is_ok() && !in_time { Status::LATE } else { status };
        let response = Response {
            request: pending.request.id,
            status,
            output,
            model: pending.model(),
            arrival: pending.request.arrival,
            departure: self.now,
            slo: pending.slo,
            copies_at_arrival: pending.copies_at_arrival,
            copies_at_departure,
        };
        self.decided.push_back(Output::Respond(response));
        response
    }

    /// Handles everything that is due by now: requests whose time has come, actions that are lost.
    fn tick(&mut self) {
        while let Some(&Reverse((at, slot, generation))) = self.timers.peek() {
            let current = self.requests.current(slot, generation);
            let queued = current.is_some_and(|pending| pending.stage == Stage::Queued);
            if queued && at > self.now {
                break;
            }
            self.timers.pop();
            if queued {
                self.due(slot, generation);
            }
        }
        while let Some(&Reverse((at, counter))) = self.expiries.peek() {
            let in_flight = self.flights.peek(counter).is_some();
            if in_flight && at > self.now {
                break;
            }
            self.expiries.pop();
            if in_flight {
                self.expire(counter);
            }
        }
    }
}

impl Scheduler for Infer5 {
    fn handle(&mut self, now: Nanos, input: Input) {
        self.advance(now);
        match input {
            Input::Request(request) => self.admit(request),
            Input::Withdraw { request, model } => self.withdraw(request, model),
            Input::Result { worker, result } => self.result(worker, &result),
            Input::WorkerUp { worker, devices } => self.worker_up(worker, devices),
            Input::WorkerDown { worker } => self.worker_down(worker),
            Input::ModelDown { worker, model } => self.model_down(worker, model),
            Input::ModelUp { worker, model, profile } => self.model_up(worker, model, &profile),
            // The published scheduler copies what has been asked for.
            Input::Succeed { .. } => {}
        }
    }

    fn poll(&mut self, now: Nanos) -> Option<Output> {
        self.advance(now);
        if let Some(output) = self.decided.pop_front() {
            return Some(output);
        }
        self.tick();
        if self.decided.is_empty() {
            self.infer();
        }
        if self.decided.is_empty() {
            self.load();
        }
        self.decided.pop_front()
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        let ready = self.ready.first().map(|&(free, _)| self.just_within_reach(free));
        let load = self.load_retry;
        let timer = self.timers.peek().map(|&Reverse((at, ..))| at);
        let expiry = self.expiries.peek().map(|&Reverse((at, _))| at);
        [ready, load, timer, expiry].into_iter().flatten().min()
    }

    fn take_demand(&mut self, now: Nanos, demand: &mut Demand) {
        let (models, window) = (&self.models, self.config.default_slo.scale(0.5));
        self.offered.take(now, demand, |id, requests, interval| {
            let class = models[id.index()].classes.first();
            let sizes = class.into_iter().flat_map(|class| &class.exec);
            let batches = sizes.map(|(batch, estimate)| (*batch, estimate.value()));
            efficient_work(requests, interval, window, batches)
        });
    }
}

/// How soon to look again at an engine whose head is late: its end slides along with the clock, so
/// that there is no instant to wait for.
const RECHECK: Span = Span::from_millis(1);

/// An action before it has an id.
#[derive(Debug)]
struct Plan {
    device: DeviceIndex,
    model: ModelId,
    kind: ActionKind,
    window: Window,
    /// When it is expected to start.
    start: Nanos,
    expected: Span,
    send_by: Nanos,
    requests: smallvec::SmallVec<[RequestSlot; 8]>,
}
