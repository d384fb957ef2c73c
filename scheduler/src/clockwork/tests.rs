//! Loads in pieces and evictions in part, decision by decision.

use std::sync::Arc;

use clockwork_config::SchedulerConfig;
use clockwork_wire::{
    Action, ActionKind, ActionResult, BatchProfile, BatchSize, DeviceState, GpuId, Interval,
    ModelId, ModelProfile, Nanos, PageRange, Pages, RequestId, Span, Status, WorkerId,
};

use super::Clockwork;
use crate::Scheduler;
use crate::message::{Input, Output, Request};

const WORKER: WorkerId = WorkerId::new(0);
const LARGE: ModelId = ModelId::new(0);
const SMALL: ModelId = ModelId::new(1);
const MS: Span = Span::from_millis(1);

/// A scheduler with one device, whose pages take 1 ms each, and two models of 12 and 2 pages.
struct Bench {
    scheduler: Clockwork,
    now: Nanos,
    requests: u64,
    actions: Vec<Action>,
    statuses: Vec<Status>,
}

impl Bench {
    fn new(pages: u32) -> Self {
        let config = SchedulerConfig { load_quantum: MS.times(4), ..SchedulerConfig::default() };
        let mut bench = Self {
            scheduler: Clockwork::new(config, 1, 0),
            now: Nanos::new(1_000_000_000),
            requests: 0,
            actions: Vec::new(),
            statuses: Vec::new(),
        };
        bench.worker_up(pages);
        bench
    }

    fn worker_up(&mut self, pages: u32) {
        let device = DeviceState { pages: Pages::new(pages), ..DeviceState::default() };
        self.handle(Input::WorkerUp { worker: WORKER, devices: vec![device] });
        for (model, pages) in [(LARGE, 12), (SMALL, 2)] {
            let profile = Arc::new(ModelProfile {
                name: format!("{pages} pages"),
                input_size: 1,
                output_size: 1,
                weights_size: 1,
                pages: Pages::new(pages),
                load: MS.times(pages.into()),
                batches: vec![BatchProfile { batch: BatchSize::ONE, exec: MS }],
            });
            self.handle(Input::ModelUp { worker: WORKER, model, profile });
        }
    }

    fn handle(&mut self, input: Input) {
        self.scheduler.handle(self.now, input);
        while let Some(output) = self.scheduler.poll(self.now) {
            match output {
                Output::Action(order) => self.actions.push(order.action),
                Output::Respond(response) => self.statuses.push(response.status),
                Output::Record(_) => {}
            }
        }
    }

    fn ask(&mut self, model: ModelId, slo: Span) {
        self.requests += 1;
        let id = RequestId::new(self.requests);
        let arrival = self.now;
        let request = Request { id, model, slo_factor: 0.0, slo, arrival, input_len: 0 };
        self.handle(Input::Request(request));
    }

    /// The oldest action that has no result: it is done, or not, after its time.
    fn done(&mut self, status: Status) -> Action {
        let action = self.actions.remove(0);
        let begin = self.now;
        self.now += action.expected;
        let exec = Interval { begin, end: self.now, duration: action.expected };
        let refused = ActionResult::refused(&action, status, begin);
        let result = if status.is_ok() { ActionResult { exec, ..refused } } else { refused };
        self.handle(Input::Result { worker: WORKER, result });
        action
    }

    /// Everything is done; the actions, as what they were for which pages of what.
    fn finish(&mut self) -> Vec<(u8, ModelId, PageRange)> {
        let mut all = Vec::new();
        while !self.actions.is_empty() {
            all.push(shape(&self.done(Status::OK)));
        }
        all
    }

    fn shapes(&self) -> Vec<(u8, ModelId, PageRange)> {
        self.actions.iter().map(shape).collect()
    }
}

fn shape(action: &Action) -> (u8, ModelId, PageRange) {
    assert_eq!(action.gpu, GpuId::new(0));
    (action.kind.number(), action.model, action.pages)
}

fn pages(first: u16, count: u16) -> PageRange {
    PageRange::new(first, count).expect("some pages")
}

const LOAD: u8 = 1;
const INFER: u8 = 2;
const EVICT: u8 = 3;

#[test]
fn an_urgent_load_goes_between_the_pieces_of_a_large_one() {
    let mut bench = Bench::new(20);
    bench.ask(LARGE, MS.times(500));
    assert_eq!(bench.shapes(), [(LOAD, LARGE, pages(0, 4)), (LOAD, LARGE, pages(4, 3))]);
    bench.ask(SMALL, MS.times(50));
    assert_eq!(bench.actions.len(), 2, "the copy engine has enough to do");
    bench.done(Status::OK);
    let order = bench.finish();
    let small = order.iter().position(|&(_, model, _)| model == SMALL);
    assert_eq!(order[0], (LOAD, LARGE, pages(4, 3)));
    assert_eq!(small, Some(1), "{order:?}");
    assert_eq!(order.iter().filter(|(kind, ..)| *kind == INFER).count(), 2);
    assert_eq!(bench.statuses, [Status::OK; 2]);
}

#[test]
fn a_copy_whose_piece_is_refused_is_evicted_and_made_anew() {
    let mut bench = Bench::new(20);
    bench.ask(LARGE, MS.times(500));
    bench.done(Status::OK);
    bench.done(Status::LOAD_LATE);
    while bench.actions[0].kind == ActionKind::Load && bench.actions[0].model == LARGE {
        bench.done(Status::OK);
    }
    assert_eq!(shape(&bench.done(Status::OK)), (EVICT, LARGE, PageRange::WHOLE));
    let order = bench.finish();
    assert_eq!(order[0], (LOAD, LARGE, pages(0, 4)), "{order:?}");
    assert_eq!(bench.statuses, [Status::OK]);
}

#[test]
fn a_model_that_goes_while_it_is_loaded_leaves_nothing() {
    let mut bench = Bench::new(20);
    bench.ask(LARGE, MS.times(500));
    bench.handle(Input::ModelDown { worker: WORKER, model: LARGE });
    assert_eq!(bench.statuses, [Status::UNKNOWN_MODEL]);
    let order = bench.finish();
    assert_eq!(order.len(), 3, "{order:?}");
    assert_eq!(order[2], (EVICT, LARGE, PageRange::WHOLE));
    assert_eq!(bench.scheduler.in_flight(), 0);
}

#[test]
fn only_what_is_needed_gives_way_and_only_that_is_loaded_again() {
    let mut bench = Bench::new(12);
    bench.ask(LARGE, MS.times(500));
    bench.finish();
    bench.ask(SMALL, MS.times(500));
    assert_eq!(
        bench.finish()[..2],
        [(EVICT, LARGE, pages(10, 2)), (LOAD, SMALL, PageRange::WHOLE)]
    );
    bench.ask(LARGE, MS.times(500));
    let order = bench.finish();
    assert_eq!(order[..2], [(EVICT, SMALL, PageRange::WHOLE), (LOAD, LARGE, pages(10, 2))]);
    assert_eq!(bench.statuses, [Status::OK; 3]);
}

#[test]
fn what_is_left_of_a_model_goes_with_it() {
    let mut bench = Bench::new(12);
    bench.ask(LARGE, MS.times(500));
    bench.finish();
    bench.ask(SMALL, MS.times(500));
    bench.finish();
    bench.handle(Input::ModelDown { worker: WORKER, model: LARGE });
    assert_eq!(bench.finish(), [(EVICT, LARGE, PageRange::WHOLE)]);
}

#[test]
fn a_worker_that_comes_back_begins_anew() {
    let mut bench = Bench::new(20);
    bench.ask(LARGE, MS.times(500));
    bench.done(Status::OK);
    bench.actions.clear();
    bench.handle(Input::WorkerDown { worker: WORKER });
    assert_eq!(bench.statuses, [Status::WORKER_LOST]);
    bench.worker_up(20);
    bench.ask(LARGE, MS.times(500));
    let order = bench.finish();
    assert_eq!(order[0], (LOAD, LARGE, pages(0, 4)), "{order:?}");
    assert_eq!(bench.statuses[1..], [Status::OK]);
}

#[test]
fn what_succeeds_another_is_copied_beside_it_before_it_is_asked_for() {
    let mut bench = Bench::new(20);
    bench.ask(SMALL, MS.times(500));
    bench.finish();
    bench.handle(Input::Succeed { old: SMALL, new: LARGE });
    assert!(bench.scheduler.is_loading(LARGE));
    assert!(bench.finish().iter().all(|&(kind, model, _)| (kind, model) == (LOAD, LARGE)));
    assert!(!bench.scheduler.is_loading(LARGE));
    bench.ask(LARGE, MS.times(500));
    assert_eq!(bench.finish(), [(INFER, LARGE, PageRange::WHOLE)]);
    bench.handle(Input::Succeed { old: SMALL, new: LARGE });
    assert!(bench.actions.is_empty(), "it is there");
}

#[test]
fn nothing_that_is_asked_for_as_much_gives_way_for_what_succeeds_it() {
    let mut bench = Bench::new(13);
    bench.ask(SMALL, MS.times(500));
    bench.finish();
    bench.handle(Input::Succeed { old: SMALL, new: LARGE });
    assert!(bench.actions.is_empty() && !bench.scheduler.is_loading(LARGE));
    bench.handle(Input::Succeed { old: ModelId::new(7), new: ModelId::new(8) });
    assert!(!bench.scheduler.is_loading(ModelId::new(8)));
}
