//! The worked example of the reference, and one test for each rule that differs from the original.

mod faults;
mod rules;

use clockwork_config::SchedulerConfig;
use clockwork_wire::{
    Action, ActionKind, ActionResult, BatchProfile, BatchSize, DeviceState, GpuId, Interval,
    ModelId, ModelProfile, Nanos, Pages, RequestId, Span, Status, WorkerId,
};

use super::Infer5;
use crate::Scheduler;
use crate::message::{Input, Order, Output, Request, Response};

const W0: WorkerId = WorkerId::new(0);
const W1: WorkerId = WorkerId::new(1);

fn us(us: u64) -> Span {
    Span::from_micros(us)
}

/// Milliseconds after the start of the test.
fn at(ms: f64) -> Nanos {
    Nanos::new(1_000_000_000_000) + Span::from_f64(ms * 1e6)
}

/// The profile of the worked example (reference section 12).
fn resnet50() -> ModelProfile {
    let times = [(1, 2_730), (2, 4_050), (4, 5_870), (8, 9_930), (16, 17_330)];
    ModelProfile {
        name: "resnet50_v2".to_owned(),
        input_size: 602_112,
        output_size: 4_000,
        weights_size: 102_160_300,
        pages: Pages::new(7),
        load: us(8_320),
        batches: times
            .map(|(b, t)| BatchProfile { batch: BatchSize::new(b).unwrap(), exec: us(t) })
            .into(),
    }
}

/// A scheduler under test and the decisions of its last turn.
struct Bench {
    scheduler: Infer5,
    orders: Vec<Order>,
    responses: Vec<Response>,
    requests: u64,
}

impl Bench {
    fn new(gpus: u32, pages: u32, models: u32) -> Self {
        Self::with(SchedulerConfig::default(), gpus, pages, models)
    }

    fn with(config: SchedulerConfig, gpus: u32, pages: u32, models: u32) -> Self {
        let mut bench = Self {
            scheduler: Infer5::new(config, 1, 0),
            orders: Vec::new(),
            responses: Vec::new(),
            requests: 0,
        };
        bench.worker(W0, gpus, pages);
        for model in 0..models {
            bench.model(W0, model, resnet50());
        }
        bench
    }

    fn worker(&mut self, worker: WorkerId, gpus: u32, pages: u32) {
        let device = |gpu| DeviceState {
            gpu: GpuId::new(gpu),
            class: "v100".to_owned(),
            pages: Pages::new(pages),
            ..DeviceState::default()
        };
        let devices = (0..gpus).map(device).collect();
        self.scheduler.handle(at(0.0), Input::WorkerUp { worker, devices });
    }

    fn model(&mut self, worker: WorkerId, model: u32, profile: ModelProfile) {
        let model = ModelId::new(model);
        let profile = profile.into();
        self.scheduler.handle(self.scheduler.now, Input::ModelUp { worker, model, profile });
    }

    fn request(&mut self, ms: f64, model: u32, slo_ms: u64) -> RequestId {
        let id = RequestId::new(self.requests);
        self.requests += 1;
        let request = Request {
            id,
            model: ModelId::new(model),
            slo_factor: 0.0,
            slo: Span::from_millis(slo_ms),
            arrival: at(ms),
            input_len: 0,
        };
        let now = self.scheduler.now.max(request.arrival);
        self.scheduler.handle(now, Input::Request(request));
        id
    }

    fn turn(&mut self, ms: f64) {
        self.orders.clear();
        self.responses.clear();
        while let Some(output) = self.scheduler.poll(at(ms)) {
            match output {
                Output::Action(order) => self.orders.push(order),
                Output::Respond(response) => self.responses.push(response),
                Output::Record(_) => {}
            }
        }
    }

    /// Reports an action as done from `begin` for its expected time; the result arrives at its end.
    fn done(&mut self, order: &Order, begin: f64) -> f64 {
        let end = begin + order.action.expected.as_millis_f64();
        let exec = Interval { begin: at(begin), end: at(end), duration: order.action.expected };
        let result = ActionResult { status: Status::OK, exec, ..failed(&order.action, Status::OK) };
        self.scheduler.handle(at(end), Input::Result { worker: order.worker, result });
        end
    }

    fn fail(&mut self, order: &Order, ms: f64, status: Status) {
        let result = failed(&order.action, status);
        self.scheduler.handle(at(ms), Input::Result { worker: order.worker, result });
    }

    /// Loads model 0 on device 0 by a first request, and lets that complete; returns the time.
    fn warm(&mut self) -> f64 {
        self.request(0.0, 0, 0);
        self.turn(0.0);
        let load = self.orders[0].clone();
        let loaded = self.done(&load, 1.0);
        self.turn(loaded);
        let infer = self.orders[0].clone();
        let end = self.done(&infer, loaded + 1.0);
        self.turn(end);
        end
    }
}

fn failed(action: &Action, status: Status) -> ActionResult {
    ActionResult::refused(action, status, Nanos::ZERO)
}

fn infer(batch: u16) -> ActionKind {
    ActionKind::Infer { batch: BatchSize::new(batch).unwrap() }
}
