//! The cpu device behind the trait that a worker sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use clockwork_executor::compile::digits;
use clockwork_executor::cpu::{CpuDevice, Host};
use clockwork_executor::{Completion, Device, DeviceSpec, Inputs, ModelSource, Operation, Wanted};
use clockwork_wire::{
    ActionId, BatchSize, Encoding, ModelId, ModelProfile, Nanos, Pages, Payload, Status,
};

pub(crate) const MODEL: ModelId = ModelId::new(3);

/// A device, and what it needs to be driven by a test.
pub(crate) struct Driver {
    device: CpuDevice,
    woken: Receiver<()>,
    actions: u64,
}

impl Driver {
    pub(crate) fn new(pages: u32) -> Self {
        let spec = DeviceSpec {
            class: "cpu".to_owned(),
            pages: Pages::new(pages),
            io_pool: 1 << 20,
            workspace_pool: 1 << 20,
            depth: 2,
        };
        let (wake, woken) = sync_channel(1000);
        // Every reading is a microsecond after the one before.
        let clock = AtomicU64::new(1_000_000);
        let host = Host {
            clock: Arc::new(move || Nanos::new(clock.fetch_add(1_000, Ordering::Relaxed))),
            wake: Arc::new(move || wake.send(()).expect("the test listens")),
            place: Arc::new(|| ()),
        };
        let device = CpuDevice::new(spec, host).expect("a device core");
        Self { device, woken, actions: 0 }
    }

    fn prepared(pages: u32) -> Self {
        let mut driver = Self::new(pages);
        driver.prepare(MODEL);
        driver
    }

    pub(crate) fn prepare(&mut self, model: ModelId) -> ModelProfile {
        self.prepare_source(model, &ModelSource::Artifact(Arc::new(digits::artifact())))
    }

    pub(crate) fn prepare_source(&mut self, model: ModelId, source: &ModelSource) -> ModelProfile {
        self.device.prepare(model, 1, source, Wanted::ALL).expect("it runs on a processor")
    }

    fn start(&mut self, model: ModelId, operation: Operation) -> ActionId {
        let id = ActionId { epoch: 1, shard: 0, counter: self.actions };
        self.actions += 1;
        self.device.start(Nanos::new(5), Nanos::new(5), id, model, operation);
        id
    }

    /// The next completion, however long it takes.
    fn wait(&mut self) -> Completion {
        self.woken.recv().expect("the device core lives");
        self.device.poll(Nanos::new(9)).expect("whoever is woken finds a completion")
    }

    pub(crate) fn forget(&mut self, model: ModelId) {
        self.device.remove(model, 1);
    }

    pub(crate) fn load(&mut self, model: ModelId, page: u32) -> Completion {
        self.start(model, Operation::Load { first: 0, pages: vec![page], total: Pages::new(1) });
        self.wait()
    }

    pub(crate) fn infer(&mut self, model: ModelId, inputs: Inputs) -> Completion {
        let size = u16::try_from(inputs.sizes.len()).expect("a small batch");
        self.start(model, infer(size, inputs, 0));
        self.wait()
    }
}

fn infer(size: u16, inputs: Inputs, slot: u64) -> Operation {
    Operation::Infer {
        batch: BatchSize::new(size).expect("a batch size"),
        inputs,
        io_offset: slot * (1 << 19),
        workspace_offset: slot * (1 << 19),
    }
}

/// The first images of the test set, each as `encode` sends it.
fn images(count: usize, encoding: Encoding, encode: fn(&[u8]) -> Vec<u8>) -> Inputs {
    let inputs: Vec<_> = digits::examples().take(count).map(|e| encode(e.image)).collect();
    let sizes = inputs.iter().map(|input| u32::try_from(input.len()).expect("small")).collect();
    Inputs { body: Payload::new(inputs.concat()), sizes, encoding }
}

pub(crate) fn raw(count: usize) -> Inputs {
    images(count, Encoding::Raw, <[u8]>::to_vec)
}

pub(crate) fn assert_right(completion: &Completion, count: usize) {
    assert_eq!(completion.status, Status::OK);
    assert_eq!(completion.output.len(), count * digits::OUTPUT_BYTES);
    let outputs = completion.output.chunks_exact(digits::OUTPUT_BYTES);
    for (example, output) in digits::examples().zip(outputs) {
        assert_eq!(digits::digit(output), digits::digit(example.logits));
    }
}

#[test]
fn a_loaded_model_answers_batches() {
    let mut driver = Driver::prepared(2);
    let load = driver.load(MODEL, 1);
    assert_eq!(load.status, Status::OK);
    assert!(load.exec.end > load.exec.begin && load.output.is_empty());
    for size in [1, 2, 4, 8, 16] {
        let completion = driver.infer(MODEL, raw(size));
        assert_right(&completion, size);
        assert!(completion.copy_input.end <= completion.exec.begin);
        assert!(completion.exec.end > completion.exec.begin);
        assert!(completion.exec.end <= completion.copy_output.begin);
    }
}

#[test]
fn a_profile_has_sizes_and_a_time_for_every_batch_size() {
    let profile = Driver::new(1).prepare(MODEL);
    assert_eq!(
        (profile.name.as_str(), profile.input_size, profile.output_size),
        ("digits", 256, 40)
    );
    assert_eq!(profile.pages, Pages::new(1));
    let sizes: Vec<u16> = profile.batches.iter().map(|entry| entry.batch.get()).collect();
    assert_eq!(sizes, [1, 2, 4, 8, 16]);
    assert!(profile.batches.iter().all(|entry| !entry.exec.is_zero()) && !profile.load.is_zero());
}

#[test]
fn two_batches_are_executed_in_the_order_of_their_starts() {
    let mut driver = Driver::prepared(1);
    driver.load(MODEL, 0);
    let first = driver.start(MODEL, infer(16, raw(16), 0));
    let second = driver.start(MODEL, infer(1, raw(1), 1));
    let (a, b) = (driver.wait(), driver.wait());
    assert_eq!((a.id, b.id), (first, second));
    assert!(a.copy_output.end <= b.copy_input.begin, "one thing at a time");
    assert_right(&a, 16);
    assert_right(&b, 1);
}

#[test]
fn compressed_inputs_are_decompressed() {
    let mut driver = Driver::prepared(1);
    driver.load(MODEL, 0);
    let inputs = images(4, Encoding::Lz4, lz4_flex::block::compress);
    assert_right(&driver.infer(MODEL, inputs), 4);
}

#[test]
fn absent_inputs_run_but_give_no_output() {
    let mut driver = Driver::prepared(1);
    driver.load(MODEL, 0);
    let inputs = Inputs { sizes: vec![0; 8], ..Inputs::default() };
    let completion = driver.infer(MODEL, inputs);
    assert_eq!((completion.status, completion.output.len()), (Status::OK, 0));
    assert!(completion.exec.end > completion.exec.begin);
}

#[test]
fn inputs_that_do_not_fit_are_refused_and_the_next_batch_is_served() {
    let mut driver = Driver::prepared(1);
    driver.load(MODEL, 0);
    let cases = [
        (Encoding::Raw, vec![255], 255, Status::BAD_INPUT_SIZE),
        (Encoding::Raw, vec![256], 255, Status::BAD_COMPRESSED_SIZES),
        (Encoding::Raw, vec![256], 257, Status::BAD_COMPRESSED_SIZES),
        (Encoding::Lz4, vec![300], 300, Status::BAD_COMPRESSED_INPUT),
        (Encoding::Lz4, vec![u32::MAX], 300, Status::BAD_COMPRESSED_SIZES),
    ];
    for (encoding, sizes, len, status) in cases {
        let inputs = Inputs { body: Payload::new(vec![0xff; len]), sizes, encoding };
        assert_eq!(driver.infer(MODEL, inputs).status, status);
    }
    assert_right(&driver.infer(MODEL, raw(1)), 1);
}

#[test]
fn evicted_weights_are_missed_and_their_page_serves_another_model() {
    let other = ModelId::new(4);
    let mut driver = Driver::prepared(1);
    driver.prepare(other);
    driver.load(MODEL, 0);
    driver.device.evict(MODEL, Pages::ZERO);
    assert_eq!(driver.load(other, 0).status, Status::OK);
    assert_eq!(driver.infer(MODEL, raw(1)).status, Status::WEIGHTS_MISSING);
    assert_right(&driver.infer(other, raw(1)), 1);
}

#[test]
fn the_host_copy_goes_with_the_last_model_that_is_it() {
    let artifact = Arc::new(digits::artifact());
    let mut driver = Driver::new(1);
    let source = ModelSource::Artifact(Arc::clone(&artifact));
    driver.device.prepare(MODEL, 3, &source, Wanted::ALL).expect("digits runs on a processor");
    drop(source);
    driver.device.remove(MODEL, 2);
    assert!(Arc::strong_count(&artifact) > 1, "the third model is still there");
    let last = ModelId::new(MODEL.get() + 2);
    assert_eq!(driver.load(last, 0).status, Status::OK);
    assert_right(&driver.infer(last, raw(1)), 1);
    driver.device.evict(last, Pages::ZERO);
    driver.device.remove(last, 1);
    // Its weights are let go by the device core in its own time; the artifact at once.
    assert_eq!(Arc::strong_count(&artifact), 1);
    assert_eq!(driver.prepare(MODEL).name, "digits", "as if it had never been there");
}

#[test]
fn a_page_that_is_taken_or_absent_is_not_loaded() {
    let other = ModelId::new(4);
    let mut driver = Driver::prepared(2);
    driver.prepare(other);
    driver.load(MODEL, 0);
    assert_eq!(driver.load(other, 0).status, Status::RUNTIME_ERROR);
    assert_eq!(driver.load(other, 2).status, Status::RUNTIME_ERROR);
    assert_right(&driver.infer(MODEL, raw(2)), 2);
}

#[test]
fn the_device_is_free_when_all_that_was_started_should_be_done() {
    let mut driver = Driver::prepared(1);
    let profile = driver.prepare(MODEL);
    driver.load(MODEL, 0);
    let free = driver.device.exec_free_at();
    driver.start(MODEL, infer(1, raw(1), 0));
    let one = driver.device.exec_free_at();
    driver.start(MODEL, infer(16, raw(16), 1));
    let two = driver.device.exec_free_at();
    let exec = |index: usize| profile.batches[index].exec;
    assert_eq!(one, Nanos::new(5) + exec(0), "it begins at the caller's now");
    assert_eq!(two, one + exec(4));
    driver.wait();
    let last = driver.wait();
    assert_eq!(driver.device.exec_free_at(), last.copy_output.end);
    assert!(free > Nanos::ZERO);
}

#[test]
fn memory_outside_the_pools_is_an_invalid_action() {
    let mut driver = Driver::prepared(1);
    driver.load(MODEL, 0);
    for (io_offset, workspace_offset) in [(1 << 20, 0), (0, 1 << 20), (1 << 40, 1 << 40)] {
        let batch = BatchSize::ONE;
        driver
            .start(MODEL, Operation::Infer { batch, inputs: raw(1), io_offset, workspace_offset });
        assert_eq!(driver.wait().status, Status::INVALID_ACTION);
    }
}

#[test]
fn only_compiled_models_are_prepared() {
    let mut driver = Driver::new(1);
    let profile = Arc::new(driver.prepare(MODEL));
    let profile = ModelSource::Profile(profile);
    assert!(driver.device.prepare(MODEL, 1, &profile, Wanted::ALL).is_err());
}

#[test]
fn a_model_answers_when_its_last_part_is_there_and_no_longer_when_one_is_cut_off() {
    let mut driver = Driver::prepared(2);
    let total = Pages::new(2);
    let part = |first, page| Operation::Load { first, pages: vec![page], total };
    driver.start(MODEL, part(1, 0));
    assert_eq!(driver.wait().status, Status::OK);
    assert_eq!(driver.infer(MODEL, raw(1)).status, Status::WEIGHTS_MISSING);
    driver.start(MODEL, part(1, 1));
    assert_eq!(driver.wait().status, Status::RUNTIME_ERROR, "it is there already");
    driver.start(MODEL, part(0, 1));
    assert_eq!(driver.wait().status, Status::OK);
    assert_right(&driver.infer(MODEL, raw(2)), 2);
    driver.device.evict(MODEL, Pages::new(1));
    assert_eq!(driver.infer(MODEL, raw(1)).status, Status::WEIGHTS_MISSING);
    driver.start(MODEL, part(1, 0));
    assert_eq!(driver.wait().status, Status::OK);
    assert_right(&driver.infer(MODEL, raw(1)), 1);
}
