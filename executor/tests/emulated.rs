//! The emulated device by itself: what it adds to exact durations when asked.

use std::sync::Arc;

use clockwork_executor::emulated::{Deviation, Emulated, Jitter};
use clockwork_executor::{
    Completion, Device, DeviceSpec, Fault, Inputs, ModelSource, Operation, Wanted, zoo,
};
use clockwork_wire::{ActionId, BatchSize, Interval, ModelId, Nanos, Pages, Payload, Span};

const MODEL: ModelId = ModelId::new(0);
const MILLISECOND: Span = Span::from_millis(1);

fn device(deviation: Deviation) -> Emulated {
    let spec = DeviceSpec {
        class: "v100".to_owned(),
        pages: Pages::new(10),
        io_pool: 1 << 30,
        workspace_pool: 0,
        depth: 2,
    };
    let mut device = Emulated::deviating(spec, deviation);
    let profile = zoo::profile("resnet50_v2").expect("the zoo has it");
    let source = ModelSource::Profile(Arc::clone(&profile));
    device.prepare(MODEL, 1, &source, Wanted::ALL).expect("it can run here");
    device
}

fn infer(device: &mut Emulated, at: Nanos, counter: u64, bytes: usize) {
    let inputs = Inputs { body: Payload::new(vec![1; bytes]), ..Inputs::default() };
    let operation =
        Operation::Infer { batch: BatchSize::ONE, inputs, io_offset: 0, workspace_offset: 0 };
    device.start(at, at, ActionId { counter, ..ActionId::default() }, MODEL, operation);
}

fn load(device: &mut Emulated, at: Nanos) {
    device.start(
        at,
        at,
        ActionId::default(),
        MODEL,
        Operation::Load { first: 0, pages: vec![0], total: Pages::new(1) },
    );
}

fn all(device: &mut Emulated) -> Vec<Completion> {
    std::iter::from_fn(|| device.poll(Nanos::MAX)).collect()
}

#[test]
fn durations_are_the_profiles_and_nothing_else_takes_time() {
    let mut device = device(Deviation::default());
    infer(&mut device, Nanos::new(100), 1, 602_112);
    assert_eq!(device.next_wakeup(), Some(Nanos::new(3_322_100)));
    assert_eq!(device.exec_free_at(), Nanos::new(3_322_100));
    let done = &all(&mut device)[0];
    assert_eq!((done.copy_input, done.copy_output), (Interval::default(), Interval::default()));
    assert_eq!(done.exec.duration, Span::new(3_322_000));
    assert_eq!(done.output.len(), 4_000);
}

#[test]
fn two_infers_that_were_handed_over_execute_one_after_the_other() {
    let mut device = device(Deviation::default());
    infer(&mut device, Nanos::ZERO, 1, 0);
    infer(&mut device, Nanos::ZERO, 2, 0);
    load(&mut device, Nanos::ZERO);
    let begins: Vec<_> = all(&mut device).iter().map(|done| done.exec.begin.get()).collect();
    assert_eq!(begins, [0, 3_322_000, 0], "and the LOAD runs beside them");
    assert_eq!(device.load_free_at(), Nanos::new(8_372_000));
}

#[test]
fn copies_take_the_time_of_their_bytes_and_hide_behind_execution() {
    let bandwidth = 602_112_000; // an input takes a millisecond
    let mut device = device(Deviation { copy_bandwidth: Some(bandwidth), ..Deviation::default() });
    infer(&mut device, Nanos::ZERO, 1, 602_112);
    infer(&mut device, Nanos::ZERO, 2, 602_112);
    assert_eq!(
        device.start_of(Nanos::ZERO, 602_112 * 10),
        Nanos::ZERO + MILLISECOND.times(12),
        "copies go one after the other"
    );
    let done = all(&mut device);
    let exec = Span::new(3_322_000);
    assert_eq!(done[0].copy_input.duration, MILLISECOND);
    assert_eq!(done[0].exec.begin, Nanos::ZERO + MILLISECOND);
    assert_eq!(done[0].copy_output.begin, done[0].exec.end);
    assert_eq!(done[1].copy_input.begin, done[0].copy_input.end);
    assert_eq!(done[1].exec.begin, Nanos::ZERO + MILLISECOND + exec, "its copy was long over");
}

#[test]
fn jitter_moves_every_duration_and_the_same_seed_moves_it_alike() {
    let run = |seed| {
        let deviation = Deviation { jitter: Jitter::Uniform(0.1), seed, ..Deviation::default() };
        let mut device = device(deviation);
        infer(&mut device, Nanos::ZERO, 1, 0);
        load(&mut device, Nanos::ZERO);
        all(&mut device).iter().map(|done| done.exec.duration).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!(!run(1).contains(&Span::new(3_322_000)));
}

#[test]
fn what_hung_goes_on_where_it_stopped_and_what_came_meanwhile_begins() {
    let exec = Span::new(3_322_000);
    let at = |ms| Nanos::ZERO + Span::from_millis(ms);
    let mut device = device(Deviation::default());
    infer(&mut device, at(1), 1, 0);
    device.inject(at(2), Fault::Hang);
    assert!(device.next_wakeup().is_none() && device.poll(at(50)).is_none());
    infer(&mut device, at(30), 2, 0);
    load(&mut device, at(40));
    device.inject(at(100), Fault::None);
    let done = all(&mut device);
    let ends: Vec<_> = done.iter().map(|done| done.exec.end).collect();
    assert_eq!(done[2].exec.begin, at(40), "its engine was idle when it came, so it began then");
    let first = at(99) + exec; // a millisecond was over when it stopped
    assert_eq!(ends, [first, first + exec, at(100) + Span::new(8_372_000)]);
}
