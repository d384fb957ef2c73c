//! The worked example of the reference, and one test for each rule that differs from the original.

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

#[test]
fn the_worked_example_of_the_reference() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.request(0.0, 0, 0);
    let model = &bench.scheduler.models[0];
    // Step 2: E = 2.73 · 100 / 95, L = 2.73 · 100 / 25 (in ms).
    assert!((model.exec_demand / 1e6 - 2.874).abs() < 0.001, "{}", model.exec_demand);
    assert!((model.load_demand / 1e6 - 10.92).abs() < 0.001, "{}", model.load_demand);

    // Step 3: the LOAD, with a copy engine that can be reached in 1 ms.
    bench.turn(0.0);
    let load = bench.orders[0].clone();
    assert_eq!(bench.orders.len(), 1);
    assert_eq!(load.action.kind, ActionKind::Load);
    assert_eq!((load.action.window.earliest, load.action.window.latest), (at(0.0), at(11.0)));
    assert_eq!(load.action.expected, us(8_320));
    assert!((bench.scheduler.devices[0].demand / 1e6 - 3.874).abs() < 0.001);

    // Step 4: loaded; a lonely request is sent at once, as a batch of one.
    let loaded = bench.done(&load, 1.0);
    assert!((loaded - 9.32).abs() < 1e-9);
    bench.turn(loaded);
    let order = bench.orders[0].clone();
    assert_eq!(order.action.kind, infer(1));
    // Step 5: the window and the send-by time.
    assert_eq!(order.action.expected, us(2_730));
    assert_eq!(order.action.window.earliest, at(loaded));
    assert_eq!(order.action.window.latest, at(loaded + 11.0));
    assert_eq!(order.send_by, at(loaded + 6.0));

    let end = bench.done(&order, loaded + 1.0);
    bench.turn(end);
    assert_eq!(bench.responses[0].status, Status::OK);
    assert_eq!(bench.scheduler.unanswered(), 0);
    assert_eq!(bench.scheduler.in_flight(), 0);
    assert!(bench.scheduler.models[0].exec_demand.abs() < f64::EPSILON);
}

#[test]
fn overload_keeps_the_device_scheduled_ahead_and_batches_by_eight() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    for _ in 0..40 {
        bench.request(warm, 0, 0);
    }
    bench.turn(warm);
    // Step 6: within 10 ms of look-ahead only one batch of eight (9.93 ms) starts before the horizon.
    let kinds: Vec<_> = bench.orders.iter().map(|order| order.action.kind).collect();
    assert_eq!(kinds, [infer(8), infer(8)]);
}

#[test]
fn a_tight_slo_is_attempted_up_to_the_floor_and_reported_late() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    // Step 7: slo 3 ms; tried within schedule_ahead + 5 ms = 15 ms.
    bench.request(warm, 0, 3);
    bench.turn(warm);
    let order = bench.orders[0].clone();
    let end = bench.done(&order, warm + 1.0);
    bench.turn(end);
    assert_eq!(bench.responses[0].status, Status::LATE);
    assert!(bench.responses[0].output.is_some(), "a late answer carries its output");
}

#[test]
fn a_request_that_cannot_be_served_times_out_before_its_deadline() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.request(0.0, 0, 100);
    bench.turn(0.0);
    bench.turn(94.999);
    assert!(bench.responses.is_empty());
    bench.turn(95.0);
    assert_eq!(bench.responses[0].status, Status::TIMEOUT);
}

#[test]
fn a_batch_skips_heads_that_it_cannot_save_and_the_skipped_stay() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    // The first could be served alone (2.73 ms after 1 ms) but not by a batch of eight (9.93 ms).
    let tight = bench.request(warm - 6.0, 0, 15);
    for _ in 0..8 {
        bench.request(warm, 0, 100);
    }
    bench.turn(warm);
    assert_eq!(bench.orders[0].action.kind, infer(8));
    assert!(!bench.orders[0].requests.contains(&tight));
    let waiting = bench.scheduler.models[0].queue.len();
    assert_eq!(waiting, 1, "the skipped request is still queued");
}

#[test]
fn an_unknown_model_is_refused_at_once_the_id_after_the_last_included() {
    let mut bench = Bench::new(1, 1376, 2);
    bench.request(0.0, 2, 0);
    bench.turn(0.0);
    assert_eq!(bench.responses[0].status, Status::UNKNOWN_MODEL);
}

#[test]
fn first_copies_go_to_the_device_with_the_least_outstanding_work() {
    let mut bench = Bench::new(2, 1376, 2);
    bench.request(0.0, 0, 0);
    bench.request(0.0, 1, 0);
    bench.turn(0.0);
    let gpus: Vec<_> = bench.orders.iter().map(|o| o.action.gpu.get()).collect();
    assert_eq!(gpus, [0, 1]);
}

#[test]
fn served_demand_makes_no_further_copies() {
    let mut bench = Bench::new(4, 1376, 1);
    let warm = bench.warm();
    bench.request(warm, 0, 0);
    bench.turn(warm);
    assert_eq!(bench.orders.len(), 1, "one INFER and no LOAD on the other three devices");
    assert_eq!(bench.orders[0].action.kind, infer(1));
}

#[test]
fn an_idle_device_takes_a_copy_when_that_shortens_queued_requests() {
    let mut bench = Bench::new(2, 1376, 1);
    let warm = bench.warm();
    for _ in 0..40 {
        bench.request(warm, 0, 0);
    }
    bench.turn(warm);
    let loads: Vec<_> = bench.orders.iter().filter(|o| o.action.kind == ActionKind::Load).collect();
    assert_eq!(loads.len(), 1);
    assert_eq!(loads[0].action.gpu, GpuId::new(1));
}

#[test]
fn eviction_takes_the_least_recently_used_and_never_a_copy_in_use() {
    let mut bench = Bench::new(1, 14, 3);
    let mut now = 0.0;
    for model in [0, 1] {
        bench.request(now, model, 0);
        bench.turn(now);
        let load = bench.orders[0].clone();
        now = bench.done(&load, now + 1.0);
        bench.turn(now);
        let infer = bench.orders[0].clone();
        now = bench.done(&infer, now + 1.0);
        bench.turn(now);
    }
    // Model 0 is the older copy, but it is in use.
    bench.request(now, 0, 0);
    bench.turn(now);
    bench.request(now, 2, 0);
    bench.turn(now);
    let evicted: Vec<_> = bench.orders.iter().map(|o| (o.action.kind, o.action.model)).collect();
    assert_eq!(
        evicted,
        [(ActionKind::Evict, ModelId::new(1)), (ActionKind::Load, ModelId::new(2))]
    );
}

#[test]
fn a_lost_infer_answers_its_requests_and_a_late_result_changes_nothing() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    bench.request(warm, 0, 0);
    bench.turn(warm);
    let order = bench.orders[0].clone();
    // latest (11 ms) + expected (2.73 ms) + grace (100 ms)
    bench.turn(warm + 113.0);
    assert!(bench.responses.is_empty());
    bench.turn(warm + 113.8);
    assert_eq!(bench.responses[0].status, Status::EXPIRED);
    let late = bench.done(&order, warm + 120.0);
    bench.turn(late);
    assert!(bench.responses.is_empty());
    assert_eq!(bench.scheduler.in_flight(), 0);
}

#[test]
fn a_lost_load_is_settled_by_an_evict_before_its_pages_are_given_away() {
    let mut bench = Bench::new(1, 7, 1);
    bench.request(0.0, 0, 300);
    bench.turn(0.0);
    bench.turn(120.0);
    let evict = bench.orders[0].clone();
    assert_eq!(evict.action.kind, ActionKind::Evict);
    assert_eq!(bench.scheduler.devices[0].pages_free, Pages::ZERO);
    bench.fail(&evict, 121.0, Status::EVICT_ABSENT);
    bench.turn(121.0);
    assert_eq!(bench.scheduler.devices[0].pages_free, Pages::new(7));
}

#[test]
fn a_stale_load_failure_does_not_touch_a_newer_load() {
    let mut bench = Bench::new(1, 7, 1);
    bench.request(0.0, 0, 1_000);
    bench.turn(0.0);
    let first = bench.orders[0].clone();
    bench.fail(&first, 1.0, Status::LOAD_LATE);
    // A second request: its demand orders the second load.
    bench.request(2.0, 0, 1_000);
    bench.turn(2.0);
    let second = bench.orders[0].clone();
    assert_eq!(second.action.kind, ActionKind::Load);
    bench.fail(&first, 3.0, Status::LOAD_LATE);
    let loaded = bench.done(&second, 3.0);
    bench.turn(loaded);
    assert!(bench.orders.iter().any(|o| matches!(o.action.kind, ActionKind::Infer { .. })));
}

#[test]
fn a_lost_workers_requests_are_answered_and_the_others_serve_on() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.worker(W1, 1, 1376);
    bench.model(W1, 0, resnet50());
    let warm = bench.warm();
    bench.request(warm, 0, 0);
    bench.turn(warm);
    assert_eq!(bench.orders[0].worker, W0);
    bench.scheduler.handle(at(warm), Input::WorkerDown { worker: W0 });
    bench.turn(warm);
    assert_eq!(bench.responses[0].status, Status::WORKER_LOST);
    bench.request(warm + 1.0, 0, 0);
    bench.turn(warm + 1.0);
    assert_eq!((bench.orders[0].worker, bench.orders[0].action.kind), (W1, ActionKind::Load));
}

#[test]
fn a_returning_worker_is_used_with_its_cache_as_it_is() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.warm();
    bench.scheduler.handle(at(20.0), Input::WorkerDown { worker: W0 });
    let device = DeviceState {
        class: "v100".to_owned(),
        pages: Pages::new(1376),
        loaded: vec![ModelId::new(0)],
        ..DeviceState::default()
    };
    bench.scheduler.handle(at(30.0), Input::WorkerUp { worker: W0, devices: vec![device] });
    bench.model(W0, 0, resnet50());
    bench.request(31.0, 0, 0);
    bench.turn(31.0);
    assert_eq!(bench.orders[0].action.kind, infer(1), "no LOAD is needed");
}

#[test]
fn workers_may_differ_in_models_and_batch_sizes() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.worker(W1, 1, 1376);
    let single = ModelProfile { batches: resnet50().batches[..1].to_vec(), ..resnet50() };
    bench.model(W1, 1, single);
    for _ in 0..4 {
        bench.request(0.0, 1, 0);
    }
    bench.turn(0.0);
    let load = bench.orders[0].clone();
    assert_eq!(load.worker, W1, "model 1 is only there");
    let loaded = bench.done(&load, 1.0);
    bench.turn(loaded);
    assert!(bench.orders.iter().all(|o| o.action.kind == infer(1)), "{:?}", bench.orders);
}

#[test]
fn a_model_announced_later_is_served() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.warm();
    bench.model(W0, 1, resnet50());
    bench.request(50.0, 1, 0);
    bench.turn(50.0);
    assert_eq!(bench.orders[0].action.model, ModelId::new(1));
}

#[test]
fn a_withdrawn_request_is_answered_once_and_not_executed() {
    let mut bench = Bench::new(1, 1376, 1);
    let request = bench.request(0.0, 0, 0);
    let model = ModelId::new(0);
    bench.scheduler.handle(at(0.0), Input::Withdraw { request, model });
    bench.scheduler.handle(at(0.0), Input::Withdraw { request, model });
    bench.turn(0.0);
    assert_eq!(bench.responses.len(), 1);
    assert_eq!(bench.responses[0].status, Status::CANCELLED);
    assert_eq!(bench.scheduler.unanswered(), 0);
}

#[test]
fn the_next_wakeup_is_never_in_the_past_of_a_finished_turn() {
    let mut bench = Bench::new(1, 7, 3);
    for model in 0..3 {
        for _ in 0..20 {
            bench.request(0.0, model, 50);
        }
    }
    // Nothing answers: every timer must still move forward until all is over.
    let mut now = at(0.0);
    for _ in 0..10_000 {
        while bench.scheduler.poll(now).is_some() {}
        match bench.scheduler.next_wakeup() {
            None => break,
            Some(next) => {
                assert!(next > now, "a wake-up at {next:?} does not advance from {now:?}");
                now = next;
            }
        }
        if bench.scheduler.unanswered() == 0 {
            return;
        }
    }
    panic!("{} requests are still unanswered at {now:?}", bench.scheduler.unanswered());
}
