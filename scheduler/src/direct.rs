//! One request, one action, for debugging: everything goes to the first worker, requests alternate
//! between its devices, and nothing is planned.
//!
//! As in the original, weights are loaded on a model's first use of a device (window 10 s) and the
//! INFER may start 7 ms later; here the number of devices is the worker's, not two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::Scheduler;
use crate::message::{ActionRecord, Input, Order, Output, Request, Response};
use clockwork_config::SchedulerConfig;
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, BatchSize, GpuId, ModelId, ModelProfile, Nanos,
    PageRange, Span, Status, Window, WorkerId,
};

/// The direct scheduler.
#[derive(Debug)]
pub struct Direct {
    config: SchedulerConfig,
    epoch: u32,
    shard: u32,
    counter: u64,
    requests: u64,
    worker: Option<(WorkerId, Vec<GpuId>)>,
    models: BTreeMap<ModelId, Arc<ModelProfile>>,
    loaded: BTreeSet<(ModelId, GpuId)>,
    flights: BTreeMap<u64, (Action, Option<Request>, Nanos)>,
    decided: VecDeque<Output>,
}

impl Direct {
    /// A direct scheduler without workers.
    pub fn new(config: SchedulerConfig, epoch: u32, shard: u32) -> Self {
        Self {
            config,
            epoch,
            shard,
            counter: 0,
            requests: 0,
            worker: None,
            models: BTreeMap::new(),
            loaded: BTreeSet::new(),
            flights: BTreeMap::new(),
            decided: VecDeque::new(),
        }
    }

    fn request(&mut self, now: Nanos, request: Request) {
        let Some((_, gpus)) = self.worker.as_ref() else {
            return self.respond(now, &request, Status::WORKER_LOST, None);
        };
        let Some(profile) = self.models.get(&request.model) else {
            return self.respond(now, &request, Status::UNKNOWN_MODEL, None);
        };
        let turn = usize::try_from(self.requests).unwrap_or_default();
        let gpu = gpus[turn % gpus.len()];
        let expected = profile.exec(BatchSize::ONE).unwrap_or_default();
        let load = profile.load;
        self.requests += 1;
        let mut earliest = now;
        if self.loaded.insert((request.model, gpu)) {
            let window = Window::new(now, now + WINDOW);
            self.order(now, ActionKind::Load, (request.model, gpu), None, (window, load));
            earliest = now + LOAD_HEAD_START;
        }
        let window = Window::new(earliest, now + WINDOW);
        let kind = ActionKind::Infer { batch: BatchSize::ONE };
        self.order(now, kind, (request.model, gpu), Some(request), (window, expected));
    }

    fn order(
        &mut self,
        now: Nanos,
        kind: ActionKind,
        (model, gpu): (ModelId, GpuId),
        request: Option<Request>,
        (window, expected): (Window, Span),
    ) {
        let (worker, _) = self.worker.as_ref().expect("orders go to the first worker");
        let id = ActionId { epoch: self.epoch, shard: self.shard, counter: self.counter };
        self.counter += 1;
        let pages = PageRange::WHOLE;
        let action = Action { id, kind, model, gpu, window, expected, pages };
        let requests = request.iter().map(|request| request.id).collect();
        self.flights.insert(id.counter, (action, request, now));
        let order = Order { worker: *worker, action, send_by: Nanos::MAX, requests };
        self.decided.push_back(Output::Action(order));
    }

    fn result(&mut self, now: Nanos, worker: WorkerId, result: &ActionResult) {
        let Some((action, request, sent)) = self.flights.remove(&result.id.counter) else { return };
        if !result.status.is_ok() && action.kind == ActionKind::Load {
            self.loaded.remove(&(action.model, action.gpu));
        }
        let mut goodput = Span::ZERO;
        if let Some(request) = request {
            let output = result.status.is_ok().then_some((result.id, 0));
            self.respond(now, &request, result.status, output);
            let in_time = now <= request.arrival + self.slo(&request);
            goodput = if in_time { result.exec.duration } else { Span::ZERO };
        }
        self.decided.push_back(Output::Record(ActionRecord {
            worker,
            action,
            result: *result,
            sent,
            expected_complete: action.window.earliest + action.expected,
            expected_clock: self.config.default_clock,
            received: now,
            goodput,
            requests_queued: 0,
            copies_loaded: 0,
        }));
    }

    fn slo(&self, request: &Request) -> Span {
        if request.slo.is_zero() { self.config.default_slo } else { request.slo }
    }

    fn respond(
        &mut self,
        now: Nanos,
        request: &Request,
        status: Status,
        output: Option<(ActionId, u16)>,
    ) {
        let slo = self.slo(request);
        let late = status.is_ok() && now > request.arrival + slo;
        self.decided.push_back(Output::Respond(Response {
            request: request.id,
            status: if late { Status::LATE } else { status },
            output,
            model: request.model,
            arrival: request.arrival,
            departure: now,
            slo,
            copies_at_arrival: 0,
            copies_at_departure: 0,
        }));
    }

    /// Evicts the model everywhere and forgets it; orders go out in order, so that what is on its way
    /// comes first.
    fn model_down(&mut self, now: Nanos, model: ModelId) {
        self.models.remove(&model);
        let gone: Vec<_> = self.loaded.iter().filter(|(id, _)| *id == model).copied().collect();
        for (model, gpu) in gone {
            self.loaded.remove(&(model, gpu));
            self.order(now, ActionKind::Evict, (model, gpu), None, (Window::ALWAYS, Span::ZERO));
        }
    }

    fn worker_down(&mut self, now: Nanos, lost: WorkerId) {
        if self.worker.as_ref().is_none_or(|(worker, _)| *worker != lost) {
            return;
        }
        let flights = std::mem::take(&mut self.flights);
        for (counter, flight) in flights {
            let result = ActionResult::refused(&flight.0, Status::WORKER_LOST, Nanos::ZERO);
            self.flights.insert(counter, flight);
            self.result(now, lost, &result);
        }
        self.worker = None;
        self.loaded.clear();
    }
}

impl Scheduler for Direct {
    fn handle(&mut self, now: Nanos, input: Input) {
        match input {
            Input::WorkerUp { worker, devices } => {
                let first = self.worker.as_ref().is_none_or(|(known, _)| *known == worker);
                if first && !devices.is_empty() {
                    self.worker_down(now, worker);
                    self.worker = Some((worker, devices.iter().map(|d| d.gpu).collect()));
                }
            }
            Input::ModelUp { worker, model, profile } => {
                if self.worker.as_ref().is_some_and(|(first, _)| *first == worker) {
                    self.models.insert(model, profile);
                }
            }
            Input::ModelDown { worker, model } => {
                if self.worker.as_ref().is_some_and(|(first, _)| *first == worker) {
                    self.model_down(now, model);
                }
            }
            Input::WorkerDown { worker } => self.worker_down(now, worker),
            Input::Request(request) => self.request(now, request),
            Input::Withdraw { .. } | Input::Succeed { .. } => {}
            Input::Result { worker, result } => self.result(now, worker, &result),
        }
    }

    fn poll(&mut self, _now: Nanos) -> Option<Output> {
        self.decided.pop_front()
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        None
    }
}

const WINDOW: Span = Span::from_secs(10);

/// How long after the order of a LOAD its first INFER may start.
const LOAD_HEAD_START: Span = Span::from_millis(7);
