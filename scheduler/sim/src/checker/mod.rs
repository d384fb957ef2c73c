//! Watches a run and knows nothing but the invariants of the system, numbered as in its design:
//!
//! 1. at most one INFER executes at a time per device, at most one LOAD per copy engine;
//! 2. nothing starts on a device before `earliest` or after `latest`;
//! 3. free + used pages = total, on both sides, always;
//! 4. INFER is sent only to a copy that is loaded or ordered;
//! 5. one response per request, one result per action, in-flight sets return to zero;
//! 6. time never decreases, and an instant of another machine is never taken for one of ours;
//! 7. a parity group decodes at most once (nothing makes parity groups yet);
//! 8. a batch is never larger than the model or its queue;
//! 9. no OK after the deadline;
//! 10. a device takes actions from one shard only.
//!
//! It keeps books of its own from what passes by and never asks the scheduler or a worker what
//! they believe, except for the state that a worker reports to controllers.

mod actions;
mod devices;
mod requests;

#[cfg(test)]
mod tests;

use std::fmt;

use clockwork_config::SchedulerConfig;
use clockwork_scheduler::{ActionRecord, Input, Order, Output};
use clockwork_wire::{
    Action, ActionKind, ActionResult, ClientId, ClockOffset, GpuId, Nanos, Pages, WorkerId,
    WorkerState,
};

use self::actions::Orders;
use self::devices::Devices;
use self::requests::Requests;
use crate::world::Clock;

/// The books, and what does not agree with them.
#[derive(Debug)]
pub(crate) struct Checker {
    requests: Requests,
    orders: Orders,
    devices: Devices,
    violations: Violations,
    /// The controller's clock.
    now: Nanos,
    /// Whether there are books; if not, what passes by is not looked at.
    watches: bool,
}

/// Sentences about what went wrong, the first ones of them.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    sentences: Vec<String>,
}

impl Violations {
    /// Notes a violation.
    fn add(&mut self, now: Nanos, what: impl fmt::Display) {
        if self.sentences.len() < VIOLATIONS_MAX {
            let at = now - crate::world::START;
            self.sentences.push(format!("at {at}: {what}"));
        }
    }

    /// Notes a violation unless `holds`.
    fn unless(&mut self, holds: bool, now: Nanos, what: impl FnOnce() -> String) {
        if !holds {
            self.add(now, what());
        }
    }
}

impl Checker {
    /// A checker of workers with so many devices each, which looks at nothing unless it `watches`.
    pub(crate) fn new(config: &SchedulerConfig, devices: &[usize], watches: bool) -> Self {
        Self {
            requests: Requests::default(),
            orders: Orders::new(config.max_batch),
            devices: Devices::new(devices),
            violations: Violations::default(),
            now: Nanos::ZERO,
            watches,
        }
    }

    /// Something else than the books shows that something is wrong.
    pub(crate) fn object(&mut self, now: Nanos, what: fmt::Arguments<'_>) {
        self.violations.add(now, what);
    }

    /// What the scheduler is told.
    pub(crate) fn input(&mut self, now: Nanos, input: &Input) {
        self.tick(now);
        if !self.watches {
            return;
        }
        match input {
            Input::Request(request) => self.requests.open(now, request, &mut self.violations),
            Input::Result { result, .. } => self.orders.note_result(result),
            Input::ModelUp { worker, model, profile } => {
                self.orders.model_up(*worker, *model, profile);
            }
            Input::WorkerDown { worker } => self.orders.worker_down(*worker),
            Input::WorkerUp { worker, devices } => self.orders.worker_up(*worker, devices),
            Input::Withdraw { .. } | Input::ModelDown { .. } | Input::Succeed { .. } => {}
        }
    }

    /// What the scheduler decides.
    pub(crate) fn output(&mut self, now: Nanos, output: &Output) {
        self.tick(now);
        if !self.watches {
            return;
        }
        match output {
            Output::Action(order) => self.order(now, order),
            Output::Respond(response) => {
                let result = self.orders.result_of(response);
                self.requests.close(now, response, result, &mut self.violations);
            }
            Output::Record(record) => self.record(now, record),
        }
    }

    /// The scheduler has nothing more to say in this turn.
    pub(crate) fn turn_is_over(&mut self) {
        self.orders.forget_results();
    }

    /// A result reaches the controller: converted, it lies in the past.
    pub(crate) fn result_arrives(&mut self, now: Nanos, result: &ActionResult, by: ClockOffset) {
        if !self.watches {
            return;
        }
        let plausible = result.sent <= now + by.error.times(2);
        self.violations
            .unless(plausible, now, || format!("invariant 6: {result:?} was sent in the future"));
    }

    /// A worker says hello.
    pub(crate) fn worker_up(&mut self, worker: WorkerId, state: &WorkerState) {
        if !self.watches {
            return;
        }
        self.devices.worker_up(worker, state);
    }

    /// A worker's process ends, and everything that it owed and held with it.
    pub(crate) fn worker_died(&mut self, worker: WorkerId) {
        if !self.watches {
            return;
        }
        self.devices.worker_died(worker);
    }

    /// An action reaches its worker; its window is on the worker's clock.
    pub(crate) fn action_arrives(&mut self, worker: WorkerId, action: &Action) {
        if !self.watches {
            return;
        }
        let pages = self.orders.pages(worker, action.model);
        self.devices.begin(self.now, worker, action, pages, &mut self.violations);
    }

    /// A worker reports a result, on its own clock.
    pub(crate) fn result_leaves(&mut self, worker: WorkerId, result: &ActionResult, clock: Clock) {
        if !self.watches {
            return;
        }
        let seen_by = (clock, self.orders.window(result.id));
        self.devices.end(self.now, worker, result, seen_by, &mut self.violations);
    }

    /// How many pages of a device are free.
    pub(crate) fn free_pages(&mut self, worker: WorkerId, gpu: GpuId, free: Pages) {
        if !self.watches {
            return;
        }
        self.devices.free_pages(self.now, worker, gpu, free, &mut self.violations);
    }

    /// At rest, a worker owes nothing and holds what the controller believes it holds.
    pub(crate) fn at_rest_worker(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        state: &WorkerState,
        pending: u64,
    ) {
        self.violations.unless(pending == 0, now, || {
            format!("invariant 5: at rest, worker {worker} owes {pending} results")
        });
        if !self.watches {
            return;
        }
        self.devices.at_rest(now, worker, state, &mut self.violations);
        self.orders.at_rest_worker(now, worker, state, &mut self.violations);
    }

    /// At rest, a client waits for nothing.
    pub(crate) fn at_rest_client(&mut self, now: Nanos, client: ClientId, unanswered: usize) {
        self.violations.unless(unanswered == 0, now, || {
            format!("invariant 5: at rest, client {client} waits for {unanswered} answers")
        });
    }

    /// At rest, nothing is unanswered and nothing is in flight.
    pub(crate) fn at_rest(&mut self, now: Nanos) {
        let (requests, orders) = (self.requests.open_count(), self.orders.in_flight());
        self.violations.unless(requests == 0, now, || {
            format!("invariant 5: at rest, {requests} requests are unanswered")
        });
        self.violations.unless(orders == 0, now, || {
            format!("invariant 5: at rest, {orders} actions are in flight")
        });
    }

    /// Whether what passes by is looked at.
    pub(crate) const fn watches(&self) -> bool {
        self.watches
    }

    /// What went wrong, in order.
    pub(crate) fn into_violations(self) -> Vec<String> {
        self.violations.sentences
    }

    fn order(&mut self, now: Nanos, order: &Order) {
        self.orders.open(now, order, &mut self.violations);
        if matches!(order.action.kind, ActionKind::Infer { .. }) {
            self.requests.carry(now, order, &mut self.violations);
        }
    }

    fn record(&mut self, now: Nanos, record: &ActionRecord) {
        if !record.result.status.is_ok() {
            // What it carried and is still unanswered may be carried again.
            for &request in self.orders.carried(record.action.id) {
                self.requests.let_go(request, record.action.id);
            }
        }
        self.orders.close(now, record, &mut self.violations);
    }

    fn tick(&mut self, now: Nanos) {
        let forwards = now >= self.now;
        self.violations.unless(forwards, now, || "invariant 6: time has decreased".to_owned());
        self.now = now;
    }
}

/// More than these say nothing new.
const VIOLATIONS_MAX: usize = 20;
