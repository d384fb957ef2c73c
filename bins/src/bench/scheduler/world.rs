//! A scheduler, its requests and its devices, in virtual time.

use std::sync::Arc;
use std::time::Instant;

use clockwork_scheduler::{Input, Output, Scheduler};
use clockwork_wire::{
    ActionKind, DeviceState, ModelId, ModelProfile, Nanos, Span, Status, WorkerId,
};
use hdrhistogram::Histogram;

use super::arrivals::Arrivals;
use super::fleet::Fleet;
use super::grid::DEVICES_PER_WORKER;

/// What happened so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Requests that were answered.
    pub(super) requests: u64,
    /// Requests that were answered OK, which is in time.
    pub(super) ok: u64,
    /// INFERs that were ordered, and the requests in them.
    pub(super) actions: u64,
    /// Requests that were in INFERs.
    pub(super) batched: u64,
    /// LOADs that were ordered: pieces of copies.
    pub(super) loads: u64,
    /// Turns: one input or none, then polls until `None`.
    pub(super) turns: u64,
}

impl Tally {
    /// What happened since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            ok: self.ok - before.ok,
            actions: self.actions - before.actions,
            batched: self.batched - before.batched,
            loads: self.loads - before.loads,
            turns: self.turns - before.turns,
        }
    }

    /// LOADs per request that was answered; as many as LOADs if none was.
    pub(super) fn loads_per_request(self) -> f64 {
        count(self.loads) / count(self.requests.max(1))
    }
}

/// A count as a float; exact up to 2^53.
pub(super) fn count(n: u64) -> f64 {
    Span::new(n).as_f64()
}

/// A scheduler at work.
#[derive(Debug)]
pub(super) struct World {
    scheduler: Box<dyn Scheduler>,
    arrivals: Arrivals,
    fleet: Fleet,
    now: Nanos,
    /// What the scheduler decided in this turn.
    decided: Vec<Output>,
    /// What happened so far.
    pub(super) tally: Tally,
}

impl World {
    /// A scheduler whose workers are up with all their models.
    pub(super) fn new(
        mut scheduler: Box<dyn Scheduler>,
        arrivals: Arrivals,
        devices: &[DeviceState],
        models: u32,
        profile: &ModelProfile,
    ) -> Self {
        let now = arrivals.next();
        let shared = Arc::new(profile.clone());
        let per_worker = usize::try_from(DEVICES_PER_WORKER).expect("a small number fits usize");
        for (worker, devices) in (0..).map(WorkerId::new).zip(devices.chunks(per_worker)) {
            scheduler.handle(now, Input::WorkerUp { worker, devices: devices.to_vec() });
            for model in (0..models).map(ModelId::new) {
                let profile = Arc::clone(&shared);
                scheduler.handle(now, Input::ModelUp { worker, model, profile });
            }
        }
        let count = u32::try_from(devices.len()).expect("devices are few");
        let fleet = Fleet::new(count, profile);
        Self { scheduler, arrivals, fleet, now, decided: Vec::new(), tally: Tally::default() }
    }

    /// Virtual time.
    pub(super) fn now(&self) -> Nanos {
        self.now
    }

    /// Requests that have come.
    pub(super) fn arrived(&self) -> u64 {
        self.arrivals.count()
    }

    /// Makes the next turn.
    pub(super) fn step(&mut self) {
        let input = self.advance();
        self.turn(input);
        self.settle();
    }

    /// Makes the next turn and notes how long the scheduler took.
    pub(super) fn step_watched(&mut self, took: &mut Histogram<u64>) {
        let input = self.advance();
        let begin = Instant::now();
        self.turn(input);
        let ns = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        took.saturating_record(ns);
        self.settle();
    }

    /// Moves on to whatever comes next: a request, a result, or a wake-up without input.
    fn advance(&mut self) -> Option<Input> {
        let arrival = self.arrivals.next();
        let result = self.fleet.next().unwrap_or(Nanos::MAX);
        let event = arrival.min(result);
        if let Some(wakeup) = self.scheduler.next_wakeup() {
            // A timer that has passed is looked at again after the least that a timer takes.
            let wakeup = wakeup.max(self.now + TIMER);
            if wakeup < event {
                self.now = wakeup;
                return None;
            }
        }
        self.now = event;
        if result <= arrival {
            let (worker, result) = self.fleet.take()?;
            return Some(Input::Result { worker, result });
        }
        Some(Input::Request(self.arrivals.take()))
    }

    fn turn(&mut self, input: Option<Input>) {
        if let Some(input) = input {
            self.scheduler.handle(self.now, input);
        }
        while let Some(output) = self.scheduler.poll(self.now) {
            self.decided.push(output);
        }
    }

    /// Carries out what was decided.
    fn settle(&mut self) {
        self.tally.turns += 1;
        for output in self.decided.drain(..) {
            match output {
                Output::Action(order) => {
                    self.tally.loads += u64::from(matches!(order.action.kind, ActionKind::Load));
                    if !order.requests.is_empty() {
                        self.tally.actions += 1;
                        self.tally.batched +=
                            u64::try_from(order.requests.len()).expect("a batch is small");
                    }
                    self.fleet.carry_out(self.now, &order);
                }
                Output::Respond(response) => {
                    self.tally.requests += 1;
                    self.tally.ok += u64::from(response.status == Status::OK);
                }
                Output::Record(_) => {}
            }
        }
    }
}

const TIMER: Span = Span::from_micros(1);
