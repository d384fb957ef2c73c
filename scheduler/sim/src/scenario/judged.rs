//! `judge-*`: what policies are judged by. The SLO is the scheduler's default, and the load a multiple
//! of what the devices can do at the largest batch size that an SLO leaves time to gather.

use clockwork_config::SchedulerConfig;
use clockwork_executor::zoo;
use clockwork_wire::Span;
use clockwork_workload::Plan;
use clockwork_workload::generator::{OpenLoop, Popularity, Step};

use super::{Catalogue, DeviceSetup, Scenario, Setup, models};
use crate::Options;

pub(crate) const STEADY: Scenario = Scenario {
    name: "judge-steady",
    description: "4 devices, 12 copies of resnet50_v2 that are all loaded, a Poisson stream",
    build: |options, _| {
        let plan = Plan::of(RESNET50, 12);
        let rate = 4.0 * options.load.unwrap_or(1.0) * rate_of(RESNET50, slo(options));
        setup(options, plan, 4, Popularity::Uniform, &steady(rate))
    },
};

pub(crate) const FAST: Scenario = Scenario {
    name: "judge-fast",
    description: "2 devices that are ten times as fast as those of judge-steady, 6 copies",
    build: |options, _| {
        let plan = Plan::of(RESNET50, 6);
        let rate = 2.0
            * options.load.unwrap_or(1.0)
            * FASTER
            * rate_of(RESNET50, slo(options).scale(FASTER));
        let catalogue = models::slower(&models::only(&[RESNET50]), 1.0 / FASTER, 16);
        served(options, plan, (2, &catalogue), Popularity::Uniform, &steady(rate))
    },
};

pub(crate) const MIX: Scenario = Scenario {
    name: "judge-mix",
    description: "6 devices, 6 copies of each of five models whose executions take 1 to 8 ms",
    build: |options, _| {
        let mut plan = Plan::default();
        for name in MIXED {
            plan.load(name, 6);
        }
        // Requests are spread evenly, so that a request takes the mean of their times.
        let times = MIXED.map(|name| 1.0 / rate_of(name, slo(options)));
        let rate = 6.0 * options.load.unwrap_or(1.0) * 5.0 / times.iter().sum::<f64>();
        setup(options, plan, 6, Popularity::Uniform, &steady(rate))
    },
};

pub(crate) const BURST: Scenario = Scenario {
    name: "judge-burst",
    description: "as judge-steady, but of every 200 ms the first 50 have 2.5 times the load and the \
                  others half of it",
    build: |options, _| {
        let plan = Plan::of(RESNET50, 12);
        let rate = 4.0 * options.load.unwrap_or(1.0) * rate_of(RESNET50, slo(options));
        let high = Step { rate: rate * 2.5, length: Span::from_millis(50) };
        let low = Step { rate: rate * 0.5, length: Span::from_millis(150) };
        setup(options, plan, 4, Popularity::Uniform, &[high, low].repeat(BURSTS))
    },
};

pub(crate) const COLD: Scenario = Scenario {
    name: "judge-cold",
    description: "4 devices with room for 20 models each, 400 copies of resnet50_v2, the n-th as \
                  popular as n^-0.9; the load is relative to 400/s",
    build: |options, _| {
        let plan = Plan::of(RESNET50, 400);
        let rate = 400.0 * options.load.unwrap_or(1.0);
        let mut setup = setup(options, plan, 4, Popularity::Zipf(0.9), &steady(rate));
        for device in &mut setup.workers[0].devices {
            *device = DeviceSetup::exact(20 * 7);
        }
        setup
    },
};

fn setup(
    options: &Options,
    plan: Plan,
    devices: usize,
    popularity: Popularity,
    steps: &[Step],
) -> Setup {
    served(options, plan, (devices, &models::catalogue()), popularity, steps)
}

fn served(
    options: &Options,
    mut plan: Plan,
    (devices, catalogue): (usize, &Catalogue),
    popularity: Popularity,
    steps: &[Step],
) -> Setup {
    plan.add(OpenLoop::new(plan.targets(), popularity, steps.to_vec()));
    let setup = Setup::cluster(options, 1, devices, catalogue).serving(plan);
    Setup { warmup: Span::from_millis(1_000), duration: Span::from_secs(2), ..setup }
}

fn steady(rate: f64) -> [Step; 1] {
    [Step { rate, length: Span::MAX }]
}

fn slo(options: &Options) -> Span {
    options.scheduler.as_ref().map_or_else(SchedulerConfig::default, Clone::clone).default_slo
}

/// Requests per second that a device does of a model in batches of up to 8 that take half of the SLO
/// at most.
fn rate_of(name: &str, slo: Span) -> f64 {
    let profile = zoo::profile(name).expect("scenarios choose from the zoo");
    let fits = |b: &&clockwork_wire::BatchProfile| {
        b.batch.get() == 1 || (b.batch.get() <= 8 && b.exec.times(2) <= slo)
    };
    let rates = profile.batches.iter().filter(fits);
    rates.map(|b| f64::from(b.batch.get()) / b.exec.as_secs_f64()).fold(0.0, f64::max)
}

const RESNET50: &str = "resnet50_v2";

const MIXED: [&str; 5] =
    ["resnet50_v2", "resnet18_v2", "winograd_resnet18_v2", "densenet121", "resnet152_v1"];

/// How much faster the fast devices are.
const FASTER: f64 = 10.0;

/// Bursts that are prepared: 20 seconds.
const BURSTS: usize = 100;
