use clockwork_config::SchedulerConfig;
use clockwork_wire::{
    BatchProfile, DeviceState, GpuId, ModelProfile, Pages, RequestId, Status, WorkerId,
};

use super::*;
use crate::Scheduler;
use crate::message::{Input, Output, Request};

fn us(us: u64) -> Span {
    Span::from_micros(us)
}

fn at(us: u64) -> Nanos {
    Nanos::new(1_000_000_000_000) + Span::from_micros(us)
}

fn profile() -> ModelProfile {
    let times = [(1, 2_700), (2, 4_000), (4, 6_500)];
    ModelProfile {
        name: "model".to_owned(),
        input_size: 4_096,
        output_size: 4_000,
        weights_size: 1 << 24,
        pages: Pages::new(1),
        load: us(8_000),
        batches: times
            .map(|(b, t)| BatchProfile { batch: BatchSize::new(b).unwrap(), exec: us(t) })
            .into(),
    }
}

fn grown(batch: u16, waiting: usize, interval: u64, due: u64) -> Option<Growth> {
    let kind = Kind::new("v100", &profile(), &SchedulerConfig::default());
    let batch = BatchSize::new(batch).unwrap();
    Growth::of(&kind, (batch, waiting), us(interval), (at(0), at(due)), |time| time)
}

#[test]
fn a_batch_grows_if_what_it_misses_comes_before_its_latest_start() {
    let growth = Growth { wait: us(1_000), latest: at(6_000), saved: us(1_400) };
    assert_eq!(grown(1, 1, 1_000, 10_000), Some(growth));
    let growth = Growth { wait: us(1_000), latest: at(3_500), saved: us(1_500) };
    assert_eq!(grown(2, 3, 1_000, 10_000), Some(growth), "one of two is there");
    assert_eq!(grown(2, 2, 1_751, 10_000), None, "the second comes too late");
    assert_eq!(grown(4, 9, 1, 10_000), None, "none is larger");
}

#[test]
fn a_device_idles_for_a_batch_only_if_that_saves_twice_the_time() {
    assert!(grown(1, 1, 699, 10_000).unwrap().pays());
    assert!(!grown(1, 1, 700, 10_000).unwrap().pays());
}

/// One device that holds models 0 and 1; 0 is asked for every half a millisecond.
struct Bench {
    scheduler: Clockwork,
    requests: u64,
}

impl Bench {
    fn new(config: SchedulerConfig) -> Self {
        let worker = WorkerId::new(0);
        let models = [0, 1].map(ModelId::new);
        let mut scheduler = Clockwork::new(config, 1, 0);
        let device = DeviceState {
            gpu: GpuId::new(0),
            class: "v100".to_owned(),
            pages: Pages::new(10),
            loaded: models.to_vec(),
            ..DeviceState::default()
        };
        scheduler.handle(at(0), Input::WorkerUp { worker, devices: vec![device] });
        for model in models {
            let profile = profile().into();
            scheduler.handle(at(0), Input::ModelUp { worker, model, profile });
        }
        let mut bench = Self { scheduler, requests: 0 };
        // Nobody can be served within an eighth of a millisecond.
        for step in 0..400 {
            bench.request(step * 500, 0, 125);
            assert_eq!(bench.ordered(step * 500), []);
        }
        bench
    }

    fn request(&mut self, now: u64, model: u32, slo: u64) {
        self.requests += 1;
        let request = Request {
            id: RequestId::new(self.requests),
            model: ModelId::new(model),
            slo_factor: 0.0,
            slo: us(slo),
            arrival: at(now),
            input_len: 0,
        };
        self.scheduler.handle(at(now), Input::Request(request));
    }

    /// What is ordered: of which model, how many at once.
    fn ordered(&mut self, now: u64) -> Vec<(usize, usize)> {
        let mut ordered = Vec::new();
        while let Some(output) = self.scheduler.poll(at(now)) {
            match output {
                Output::Action(order) => {
                    ordered.push((order.action.model.index(), order.requests.len()));
                }
                Output::Respond(response) => {
                    assert!(matches!(response.status, Status::REFUSED | Status::TIMEOUT));
                }
                Output::Record(_) => {}
            }
        }
        ordered
    }

    /// When the scheduler wants to be asked again, in microseconds.
    fn wakeup(&self) -> u64 {
        let wakeup = self.scheduler.next_wakeup().expect("something waits");
        (wakeup - at(0)).get().div_ceil(1_000)
    }
}

fn with(defer: bool) -> SchedulerConfig {
    SchedulerConfig { defer, ..SchedulerConfig::default() }
}

#[test]
fn another_model_goes_before_a_more_urgent_batch_that_grows() {
    for (defer, first) in [(false, 0), (true, 1)] {
        let mut bench = Bench::new(with(defer));
        bench.request(200_000, 0, 50_000);
        bench.request(200_000, 1, 60_000);
        assert_eq!(bench.ordered(200_000), [(first, 1)], "defer: {defer}");
    }
}

#[test]
fn one_that_would_not_be_over_in_time_does_not() {
    let mut bench = Bench::new(with(true));
    // Its latest start in two is before the other would be over.
    bench.request(200_000, 0, 6_500);
    bench.request(200_000, 1, 60_000);
    assert_ne!(bench.ordered(200_000).first(), Some(&(1, 1)));
}

#[test]
fn while_requests_are_refused_a_device_idles_for_what_it_expects() {
    let mut bench = Bench::new(with(true));
    bench.request(200_000, 0, 50_000);
    assert_eq!(bench.ordered(200_000), []);
    bench.request(200_400, 0, 50_000);
    assert_eq!(bench.ordered(200_400), [(0, 2)]);
    let mut bench = Bench::new(with(false));
    bench.request(200_000, 0, 50_000);
    assert_eq!(bench.ordered(200_000), [(0, 1)]);
}

#[test]
fn it_does_not_idle_for_longer_if_that_does_not_come() {
    let mut bench = Bench::new(with(true));
    bench.request(200_000, 0, 50_000);
    assert_eq!(bench.ordered(200_000), []);
    let wakeup = bench.wakeup();
    assert!((200_001..=201_010).contains(&wakeup), "twice what it expected: {wakeup}");
    assert_eq!(bench.ordered(wakeup), [(0, 1)]);
}

#[test]
fn while_none_is_refused_a_device_does_not_idle() {
    let mut bench = Bench::new(SchedulerConfig { early_refusal: false, ..with(true) });
    bench.request(200_000, 0, 50_000);
    assert_eq!(bench.ordered(200_000), [(0, 1)]);
}
