//! The worker: takes actions in, lets each start in its window or refuses it, reports results.
//!
//! # What happens to an action
//!
//! On arrival: an id seen before is ignored, one of an earlier controller epoch is refused
//! ([`Status::INVALID_ACTION`]), and so is everything that makes no sense whenever it starts
//! (unknown device, model or batch size, wrong inputs). The rest waits in one of its device's two
//! queues, in order of `earliest`: one for INFER, one for LOAD and EVICT. Each queue has one action
//! under way at a time (INFER: as many as the device's depth). When its turn comes, an action
//! starts if it is not past `latest` and finds what it needs: weights, io and workspace memory for
//! an INFER, pages for a LOAD. Nothing is retried; nothing runs late.
//!
//! # Device time
//!
//! A turn may come late. Starts and completions are therefore gone through in the order in which
//! they were due, and an action starts at the latest of its arrival, its `earliest` and its
//! predecessor's end, not when somebody came by. `latest` is checked against that start.
//!
//! # Why does nothing change under a running operation?
//!
//! In the original an EVICT frees pages at once and an INFER that was using them fails with 84; a
//! LOAD that was overtaken fails with 54. Here a LOAD or EVICT of a model whose INFERs are under
//! way makes the weights unusable for INFERs that start from then on (82), waits for those that
//! run, and only then touches the pages; LOADs and EVICTs never overtake each other. So 54 and 84
//! do not occur, and a page that a result reports as free is free. LOAD of a model that is already
//! there copies the weights again into the same pages, as in the original's emulated worker.
//!
//! # Parts of models
//!
//! A LOAD may be of some of a model's pages, so that an urgent LOAD need not wait for all of a large
//! one, and an EVICT of the last ones. INFERs start once all pages are there. A range that ends beyond
//! the model, an EVICT that is not of its end, and an INFER with a range are refused
//! ([`Status::INVALID_ACTION`]); so is a LOAD of pages that are there
//! ([`Status::CONCURRENT_MODIFICATION`]): whoever ordered it has lost count. A LOAD of part that fails
//! leaves the rest as it is.

mod admission;
mod counters;
mod lane;
mod loading;
mod registry;
mod residency;
mod seen;
mod task;
mod unloading;
mod wakeups;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use clockwork_wire::{
    Action, ActionId, GpuId, Nanos, PAGE_BYTES, Pages, Span, Status, WorkerState,
};

pub use self::counters::Counters;
pub(crate) use self::task::Task;

use self::admission::{Rules, admit};
use self::lane::{Lane, Outbox};
use self::loading::Resolving;
use self::registry::Registry;
use self::seen::{Seen, Sighting};
use self::task::Ticket;
use self::unloading::Unloading;
use self::wakeups::Wakeups;
use crate::{Device, Fault, Input, Inputs, Output};

/// What a worker is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Host memory for inputs and outputs in bytes, as reported to the controller.
    pub host_io_pool: u64,
    /// Whether an INFER may come without inputs.
    pub allow_zero_size_inputs: bool,
    /// Most actions that may wait per queue; beyond it the answer is [`Status::OVERLOADED`].
    pub queue_max: usize,
    /// Most models that may be servable at a time.
    pub models_max: usize,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            host_io_pool: 512 << 20,
            allow_zero_size_inputs: true,
            queue_max: 4_096,
            models_max: 100_000,
        }
    }
}

/// Owns devices and carries out actions on them; see the [module](self) for the rules.
#[derive(Debug)]
pub struct Worker {
    rules: Rules,
    host_io_pool: u64,
    lanes: Vec<Lane>,
    registry: Registry,
    /// LOADMODELs whose model is being looked for.
    resolving: BTreeMap<ActionId, Resolving>,
    unloading: Unloading,
    /// Actions and LOADMODELs are counted apart, so that they may be numbered apart.
    actions_seen: Seen,
    load_models_seen: Seen,
    wakeups: Wakeups,
    outbox: Outbox,
    counters: Counters,
    now: Nanos,
    stopping: bool,
}

impl Worker {
    /// A worker with these devices, numbered in their order.
    ///
    /// # Panics
    /// If a device accepts no INFER at all (depth 0).
    pub fn new(config: WorkerConfig, devices: Vec<Box<dyn Device>>) -> Self {
        let lane = |(index, device)| Lane::new(GpuId::from_index(index), device, config.queue_max);
        let lanes: Vec<_> = devices.into_iter().enumerate().map(lane).collect();
        Self {
            rules: Rules { allow_zero_size_inputs: config.allow_zero_size_inputs },
            host_io_pool: config.host_io_pool,
            wakeups: Wakeups::new(lanes.len()),
            lanes,
            registry: Registry::new(config.models_max),
            resolving: BTreeMap::new(),
            unloading: Unloading::default(),
            actions_seen: Seen::default(),
            load_models_seen: Seen::default(),
            outbox: Outbox::new(),
            counters: Counters::default(),
            now: Nanos::ZERO,
            stopping: false,
        }
    }

    /// Takes in what happened.
    ///
    /// # Panics
    /// If time runs backwards.
    pub fn handle(&mut self, now: Nanos, input: Input) {
        self.observe(now);
        match input {
            Input::Action { action, inputs } => self.receive(now, action, inputs),
            Input::LoadModel(load) => self.receive_load_model(now, load),
            Input::UnloadModel(unload) => self.receive_unload_model(unload),
            Input::Resolved { id, source } => self.finish_load_model(now, id, source),
            Input::Cancel { id } => self.cancel(now, id),
            Input::NewController => {
                self.actions_seen.forget();
                self.load_models_seen.forget();
                self.registry.forget_gone();
            }
        }
    }

    /// Takes out the next thing to say; `None` until something happens or
    /// [`Worker::next_wakeup`] passes.
    ///
    /// # Panics
    /// If time runs backwards.
    pub fn poll(&mut self, now: Nanos) -> Option<Output> {
        self.observe(now);
        while self.outbox.is_empty() {
            let Some(index) = self.wakeups.first_due(now) else {
                self.ask_opaque(now);
                break;
            };
            self.advance(index, now);
        }
        let output = self.outbox.pop_front()?;
        Some(self.send(now, output))
    }

    /// When to poll again if nothing arrives. A device that wakes its driver by itself is not
    /// counted: poll when it does.
    pub fn next_wakeup(&self) -> Option<Nanos> {
        if self.outbox.is_empty() { self.wakeups.next() } else { Some(self.now) }
    }

    /// Which INFERs devices that wake their driver by themselves should complete next, and when: one of each
    /// that is busy.
    pub fn foreseen(&self) -> impl Iterator<Item = (ActionId, Nanos)> {
        self.wakeups.opaque().filter_map(|lane| self.lanes[lane].foreseen())
    }

    /// What a controller is told that begins to schedule for this worker. It can be told of whole models
    /// only and must count every other page as free: models of which only a part is there are dropped
    /// first, unless they have actions under way.
    pub fn introduce(&mut self) -> WorkerState {
        self.lanes.iter_mut().for_each(Lane::drop_incomplete);
        self.state()
    }

    /// What there is: devices, their memory, what they hold that can be executed, and models.
    pub fn state(&self) -> WorkerState {
        WorkerState {
            page_bytes: PAGE_BYTES,
            host_io_pool: self.host_io_pool,
            devices: self.lanes.iter().map(Lane::state).collect(),
            models: self.registry.models(),
        }
    }

    /// Totals since the start.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Weights pages of a device that no model holds; `None` if there is no such device.
    pub fn free_pages(&self, gpu: GpuId) -> Option<Pages> {
        self.lanes.get(gpu.index()).map(Lane::free_pages)
    }

    /// Makes a device misbehave from now on; nothing if there is no such device.
    ///
    /// # Panics
    /// If time runs backwards.
    pub fn inject(&mut self, now: Nanos, gpu: GpuId, fault: Fault) {
        self.observe(now);
        if gpu.index() < self.lanes.len() {
            self.catch_up(gpu.index(), now);
            self.lanes[gpu.index()].inject(now, fault);
            self.rewake(gpu.index());
        }
    }

    /// Stops: what waits is cancelled, what is under way ends, what arrives from now on is refused
    /// with [`Status::SHUTTING_DOWN`]. The worker is done when [`Counters::pending`] is 0.
    ///
    /// # Panics
    /// If time runs backwards.
    pub fn shutdown(&mut self, now: Nanos) {
        self.observe(now);
        self.stopping = true;
        for index in 0..self.lanes.len() {
            self.catch_up(index, now);
            self.lanes[index].cancel_all(&mut self.outbox);
            self.rewake(index);
        }
        for (_, resolving) in std::mem::take(&mut self.resolving) {
            self.registry.settle(&resolving.load, None);
            let message = "the worker is shutting down".to_owned();
            self.refuse_load_model(&resolving.load, Status::CANCELLED, message);
        }
    }

    fn receive(&mut self, now: Nanos, action: Action, inputs: Inputs) {
        let sighting = self.actions_seen.observe(action.id);
        if sighting == Sighting::Again {
            self.counters.duplicates += 1;
            return;
        }
        self.counters.receive(action.kind);
        let index = action.gpu.index();
        if let Err(status) = self.precheck(sighting, index) {
            let ticket = Ticket { action, received: now };
            self.outbox.push_back(ticket.refused(status));
            return;
        }
        if self.evicts_gone(now, &action) {
            return;
        }
        let profile = self.registry.profile_for(&action).map(AsRef::as_ref);
        match admit(self.rules, action, inputs, now, profile) {
            Ok(task) => {
                self.catch_up(index, now);
                self.lanes[index].push(task, &mut self.outbox);
                self.rewake(index);
            }
            Err(status) => {
                let ticket = Ticket { action, received: now };
                self.outbox.push_back(ticket.refused(status));
            }
        }
    }

    fn precheck(&self, sighting: Sighting, lane: usize) -> Result<(), Status> {
        match sighting {
            Sighting::New if self.stopping => Err(Status::SHUTTING_DOWN),
            Sighting::New if lane >= self.lanes.len() => Err(Status::INVALID_GPU),
            Sighting::New | Sighting::Again => Ok(()),
            Sighting::StaleEpoch | Sighting::TooManyShards => Err(Status::INVALID_ACTION),
        }
    }

    /// Cancels are rare and queues short, so that looking through them beats an index that every
    /// action would have to keep up.
    fn cancel(&mut self, now: Nanos, id: ActionId) {
        let Some(index) = self.lanes.iter().position(|lane| lane.is_waiting(id)) else {
            self.outbox.push_back(Output::CancelReply { id, cancelled: false });
            return;
        };
        // It may have been due to start before now.
        self.catch_up(index, now);
        let ticket = self.lanes[index].cancel(id);
        self.rewake(index);
        self.outbox.push_back(Output::CancelReply { id, cancelled: ticket.is_some() });
        self.outbox.extend(ticket.map(|ticket| ticket.refused(Status::CANCELLED)));
    }

    /// Does what was due on a device before now, so that what arrives now does not overtake it.
    fn catch_up(&mut self, index: usize, now: Nanos) {
        let overdue = self.wakeups.of(index).is_some_and(|at| at < now);
        if overdue && self.lanes[index].keeps_device_time() {
            self.lanes[index].advance(now - Span::new(1), &mut self.outbox);
        }
    }

    fn advance(&mut self, index: usize, now: Nanos) {
        self.lanes[index].advance(now, &mut self.outbox);
        self.rewake(index);
        self.wakeups.postpone(index, now + Span::new(1));
    }

    /// Asks the devices that do not say when they will be done.
    fn ask_opaque(&mut self, now: Nanos) {
        let mut next = self.wakeups.opaque_from(0);
        while let Some(index) = next {
            self.advance(index, now);
            next = self.wakeups.opaque_from(index + 1);
        }
    }

    fn rewake(&mut self, index: usize) {
        let lane = &self.lanes[index];
        self.wakeups.set(index, lane.next_wakeup(), lane.is_opaque());
    }

    /// Stamps and counts what leaves.
    fn send(&mut self, now: Nanos, mut output: Output) -> Output {
        match &mut output {
            Output::Result { result, .. } => {
                result.sent = now;
                self.counters.send(result.status.is_ok());
                let model = result.model;
                self.settle_unload(model);
            }
            Output::ModelLoaded(loaded) => self.counters.send(loaded.status.is_ok()),
            Output::ModelUnloaded(unloaded) => self.counters.send(unloaded.status.is_ok()),
            Output::Resolve { .. } | Output::CancelReply { .. } => {}
        }
        output
    }

    fn observe(&mut self, now: Nanos) {
        assert!(now >= self.now, "time runs backwards: {} after {}", now.get(), self.now.get());
        self.now = now;
    }
}
