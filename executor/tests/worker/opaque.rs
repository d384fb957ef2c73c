//! A device of the real kind: it says neither when it will be done nor keeps device time, fails
//! when told to, and may take two INFERs at a time.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use clockwork_executor::{
    Completion, Device, DeviceSpec, ModelSource, Operation, Unprepared, Wanted, Worker,
    WorkerConfig,
};
use clockwork_wire::{
    ActionId, ActionKind, BatchSize, Interval, ModelId, ModelProfile, Nanos, Pages, Payload, Span,
    Status, Window,
};

use crate::rig::{EXEC, INFER, Rig, at, from_to, profile, spec};

/// What the device was told and what it is to say.
#[derive(Debug, Default)]
struct Script {
    started: Vec<(ActionId, Nanos)>,
    done: Vec<Completion>,
    busy: BTreeSet<ModelId>,
    evicted: Vec<ModelId>,
    exec_free_at: Nanos,
}

#[derive(Debug)]
struct Scripted {
    spec: DeviceSpec,
    script: Rc<RefCell<Script>>,
}

impl Device for Scripted {
    fn spec(&self) -> &DeviceSpec {
        &self.spec
    }

    fn remove(&mut self, _first: ModelId, _copies: u32) {}

    fn prepare(
        &mut self,
        _first: ModelId,
        _copies: u32,
        source: &ModelSource,
        _wanted: Wanted,
    ) -> Result<ModelProfile, Unprepared> {
        let profile = source.profile().map(|profile| ModelProfile::clone(profile));
        profile.ok_or_else(|| String::new().into())
    }

    fn workspace(&self, _model: ModelId, _batch: BatchSize) -> u64 {
        512
    }

    fn start(&mut self, now: Nanos, at: Nanos, id: ActionId, model: ModelId, _: Operation) {
        assert_eq!(now, at, "a device that does not keep time starts now");
        let mut script = self.script.borrow_mut();
        script.started.push((id, at));
        script.busy.insert(model);
    }

    fn exec_free_at(&self) -> Nanos {
        self.script.borrow().exec_free_at
    }

    fn load_free_at(&self) -> Nanos {
        Nanos::ZERO
    }

    fn evict(&mut self, model: ModelId, _keep: Pages) {
        let mut script = self.script.borrow_mut();
        assert!(!script.busy.contains(&model), "evicted under a running operation");
        script.evicted.push(model);
    }

    fn poll(&mut self, _now: Nanos) -> Option<Completion> {
        self.script.borrow_mut().done.pop()
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        None
    }

    fn foreseen(&self) -> Option<(ActionId, Nanos)> {
        let script = self.script.borrow();
        script.started.last().map(|&(id, at)| (id, at + Span::new(EXEC)))
    }
}

struct Bench {
    rig: Rig,
    script: Rc<RefCell<Script>>,
}

impl Bench {
    /// A device with model 0 loaded at time 0.
    fn new(spec: DeviceSpec) -> Self {
        let script = Rc::new(RefCell::new(Script::default()));
        let device = Scripted { spec, script: Rc::clone(&script) };
        let mut rig = Rig::empty(0, 0);
        rig.worker = Worker::new(WorkerConfig::default(), vec![Box::new(device)]);
        rig.load_model(0, 1, profile("m", 2));
        let mut bench = Self { rig, script };
        let load = bench.rig.send(ActionKind::Load, 0, Window::ALWAYS);
        assert!(bench.rig.turn(0).is_empty());
        bench.complete(load, 0, Status::OK);
        assert!(bench.rig.one(0).status.is_ok());
        bench
    }

    fn complete(&mut self, id: ActionId, end: u64, status: Status) {
        let mut script = self.script.borrow_mut();
        script.busy.clear();
        script.done.push(Completion {
            id,
            status,
            copy_input: Interval::default(),
            exec: Interval { begin: at(end), end: at(end), ..Interval::default() },
            copy_output: Interval::default(),
            clock_before: 0,
            clock_after: 0,
            output: Payload::EMPTY,
        });
    }

    fn started(&self) -> usize {
        // The LOAD was the first.
        self.script.borrow().started.len() - 1
    }
}

#[test]
fn what_a_busy_device_foresees_is_known_until_it_came() {
    let mut bench = Bench::new(spec(4));
    assert_eq!(bench.rig.worker.foreseen().count(), 0, "nothing is under way");
    let id = bench.rig.send(INFER, 0, Window::ALWAYS);
    bench.rig.turn(3);
    assert_eq!(bench.rig.worker.foreseen().collect::<Vec<_>>(), [(id, at(3) + Span::new(EXEC))]);
    bench.complete(id, 9, Status::OK);
    assert_eq!(bench.rig.one(9).id, id);
    assert_eq!(bench.rig.worker.foreseen().count(), 0);
}

#[test]
fn two_infers_are_handed_over_and_the_third_waits() {
    let mut bench = Bench::new(DeviceSpec { depth: 2, ..spec(4) });
    let ids = [(); 3].map(|()| bench.rig.send(INFER, 0, Window::ALWAYS));
    bench.rig.turn(0);
    assert_eq!(bench.started(), 2);
    assert_eq!(bench.rig.worker.next_wakeup(), None, "the device wakes its driver");
    bench.complete(ids[0], 5, Status::OK);
    assert_eq!(bench.rig.one(7).id, ids[0]);
    assert_eq!(bench.started(), 3);
}

#[test]
fn with_depth_two_latest_is_checked_against_the_predicted_start() {
    let mut bench = Bench::new(DeviceSpec { depth: 2, ..spec(4) });
    bench.rig.send(INFER, 0, Window::ALWAYS);
    bench.rig.turn(0);
    bench.script.borrow_mut().exec_free_at = at(EXEC);
    let late = bench.rig.send(INFER, 0, from_to(0, EXEC - 1));
    let result = bench.rig.one(1);
    assert_eq!((result.id, result.status), (late, Status::EXEC_LATE));
    bench.rig.send(INFER, 0, from_to(0, EXEC));
    bench.rig.turn(2);
    assert_eq!(bench.started(), 2);
}

#[test]
fn a_late_turn_starts_now_and_refuses_what_is_past() {
    let mut bench = Bench::new(spec(4));
    bench.rig.send(INFER, 0, from_to(10, 20));
    assert_eq!(bench.rig.one(21).status, Status::EXEC_LATE);
    bench.rig.send(INFER, 0, from_to(30, 40));
    bench.rig.turn(35);
    assert_eq!(bench.started(), 1);
}

#[test]
fn a_load_that_fails_gives_its_pages_back() {
    let mut bench = Bench::new(spec(4));
    let load = bench.rig.send(ActionKind::Load, 0, Window::ALWAYS);
    bench.rig.turn(0);
    bench.complete(load, 5, Status::RUNTIME_ERROR);
    assert_eq!(bench.rig.one(5).status, Status::RUNTIME_ERROR);
    assert_eq!(bench.rig.free_pages(), 4);
    assert_eq!(bench.script.borrow().evicted, [ModelId::new(0)]);
}

#[test]
fn a_failed_infer_is_reported_without_times_and_its_memory_comes_back() {
    let mut bench = Bench::new(DeviceSpec { workspace_pool: 512, ..spec(4) });
    for end in [5, 6] {
        let id = bench.rig.send(INFER, 0, Window::ALWAYS);
        bench.rig.turn(end);
        bench.complete(id, end, Status::RUNTIME_ERROR);
        let result = bench.rig.one(end);
        assert_eq!((result.status, result.exec), (Status::RUNTIME_ERROR, Interval::default()));
    }
    bench.rig.send(INFER, 0, Window::ALWAYS);
    bench.rig.turn(7);
    assert_eq!(bench.started(), 3, "the only workspace is free again");
}

#[test]
fn an_infer_that_finds_no_workspace_is_refused_and_its_io_memory_comes_back() {
    let mut bench = Bench::new(DeviceSpec { workspace_pool: 256, io_pool: 256, ..spec(4) });
    for _ in 0..2 {
        bench.rig.send(INFER, 0, Window::ALWAYS);
        assert_eq!(bench.rig.one(0).status, Status::WORKSPACE);
    }
}

#[test]
fn an_evict_waits_for_every_infer_that_was_handed_over() {
    let mut bench = Bench::new(DeviceSpec { depth: 2, ..spec(4) });
    let infers = [(); 2].map(|()| bench.rig.send(INFER, 0, Window::ALWAYS));
    bench.rig.turn(0);
    let evict = bench.rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    bench.complete(infers[0], 5, Status::OK);
    assert_eq!(bench.rig.one(5).id, infers[0]);
    bench.complete(infers[1], 9, Status::OK);
    let results = bench.rig.turn(9);
    assert_eq!(results.iter().map(|result| result.id).collect::<Vec<_>>(), [infers[1], evict]);
    assert_eq!(bench.rig.free_pages(), 4);
}
