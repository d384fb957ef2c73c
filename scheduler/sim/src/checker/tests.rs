//! Each invariant, broken once: the checker says so, and says nothing while it holds.

use clockwork_scheduler::{Request, Response};
use clockwork_wire::{
    ActionId, BatchProfile, BatchSize, DeviceState, Interval, ModelId, ModelProfile, PageRange,
    RequestId, Span, Status, Window,
};
use smallvec::SmallVec;

use super::*;
use crate::scenario::Skew;
use crate::streams::{Purpose, Streams};

const WORKER: WorkerId = WorkerId::new(0);
const GPU: GpuId = GpuId::new(0);
const MODEL: ModelId = ModelId::new(0);

fn at(ms: u64) -> Nanos {
    crate::world::START + Span::from_millis(ms)
}

/// A checker of one device with 10 pages, whose worker serves models of 7 pages.
struct Bench {
    checker: Checker,
    actions: u64,
    /// When each request came in.
    arrivals: Vec<Nanos>,
}

impl Bench {
    fn new() -> Self {
        let mut checker = Checker::new(&SchedulerConfig::default(), &[1], true);
        let device = DeviceState { gpu: GPU, pages: Pages::new(10), ..DeviceState::default() };
        let state = WorkerState { devices: vec![device.clone()], ..WorkerState::default() };
        checker.worker_up(WORKER, &state);
        checker.input(at(0), &Input::WorkerUp { worker: WORKER, devices: vec![device] });
        for model in 0..2 {
            let model = ModelId::new(model);
            checker
                .input(at(0), &Input::ModelUp { worker: WORKER, model, profile: profile().into() });
        }
        Self { checker, actions: 0, arrivals: Vec::new() }
    }

    fn request(&mut self, ms: u64) -> RequestId {
        let id = RequestId::from_index(self.arrivals.len());
        self.arrivals.push(at(ms));
        let (model, slo) = (MODEL, Span::from_millis(100));
        let request = Request { id, model, slo_factor: 0.0, slo, arrival: at(ms), input_len: 0 };
        self.checker.input(at(ms), &Input::Request(request));
        id
    }

    fn order(&mut self, ms: u64, kind: ActionKind, requests: &[RequestId]) -> Action {
        let id = ActionId { epoch: 1, shard: 0, counter: self.actions };
        self.actions += 1;
        let window = Window::new(at(ms), at(ms + 10));
        let expected = Span::from_millis(3);
        let pages = PageRange::WHOLE;
        let action = Action { id, kind, model: MODEL, gpu: GPU, window, expected, pages };
        self.send(ms, action, requests);
        action
    }

    fn send(&mut self, ms: u64, action: Action, requests: &[RequestId]) {
        let requests = SmallVec::from_slice(requests);
        let order = Order { worker: WORKER, action, send_by: Nanos::MAX, requests };
        self.checker.output(at(ms), &Output::Action(order));
    }

    /// The action arrives, runs from `begin` for 3 ms, and is reported.
    fn execute(&mut self, action: &Action, begin: u64) -> ActionResult {
        self.checker.action_arrives(WORKER, action);
        let span = Span::from_millis(3);
        let exec = Interval { begin: at(begin), end: at(begin) + span, duration: span };
        let received = action.window.earliest;
        let refused = ActionResult::refused(action, Status::OK, received);
        let result = ActionResult { exec, sent: exec.end, ..refused };
        self.checker.result_leaves(WORKER, &result, Clock::default());
        result
    }

    fn conclude(&mut self, ms: u64, action: Action, result: ActionResult) {
        self.checker.input(at(ms), &Input::Result { worker: WORKER, result });
        let record = ActionRecord {
            worker: WORKER,
            action,
            result,
            sent: at(0),
            expected_complete: at(0),
            expected_clock: 0,
            received: at(ms),
            goodput: Span::ZERO,
            requests_queued: 0,
            copies_loaded: 0,
        };
        self.checker.output(at(ms), &Output::Record(record));
    }

    fn respond(&mut self, ms: u64, request: RequestId, status: Status) {
        let response = Response {
            request,
            status,
            output: None,
            model: MODEL,
            arrival: self.arrivals[request.index()],
            departure: at(ms),
            slo: Span::from_millis(100),
            copies_at_arrival: 0,
            copies_at_departure: 0,
        };
        self.checker.output(at(ms), &Output::Respond(response));
    }

    fn loaded() -> Self {
        let mut bench = Self::new();
        let load = bench.order(0, ActionKind::Load, &[]);
        let result = bench.execute(&load, 1);
        bench.conclude(4, load, result);
        bench
    }

    fn violations(self) -> Vec<String> {
        self.checker.into_violations()
    }

    fn breaks(self, invariant: u32) {
        let violations = self.violations();
        let named = format!("invariant {invariant}:");
        assert!(violations.iter().any(|v| v.contains(&named)), "{violations:?}");
    }
}

fn profile() -> ModelProfile {
    let batch = |size| BatchProfile { batch: batch_size(size), exec: Span::from_millis(3) };
    ModelProfile {
        name: "model".into(),
        input_size: 1,
        output_size: 1,
        weights_size: 7 * clockwork_wire::PAGE_BYTES,
        pages: Pages::new(7),
        load: Span::from_millis(3),
        batches: vec![batch(1), batch(2)],
    }
}

fn batch_size(size: u16) -> BatchSize {
    BatchSize::new(size).unwrap()
}

fn infer(size: u16) -> ActionKind {
    ActionKind::Infer { batch: batch_size(size) }
}

#[test]
fn a_run_as_it_should_be_breaks_nothing() {
    let mut bench = Bench::loaded();
    let request = bench.request(5);
    let action = bench.order(5, infer(1), &[request]);
    let result = bench.execute(&action, 6);
    bench.conclude(9, action, result);
    bench.respond(9, request, Status::OK);
    bench.checker.free_pages(WORKER, GPU, Pages::new(3));
    bench.checker.at_rest(at(10));
    assert_eq!(bench.violations(), Vec::<String>::new());
}

#[test]
fn two_infers_at_once_break_the_first() {
    let mut bench = Bench::loaded();
    let (a, b) = (bench.request(5), bench.request(5));
    let first = bench.order(5, infer(1), &[a]);
    let second = bench.order(5, infer(1), &[b]);
    bench.execute(&first, 6);
    bench.execute(&second, 8);
    bench.breaks(1);
}

#[test]
fn a_start_outside_of_its_window_breaks_the_second() {
    for begin in [4, 16] {
        let mut bench = Bench::loaded();
        let request = bench.request(5);
        let action = bench.order(5, infer(1), &[request]);
        bench.execute(&action, begin);
        bench.breaks(2);
    }
}

#[test]
fn an_order_for_more_pages_than_there_are_breaks_the_third() {
    let mut bench = Bench::loaded();
    let window = Window::new(at(5), at(15));
    let id = ActionId { epoch: 1, shard: 0, counter: 99 };
    let (kind, model, expected) = (ActionKind::Load, ModelId::new(1), Span::ZERO);
    let pages = PageRange::WHOLE;
    bench.send(5, Action { id, kind, model, gpu: GPU, window, expected, pages }, &[]);
    bench.breaks(3);
}

#[test]
fn a_page_that_nobody_accounts_for_breaks_the_third() {
    for free in [2, 4, 11] {
        let mut bench = Bench::loaded();
        bench.checker.free_pages(WORKER, GPU, Pages::new(free));
        bench.breaks(3);
    }
}

#[test]
fn an_infer_without_weights_breaks_the_fourth() {
    let mut bench = Bench::new();
    let request = bench.request(0);
    bench.order(5, infer(1), &[request]);
    bench.breaks(4);

    let mut evicted = Bench::loaded();
    let request = evicted.request(5);
    evicted.order(5, ActionKind::Evict, &[]);
    evicted.order(5, infer(1), &[request]);
    evicted.breaks(4);
}

#[test]
fn a_second_response_and_a_missing_one_break_the_fifth() {
    let mut twice = Bench::new();
    let request = twice.request(0);
    twice.respond(1, request, Status::TIMEOUT);
    twice.respond(2, request, Status::TIMEOUT);
    twice.breaks(5);

    let mut never = Bench::new();
    never.request(0);
    never.checker.at_rest(at(1));
    never.breaks(5);
}

#[test]
fn a_second_result_and_a_missing_one_break_the_fifth() {
    let mut twice = Bench::new();
    let load = twice.order(0, ActionKind::Load, &[]);
    let result = twice.execute(&load, 1);
    twice.checker.result_leaves(WORKER, &result, Clock::default());
    twice.breaks(5);

    let mut never = Bench::new();
    never.order(0, ActionKind::Load, &[]);
    never.checker.at_rest(at(1));
    never.breaks(5);
}

#[test]
fn time_that_decreases_and_an_instant_of_the_future_break_the_sixth() {
    let mut bench = Bench::new();
    bench.checker.input(at(5), &Input::WorkerDown { worker: WORKER });
    bench.checker.input(at(4), &Input::WorkerDown { worker: WORKER });
    bench.breaks(6);

    let mut skewed = Bench::new();
    let load = skewed.order(0, ActionKind::Load, &[]);
    let result = skewed.execute(&load, 1);
    skewed.checker.result_arrives(at(3), &result, ClockOffset::SAME);
    skewed.breaks(6);
}

#[test]
fn a_start_that_only_a_wrong_clock_puts_into_its_window_breaks_the_second() {
    let mut bench = Bench::new();
    let load = bench.order(0, ActionKind::Load, &[]);
    bench.checker.action_arrives(WORKER, &load);
    let skew = Skew { ahead: 60_000_000, error: Span::ZERO };
    let clock = Clock::new(skew, &mut Streams::new(1).stream(Purpose::Clock, 0));
    let exec = Interval { begin: at(1), end: at(2), duration: Span::from_millis(1) };
    let refused = ActionResult::refused(&load, Status::OK, at(0));
    let result = ActionResult { exec, sent: at(2), ..refused };
    bench.checker.result_leaves(WORKER, &result, clock);
    bench.breaks(2);
}

#[test]
fn a_batch_that_is_not_of_its_model_or_not_filled_breaks_the_eighth() {
    let mut large = Bench::loaded();
    let requests: Vec<_> = (0..4).map(|_| large.request(5)).collect();
    large.order(5, infer(4), &requests);
    large.breaks(8);

    let mut hollow = Bench::loaded();
    let request = hollow.request(5);
    hollow.order(5, infer(2), &[request]);
    hollow.breaks(8);

    let mut shared = Bench::loaded();
    let request = shared.request(5);
    shared.order(5, infer(1), &[request]);
    shared.order(5, infer(1), &[request]);
    shared.breaks(8);
}

#[test]
fn an_ok_one_nanosecond_past_the_deadline_breaks_the_ninth() {
    let mut in_time = Bench::new();
    let request = in_time.request(0);
    in_time.respond(100, request, Status::OK);
    assert_eq!(in_time.violations(), Vec::<String>::new());

    let mut late = Bench::new();
    let request = late.request(0);
    let departure = at(100) + Span::new(1);
    let response = Response {
        request,
        status: Status::OK,
        output: None,
        model: MODEL,
        arrival: at(0),
        departure,
        slo: Span::from_millis(100),
        copies_at_arrival: 0,
        copies_at_departure: 0,
    };
    late.checker.output(departure, &Output::Respond(response));
    late.breaks(9);
}
