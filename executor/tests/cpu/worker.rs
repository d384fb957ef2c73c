//! A worker with a cpu device serves the built-in model from its name to its outputs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use clockwork_executor::compile::digits;
use clockwork_executor::cpu::{CpuDevice, Host};
use clockwork_executor::zoo::Catalogue;
use clockwork_executor::{DeviceSpec, Input, Inputs, Output, Unprepared, Worker, WorkerConfig};
use clockwork_wire::{
    Action, ActionId, ActionKind, BatchSize, Encoding, GpuId, LoadModel, ModelId, Nanos, PageRange,
    Pages, Payload, Span, Status, Window,
};

const NOW: Nanos = Nanos::new(1_000_000_000);

struct Driver {
    worker: Worker,
    woken: Receiver<()>,
}

impl Driver {
    fn new() -> Self {
        let spec = DeviceSpec {
            class: "cpu".to_owned(),
            pages: Pages::new(2),
            io_pool: 1 << 20,
            workspace_pool: 1 << 20,
            depth: 2,
        };
        let (wake, woken) = sync_channel(1000);
        let host = Host {
            clock: Arc::new(|| NOW),
            wake: Arc::new(move || wake.send(()).expect("the test listens")),
            place: Arc::new(|| ()),
        };
        let device = CpuDevice::new(spec, host).expect("a device core");
        Self { worker: Worker::new(WorkerConfig::default(), vec![Box::new(device)]), woken }
    }

    /// The worker's next word, however long the device takes.
    fn next(&mut self) -> Output {
        loop {
            if let Some(output) = self.worker.poll(NOW) {
                return output;
            }
            self.woken.recv().expect("the device core lives");
        }
    }

    fn load_model(&mut self) {
        let load = LoadModel {
            id: id(0),
            model: ModelId::new(0),
            copies: 2,
            name: digits::NAME.to_owned(),
            max_batch: BatchSize::new(16).expect("a batch size"),
            max_exec: Span::MAX,
            shown: ModelId::new(0),
        };
        self.worker.handle(NOW, Input::LoadModel(load));
        let Output::Resolve { id, name, .. } = self.next() else {
            panic!("a name is resolved first")
        };
        let source = Catalogue::new(Vec::new(), false).with_compiled().resolve(&name);
        let source = source.map_err(Unprepared::from);
        self.worker.handle(NOW, Input::Resolved { id, source });
        let Output::ModelLoaded(loaded) = self.next() else { panic!("the model is loaded") };
        assert_eq!((loaded.status, loaded.copies), (Status::OK, 2), "{}", loaded.message);
    }

    fn act(&mut self, counter: u64, model: u32, kind: ActionKind, inputs: Inputs) {
        let action = Action {
            id: id(counter),
            kind,
            model: ModelId::new(model),
            gpu: GpuId::new(0),
            window: Window::ALWAYS,
            expected: Span::ZERO,
            pages: PageRange::WHOLE,
        };
        self.worker.handle(NOW, Input::Action { action, inputs });
    }

    fn result(&mut self) -> (u64, Status, Payload) {
        let Output::Result { result, output } = self.next() else { panic!("an action's result") };
        (result.id.counter, result.status, output)
    }
}

fn id(counter: u64) -> ActionId {
    ActionId { epoch: 1, shard: 0, counter }
}

#[test]
fn every_test_image_is_classified_through_the_worker() {
    let mut driver = Driver::new();
    driver.load_model();
    driver.act(1, 1, ActionKind::Load, Inputs::default());
    assert_eq!(driver.result().1, Status::OK);
    let examples: Vec<_> = digits::examples().collect();
    let mut right = 0;
    for (batch, counter) in examples.chunks_exact(8).zip(2..) {
        let size = BatchSize::new(8).expect("a batch size");
        let body = batch.iter().flat_map(|example| example.image).copied().collect::<Vec<_>>();
        let inputs = Inputs { body: body.into(), sizes: vec![256; 8], encoding: Encoding::Raw };
        driver.act(counter, 1, ActionKind::Infer { batch: size }, inputs);
        let (done, status, output) = driver.result();
        assert_eq!((done, status), (counter, Status::OK));
        let answers = output.chunks_exact(digits::OUTPUT_BYTES).map(digits::digit);
        right += answers.zip(batch).filter(|(digit, e)| *digit == Some(e.label)).count();
    }
    assert_eq!((right, examples.len()), (356, 360), "the accuracy of the reference");
}

#[test]
fn a_model_without_weights_on_the_device_is_refused() {
    let mut driver = Driver::new();
    driver.load_model();
    let inputs = Inputs { sizes: vec![0], ..Inputs::default() };
    driver.act(1, 0, ActionKind::Infer { batch: BatchSize::ONE }, inputs);
    assert_eq!(driver.result().1, Status::WEIGHTS_MISSING);
}
