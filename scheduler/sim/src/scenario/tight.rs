//! `judge-sizes`, `judge-links`, `judge-copies`: what loads in pieces and timelines of links and of copies
//! into devices are judged by. The SLO is the scheduler's default.

use clockwork_wire::Span;
use clockwork_workload::Plan;
use clockwork_workload::generator::{OpenLoop, Popularity, Step};

use super::{ClientSetup, DeviceSetup, Scenario, Setup, models};
use crate::calibration::{Calibration, Link};

pub(crate) const SIZES: Scenario = Scenario {
    name: "judge-sizes",
    description: "2 devices with 140 pages each; 80 models of 3 pages (4 ms to load), and 40 of 15 and 20 \
                  pages (20 and 26 ms) with 10 times their SLO; the load is relative to 120/s and 30/s",
    build: |options, _| {
        let load = options.load.unwrap_or(1.0);
        let mut setup = Setup::cluster(options, 1, 2, &models::only(&[SMALL, LARGE].concat()));
        setup.clients.push(sized(&SMALL, 120.0 * load, 40, Span::ZERO));
        let slack = setup.scheduler.default_slo.times(10);
        setup.clients.push(sized(&LARGE, 30.0 * load, 20, slack));
        for device in &mut setup.workers[0].devices {
            *device = DeviceSetup::exact(140);
        }
        setup
    },
};

/// Asks for copies of models, the n-th as popular as n^-0.9.
fn sized(names: &[&str], rate: f64, copies: u32, slo: Span) -> ClientSetup {
    let mut plan = Plan::default();
    for _ in 0..copies {
        for name in names {
            plan.load(name, 1);
        }
    }
    let steps = vec![Step { rate, length: Span::MAX }];
    plan.add(OpenLoop::new(plan.targets(), Popularity::Zipf(0.9), steps));
    ClientSetup { slo, ..ClientSetup::new(plan) }
}

pub(crate) const LINKS: Scenario = Scenario {
    name: "judge-links",
    description: "2 workers with 8 devices each behind 10 Gbit/s, 24 copies of resnet50_v2 that are all \
                  loaded, inputs of 602,112 bytes; the load is relative to what the links carry",
    build: |options, _| {
        let mut plan = Plan::of("resnet50_v2", 24);
        let rate = 2.0 * BANDWIDTH / INPUT_BYTES * options.load.unwrap_or(1.0);
        let steps = vec![Step { rate, length: Span::MAX }];
        plan.add(OpenLoop::new(plan.targets(), Popularity::Uniform, steps));
        let mut setup = Setup::cluster(options, 2, 8, &models::catalogue()).serving(plan);
        for device in setup.workers.iter_mut().flat_map(|worker| &mut worker.devices) {
            device.spec.depth = 2;
        }
        let worker_link = Link { bandwidth: TEN_GIGABIT, ..Calibration::NETWORK.worker_link };
        let limited = Calibration { worker_link, payloads: true, ..Calibration::NETWORK };
        Setup { calibration: options.calibration.unwrap_or(limited), ..setup }
    },
};

pub(crate) const COPIES: Scenario = Scenario {
    name: "judge-copies",
    description: "1 worker with 8 devices that copy 0.25 GB/s each, 12 copies of resnet50_v2 that are all \
                  loaded, inputs of 602,112 bytes; the load is relative to what the copy engines carry",
    build: |options, _| {
        let mut plan = Plan::of("resnet50_v2", 12);
        let rate = 8.0 * COPY_BANDWIDTH / INPUT_BYTES * options.load.unwrap_or(1.0);
        let steps = vec![Step { rate, length: Span::MAX }];
        plan.add(OpenLoop::new(plan.targets(), Popularity::Uniform, steps));
        let mut setup = Setup::cluster(options, 1, 8, &models::catalogue()).serving(plan);
        for device in &mut setup.workers[0].devices {
            device.spec.depth = 2;
            device.deviation.copy_bandwidth = Some(QUARTER_GIGABYTE);
        }
        let worker_link = Link { bandwidth: HUNDRED_GIGABIT, ..Calibration::NETWORK.worker_link };
        let carrying = Calibration { worker_link, payloads: true, ..Calibration::NETWORK };
        Setup { calibration: options.calibration.unwrap_or(carrying), ..setup }
    },
};

const SMALL: [&str; 2] = ["resnet18_v2", "tsn_resnet18_v1b_kinetics400"];
const LARGE: [&str; 2] = ["winograd_resnet152_v2", "resnet152_v1"];

/// Bytes per second.
const HUNDRED_GIGABIT: u64 = 12_500_000_000;
const QUARTER_GIGABYTE: u64 = 250_000_000;
const COPY_BANDWIDTH: f64 = 0.25e9;
const TEN_GIGABIT: u64 = 1_250_000_000;
const BANDWIDTH: f64 = 1.25e9;
/// Of one input of `resnet50_v2`.
const INPUT_BYTES: f64 = 602_112.0;
