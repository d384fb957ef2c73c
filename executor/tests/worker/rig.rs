//! A worker with emulated devices, and short words for what a controller sends.

use std::sync::Arc;

use clockwork_executor::emulated::Emulated;
use clockwork_executor::{
    Device, DeviceSpec, Input, Inputs, ModelSource, Output, Worker, WorkerConfig,
};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, BatchProfile, BatchSize, GpuId, LoadModel, ModelId,
    ModelProfile, Nanos, PAGE_BYTES, PageRange, Pages, Payload, Span, Status, Window,
};

/// Bytes of one input and of one output of every model here.
pub(crate) const INPUT: u32 = 8;
pub(crate) const OUTPUT: u32 = 4;
/// Times of every model here: weights take 100, a batch of 1 takes 10, of 2 takes 15, of 4 takes
/// 25.
pub(crate) const LOAD: u64 = 100;
pub(crate) const EXEC: u64 = 10;

pub(crate) fn spec(pages: u32) -> DeviceSpec {
    DeviceSpec {
        class: "test".to_owned(),
        pages: Pages::new(pages),
        io_pool: 1 << 20,
        workspace_pool: 1 << 20,
        depth: 1,
    }
}

pub(crate) fn profile(name: &str, pages: u32) -> Arc<ModelProfile> {
    let entry = |size, exec| BatchProfile { batch: batch(size), exec: Span::new(exec) };
    Arc::new(ModelProfile {
        name: name.to_owned(),
        input_size: INPUT,
        output_size: OUTPUT,
        weights_size: u64::from(pages) * PAGE_BYTES,
        pages: Pages::new(pages),
        load: Span::new(LOAD),
        batches: vec![entry(1, EXEC), entry(2, 15), entry(4, 25)],
    })
}

pub(crate) fn at(ns: u64) -> Nanos {
    Nanos::new(ns)
}

pub(crate) fn from_to(earliest: u64, latest: u64) -> Window {
    Window::new(at(earliest), at(latest))
}

pub(crate) fn batch(size: u16) -> BatchSize {
    BatchSize::new(size).expect("a batch size of a test is in range")
}

/// Inputs of these sizes, one after the other.
pub(crate) fn zeros(sizes: &[u32]) -> Payload {
    let len = usize::try_from(sizes.iter().sum::<u32>()).expect("inputs of a test are small");
    Payload::new(vec![0; len])
}

pub(crate) const INFER: ActionKind = ActionKind::Infer { batch: BatchSize::ONE };

pub(crate) struct Rig {
    pub(crate) worker: Worker,
    pub(crate) now: u64,
    counter: u64,
}

impl Rig {
    /// A worker with `devices` devices of `pages` pages and no model.
    pub(crate) fn empty(devices: usize, pages: u32) -> Self {
        Self::with_spec(devices, &spec(pages))
    }

    pub(crate) fn with_spec(devices: usize, spec: &DeviceSpec) -> Self {
        Self::of((0..devices).map(|_| Emulated::new(spec.clone())))
    }

    /// A worker with these devices.
    pub(crate) fn of(devices: impl Iterator<Item = Emulated>) -> Self {
        let devices = devices.map(|device| -> Box<dyn Device> { Box::new(device) });
        let worker = Worker::new(WorkerConfig::default(), devices.collect());
        Self { worker, now: 0, counter: 0 }
    }

    /// A worker whose models 0, 1 and 2 take two pages each.
    pub(crate) fn new(devices: usize, pages: u32) -> Self {
        let mut rig = Self::empty(devices, pages);
        rig.load_model(0, 3, profile("m", 2));
        rig
    }

    pub(crate) fn load_model(&mut self, model: u32, copies: u32, profile: Arc<ModelProfile>) {
        let load = self.load_model_action(model, copies, &profile.name);
        let id = load.id;
        self.handle(Input::LoadModel(load));
        self.handle(Input::Resolved { id, source: Ok(ModelSource::Profile(profile)) });
        let outputs = self.outputs();
        assert!(matches!(&outputs[..], [Output::Resolve { .. }, Output::ModelLoaded(loaded)]
            if loaded.status == Status::OK));
    }

    pub(crate) fn load_model_action(&mut self, model: u32, copies: u32, name: &str) -> LoadModel {
        LoadModel {
            id: self.id(),
            model: ModelId::new(model),
            copies,
            name: name.to_owned(),
            max_batch: batch(8),
            max_exec: Span::MAX,
            shown: ModelId::new(model),
        }
    }

    pub(crate) fn id(&mut self) -> ActionId {
        self.counter += 1;
        ActionId { epoch: 1, shard: 0, counter: self.counter }
    }

    pub(crate) fn action(&mut self, kind: ActionKind, model: u32, window: Window) -> Action {
        Action {
            id: self.id(),
            kind,
            model: ModelId::new(model),
            gpu: GpuId::new(0),
            window,
            expected: Span::ZERO,
            pages: PageRange::WHOLE,
        }
    }

    /// Sends an action without inputs to device 0.
    pub(crate) fn send(&mut self, kind: ActionKind, model: u32, window: Window) -> ActionId {
        let action = self.action(kind, model, window);
        self.send_action(action);
        action.id
    }

    pub(crate) fn send_action(&mut self, action: Action) {
        self.handle(Input::Action { action, inputs: Inputs::default() });
    }

    pub(crate) fn handle(&mut self, input: Input) {
        self.worker.handle(at(self.now), input);
    }

    /// Takes a turn at `now`.
    pub(crate) fn turn(&mut self, now: u64) -> Vec<ActionResult> {
        self.now = now;
        let outputs = self.outputs();
        outputs
            .into_iter()
            .filter_map(|output| match output {
                Output::Result { result, .. } => Some(result),
                Output::Resolve { .. }
                | Output::ModelLoaded(_)
                | Output::ModelUnloaded(_)
                | Output::CancelReply { .. } => None,
            })
            .collect()
    }

    /// Takes a turn at `now` that has exactly one result.
    pub(crate) fn one(&mut self, now: u64) -> ActionResult {
        let results = self.turn(now);
        assert_eq!(results.len(), 1, "{results:?}");
        results[0]
    }

    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.worker.poll(at(self.now))).collect()
    }

    /// Turns at every wake-up until nothing is left to do.
    pub(crate) fn finish(&mut self) -> Vec<ActionResult> {
        let mut results = self.turn(self.now);
        while let Some(wakeup) = self.worker.next_wakeup() {
            results.extend(self.turn(wakeup.get().max(self.now)));
        }
        results
    }

    /// Puts models on device 0 and takes the results away; time is then `LOAD` per model.
    pub(crate) fn loaded(mut self, models: &[u32]) -> Self {
        for &model in models {
            self.send(ActionKind::Load, model, Window::ALWAYS);
        }
        assert!(self.finish().iter().all(|result| result.status.is_ok()));
        self
    }

    pub(crate) fn free_pages(&self) -> u32 {
        self.worker.free_pages(GpuId::new(0)).expect("device 0 exists").get()
    }

    pub(crate) fn resident(&self) -> Vec<u32> {
        let state = self.worker.state();
        state.devices[0].loaded.iter().map(|model| model.get()).collect()
    }
}
