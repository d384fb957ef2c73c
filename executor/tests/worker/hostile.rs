//! Any order of anything: no panic, one result per accepted action, all memory comes back.

use std::collections::BTreeMap;

use clockwork_executor::{Fault, Input, Inputs, ModelSource, Output};
use clockwork_wire::{ActionId, ActionKind, ActionResult, Encoding, GpuId, Nanos, Status, Window};
use proptest::prelude::*;

use crate::rig::{Rig, at, batch, profile, spec, zeros};

#[derive(Clone, Debug)]
enum Step {
    Send { kind: ActionKind, model: u32, gpu: u32, earliest: u64, width: u64, sizes: Vec<u32> },
    Again(usize),
    Cancel(usize),
    LoadModel { model: u32, copies: u32, found: bool },
    Inject(u32, Fault),
    Turn,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        3 => Just(ActionKind::Load),
        2 => Just(ActionKind::Evict),
        6 => (1..=5_u16).prop_map(|n| ActionKind::Infer { batch: batch(n) }),
    ];
    let sizes = prop_oneof![
        4 => Just(Vec::new()),
        2 => (1..4_usize).prop_map(|n| vec![8; n]),
        1 => prop::collection::vec(0..12_u32, 0..4),
    ];
    let fault = prop_oneof![Just(Fault::None), Just(Fault::Hang), Just(Fault::Slow(2.5))];
    let earliest = prop_oneof![Just(0_u64), 0..300_u64];
    let width = prop_oneof![Just(u64::MAX), 0..100_u64];
    prop_oneof![
        12 => (kind, 0..5_u32, 0..3_u32, earliest, width, sizes).prop_map(
            |(kind, model, gpu, earliest, width, sizes)| Step::Send {
                kind, model, gpu, earliest, width, sizes
            }
        ),
        1 => any::<usize>().prop_map(Step::Again),
        1 => any::<usize>().prop_map(Step::Cancel),
        1 => (0..6_u32, 0..3_u32, any::<bool>())
            .prop_map(|(model, copies, found)| Step::LoadModel { model, copies, found }),
        1 => (0..3_u32, fault).prop_map(|(gpu, fault)| Step::Inject(gpu, fault)),
        6 => Just(Step::Turn),
    ]
}

struct Run {
    rig: Rig,
    sent: Vec<ActionId>,
    results: BTreeMap<ActionId, Status>,
    windows: BTreeMap<ActionId, Window>,
    /// Per device and engine: when its last operation ended.
    ends: BTreeMap<(GpuId, bool), Nanos>,
    /// A device that hung may begin late what it was given in time.
    has_hung: bool,
}

impl Run {
    fn take(&mut self, step: Step) {
        match step {
            Step::Send { kind, model, gpu, earliest, width, sizes } => {
                let earliest = self.rig.now.saturating_add(earliest);
                let window = Window::new(at(earliest), at(earliest.saturating_add(width)));
                let mut action = self.rig.action(kind, model, window);
                action.gpu = GpuId::new(gpu);
                self.sent.push(action.id);
                self.windows.insert(action.id, window);
                let body = zeros(&sizes);
                let inputs = Inputs { body, sizes, encoding: Encoding::Raw };
                self.rig.handle(Input::Action { action, inputs });
            }
            Step::Again(index) => {
                let Some(id) = self.pick(index) else { return };
                let mut action = self.rig.action(ActionKind::Load, 0, Window::ALWAYS);
                action.id = id;
                self.rig.send_action(action);
            }
            Step::Cancel(index) => {
                let Some(id) = self.pick(index) else { return };
                self.rig.handle(Input::Cancel { id });
            }
            Step::LoadModel { model, copies, found } => {
                let load = self.rig.load_model_action(model, copies, "m");
                let id = load.id;
                self.rig.handle(Input::LoadModel(load));
                let source = if found {
                    Ok(ModelSource::Profile(profile("m", 2)))
                } else {
                    Err("not there".to_owned().into())
                };
                self.rig.handle(Input::Resolved { id, source });
            }
            Step::Inject(gpu, fault) => {
                self.has_hung |= fault == Fault::Hang;
                self.rig.worker.inject(at(self.rig.now), GpuId::new(gpu), fault);
            }
            Step::Turn => self.turn(),
        }
    }

    fn pick(&self, index: usize) -> Option<ActionId> {
        let index = index.checked_rem(self.sent.len())?;
        Some(self.sent[index])
    }

    fn turn(&mut self) {
        for output in self.rig.outputs() {
            if let Output::Result { result, .. } = output {
                let before = self.results.insert(result.id, result.status);
                assert_eq!(before, None, "action {} has two results", result.id);
                if result.status.is_ok() {
                    self.check(&result);
                }
            }
        }
    }

    /// Each engine of a device does one thing at a time, and begins it in its window.
    fn check(&mut self, result: &ActionResult) {
        let engine = (result.gpu, matches!(result.kind, ActionKind::Infer { .. }));
        let last = self.ends.insert(engine, result.exec.end);
        assert!(last.is_none_or(|end| end <= result.exec.begin), "{result:?} overlaps");
        if let Some(window) = self.windows.get(&result.id).filter(|_| !self.has_hung) {
            assert!(window.contains(result.exec.begin), "{result:?} is outside {window:?}");
        }
    }

    /// Lifts all faults and takes a turn at every wake-up.
    fn settle(&mut self) {
        for gpu in 0..2 {
            self.rig.worker.inject(at(self.rig.now), GpuId::new(gpu), Fault::None);
        }
        self.turn();
        while let Some(wakeup) = self.rig.worker.next_wakeup() {
            self.rig.now = wakeup.get().max(self.rig.now);
            self.turn();
        }
    }
}

proptest! {
    #[test]
    fn every_action_has_one_result_and_all_pages_come_back(
        depth in 1..3_u8,
        steps in prop::collection::vec((step(), 0..60_u64), 0..120),
    ) {
        let mut spec = spec(5);
        spec.depth = depth;
        spec.io_pool = 1_024;
        let mut rig = Rig::with_spec(2, &spec);
        rig.load_model(0, 3, profile("m", 2));
        let mut run = Run {
            rig,
            sent: Vec::new(),
            results: BTreeMap::new(),
            windows: BTreeMap::new(),
            ends: BTreeMap::new(),
            has_hung: false,
        };
        for (step, pause) in steps {
            run.take(step);
            run.rig.now += pause;
        }
        run.settle();
        prop_assert_eq!(run.results.len(), run.sent.len());
        prop_assert_eq!(run.rig.worker.counters().pending(), 0);
        for device in run.rig.worker.state().devices {
            for model in device.loaded {
                let mut evict = run.rig.action(ActionKind::Evict, model.get(), Window::ALWAYS);
                evict.gpu = device.gpu;
                run.rig.send_action(evict);
            }
            run.settle();
            prop_assert_eq!(run.rig.worker.free_pages(device.gpu), Some(device.pages));
        }
    }
}
