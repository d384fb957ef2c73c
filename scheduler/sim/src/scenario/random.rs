//! `random`: a small world drawn from the seed; what nobody thought of is in one of them.

use clockwork_config::SchedulerConfig;
use clockwork_executor::Fault;
use clockwork_executor::emulated::{Deviation, Jitter};
use clockwork_wire::{BatchSize, ClientId, GpuId, Span, WorkerId};
use clockwork_workload::generator::{ClosedLoop, FixedRate, PoissonOpenLoop};
use clockwork_workload::{Plan, Target};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::{
    ClientSetup, DeviceSetup, Faults, Incident, Scenario, Setup, Skew, WorkerSetup, models,
};
use crate::Options;
use crate::calibration::{Calibration, Cost, Link};
use crate::streams::{Purpose, Random};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "random",
    description: "up to 4 workers of up to 3 devices, with models, loads, knobs and faults drawn \
                  from the seed",
    build: |options, streams| {
        let mut random = streams.stream(Purpose::Scenario, 0);
        let workers = workers(&mut random);
        let faults = faults(&mut streams.stream(Purpose::Incident, 0), &workers);
        let calibration = calibration(&mut random);
        let scheduler = scheduler(&mut random);
        Setup {
            scheduler: options.scheduler.clone().unwrap_or(scheduler),
            shards: streams.stream(Purpose::Shards, 0).random_range(1..=4),
            calibration: options.calibration.unwrap_or(calibration),
            clients: clients(&mut random, options),
            workers,
            faults,
            warmup: Span::ZERO,
            duration: DURATION,
            checked: true,
        }
    },
};

fn scheduler(random: &mut Random) -> SchedulerConfig {
    let sizes = [1, 2, 4, 8, 16].map(|size| BatchSize::new(size).expect("within the limit"));
    SchedulerConfig {
        schedule_ahead: millis(random, 1, 20),
        default_slo: millis(random, 10, 200),
        max_batch: *sizes.choose(random).expect("there are some"),
        buffer: millis(random, 0, 8),
        send_margin: millis(random, 0, 8),
        estimate_window: random.random_range(1..20),
        max_requests: if chance(random, 0.2) { random.random_range(1..100) } else { 1_000_000 },
        ..SchedulerConfig::default()
    }
}

fn calibration(random: &mut Random) -> Calibration {
    let payloads = chance(random, 0.3);
    Calibration {
        controller: cost(random),
        worker: cost(random),
        client: cost(random),
        client_link: link(random),
        worker_link: link(random),
        cores: if chance(random, 0.3) { random.random_range(1..4) } else { 0 },
        payloads,
        shuffles: 0,
    }
}

fn cost(random: &mut Random) -> Cost {
    if chance(random, 0.5) {
        return Cost::default();
    }
    let mut up_to = |most| Span::new(random.random_range(0..most));
    Cost {
        turn: up_to(20_000),
        message_in: up_to(5_000),
        message_out: up_to(5_000),
        timer: up_to(100_000),
    }
}

fn link(random: &mut Random) -> Link {
    let bandwidth = if chance(random, 0.5) { 0 } else { random.random_range(10..1_250) * MEGABYTE };
    Link {
        delay: Span::from_micros(random.random_range(0..1_000)),
        jitter: Span::from_micros(if chance(random, 0.5) {
            0
        } else {
            random.random_range(0..300)
        }),
        bandwidth,
    }
}

fn workers(random: &mut Random) -> Vec<WorkerSetup> {
    let fast = models::catalogue();
    let slow = models::slower(&fast, 2.0, 4);
    let few = models::only(&["resnet50_v2", "resnet18_v2", "googlenet"]);
    let count = random.random_range(1..=4);
    (0..count)
        .map(|index| {
            let class = random.random_range(0..3);
            let catalogue = [&fast, &slow, &few][class];
            let joins =
                if index > 0 && chance(random, 0.2) { millis(random, 1, 300) } else { Span::ZERO };
            WorkerSetup {
                devices: (0..random.random_range(1..=3)).map(|_| device(random, class)).collect(),
                catalogue: catalogue.clone(),
                skew: skew(random),
                joins,
            }
        })
        .collect()
}

fn device(random: &mut Random, class: usize) -> DeviceSetup {
    let pages = if chance(random, 0.5) { random.random_range(5..60) } else { 1_376 };
    let mut device = DeviceSetup::exact(pages);
    ["fast", "slow", "fast"][class].clone_into(&mut device.spec.class);
    device.spec.depth = if chance(random, 0.2) { 2 } else { 1 };
    let jitter = match random.random_range(0..3) {
        0 => Jitter::LogNormal(0.05),
        1 => Jitter::Uniform(0.1),
        _ => Jitter::None,
    };
    device.deviation = Deviation { jitter, ..Deviation::default() };
    device
}

fn skew(random: &mut Random) -> Skew {
    if chance(random, 0.5) {
        return Skew::default();
    }
    Skew {
        ahead: random.random_range(-10_000_000_000..10_000_000_000),
        error: Span::from_micros(random.random_range(0..300)),
    }
}

fn clients(random: &mut Random, options: &Options) -> Vec<ClientSetup> {
    let count = random.random_range(1..=3);
    (0..count)
        .map(|index| {
            let starts = if index == 0 { Span::ZERO } else { millis(random, 0, 200) };
            let slo = if chance(random, 0.2) { millis(random, 5, 500) } else { Span::ZERO };
            let plan = plan(random, options.load.unwrap_or(1.0));
            ClientSetup { starts, slo, ..ClientSetup::new(plan) }
        })
        .collect()
}

fn plan(random: &mut Random, load: f64) -> Plan {
    let names: Vec<_> = models::names().collect();
    let mut plan = Plan::default();
    for _ in 0..random.random_range(1..=4) {
        let name = names.choose(random).expect("there are models");
        plan.load(name, random.random_range(1..=8));
    }
    let mut targets = plan.targets();
    for target in &mut targets {
        let slo_factor = if chance(random, 0.2) { random.random_range(1.0..30.0) } else { 0.0 };
        *target = Target { slo_factor, ..*target };
    }
    let rate = load * 10_f64.powf(random.random_range(1.0..3.3));
    match random.random_range(0..4) {
        0 => plan.add(FixedRate::new(targets, rate)),
        1 => {
            for target in targets {
                plan.add(ClosedLoop::new(vec![target], random.random_range(1..=12)));
            }
        }
        _ => plan.add(PoissonOpenLoop::new(targets, rate)),
    }
    plan
}

fn faults(random: &mut Random, workers: &[WorkerSetup]) -> Faults {
    let mut faults = Faults::default();
    if chance(random, 0.4) {
        return faults;
    }
    for (worker, setup) in (0..).map(WorkerId::new).zip(workers) {
        for _ in 0..random.random_range(0..3) {
            incident(random, worker, setup, &mut faults.incidents);
        }
    }
    if chance(random, 0.2) {
        let pause = millis(random, 1, 50);
        faults.incidents.push((moment(random), Incident::StallController { pause }));
    }
    if chance(random, 0.2) {
        let client = ClientId::new(0);
        faults.incidents.push((moment(random), Incident::Leave { client }));
    }
    faults.repeated_results = if chance(random, 0.3) { 0.05 } else { 0.0 };
    faults.lost_results = if chance(random, 0.3) { 0.02 } else { 0.0 };
    faults.late_results = if chance(random, 0.3) { 0.05 } else { 0.0 };
    faults.lateness = millis(random, 1, 300);
    faults
}

fn incident(
    random: &mut Random,
    worker: WorkerId,
    setup: &WorkerSetup,
    incidents: &mut Vec<(Span, Incident)>,
) {
    let at = moment(random);
    let down = millis(random, 0, 200);
    let gpu = GpuId::from_index(random.random_range(0..setup.devices.len()));
    let device = |fault| Incident::Device { worker, gpu, fault };
    match random.random_range(0..5) {
        0 => incidents.push((at, Incident::Crash { worker, down })),
        1 => incidents.push((at, Incident::Disconnect { worker, down })),
        2 => incidents.push((at, Incident::Stall { worker, pause: down })),
        kind => {
            let factor = random.random_range(0.5..10.0);
            // With two INFERs handed over, the second starts when the first ends: on a device that
            // hangs, that is not when it was predicted.
            let hangs = kind == 3 && setup.devices[gpu.index()].spec.depth == 1;
            let fault = if hangs { Fault::Hang } else { Fault::Slow(factor) };
            incidents.push((at, device(fault)));
            incidents.push((at + down, device(Fault::None)));
        }
    }
}

fn moment(random: &mut Random) -> Span {
    DURATION.scale(random.random::<f64>())
}

fn millis(random: &mut Random, least: u64, most: u64) -> Span {
    Span::from_micros(random.random_range(least * 1_000..=most * 1_000))
}

fn chance(random: &mut Random, probability: f64) -> bool {
    random.random::<f64>() < probability
}

const DURATION: Span = Span::from_millis(400);
const MEGABYTE: u64 = 1_000_000;
