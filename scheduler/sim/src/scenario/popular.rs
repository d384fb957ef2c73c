//! `uniform`, `zipf`, `azure` and the same with popularity that shifts: large clusters near their
//! capacity, to compare one scheduler with several shards.

use std::sync::Arc;

use clockwork_wire::Span;
use clockwork_workload::Plan;
use rand::seq::SliceRandom;

use super::{Scenario, Setup, models};
use crate::Options;
use crate::popularity::{Popular, Popularity};
use crate::streams::{Purpose, Streams};

pub(crate) const UNIFORM: Scenario = Scenario {
    name: "uniform",
    description: "160 devices (or --devices), 10 copies of resnet50_v2 for each, equally popular, \
                  a Poisson stream of what the devices can do at batch size 8 (times the load factor)",
    build: |options, streams| build(options, streams, &[vec![1.0; models_of(options)]]),
};

pub(crate) const UNIFORM_SHIFT: Scenario = Scenario {
    name: "uniform-shift",
    description: "the same with twice the copies, half of which are asked for; every 500 ms an \
                  eighth of those gives way to others",
    build: |options, streams| {
        let count = 2 * models_of(options);
        let order = shuffled(count, streams);
        let phase = |phase: usize| {
            let mut weights = vec![0.0; count];
            for at in 0..count / 2 {
                weights[order[(at + phase * count / 16) % count]] = 1.0;
            }
            weights
        };
        build(options, streams, &(0..PHASES).map(phase).collect::<Vec<_>>())
    },
};

pub(crate) const ZIPF: Scenario = Scenario {
    name: "zipf",
    description: "as `uniform`, but popularity falls with rank to the power of 0.95: the first of \
                  1,600 models has a tenth of all requests",
    build: |options, streams| {
        let order = shuffled(models_of(options), streams);
        build(options, streams, &[zipf(&order)])
    },
};

pub(crate) const ZIPF_SHIFT: Scenario = Scenario {
    name: "zipf-shift",
    description: "the same; every 500 ms an eighth of the models, drawn from all ranks, trade places",
    build: |options, streams| {
        let mut order = shuffled(models_of(options), streams);
        let mut random = streams.stream(Purpose::Scenario, 1);
        let mut phases = Vec::new();
        for _ in 0..PHASES {
            phases.push(zipf(&order));
            let mut chosen: Vec<usize> = (0..order.len()).collect();
            let (chosen, _) = chosen.partial_shuffle(&mut random, order.len() / 8);
            for pair in chosen.windows(2) {
                order.swap(pair[0], pair[1]);
            }
        }
        build(options, streams, &phases)
    },
};

pub(crate) const AZURE: Scenario = Scenario {
    name: "azure",
    description: "as `uniform`, but one copy for each function of a trace of Azure Functions, as \
                  popular as the function was over the whole trace",
    build: |options, streams| {
        let trace = options.trace.as_deref().cloned().unwrap_or_default();
        build(options, streams, &[trace.calls(0, trace.minutes())])
    },
};

pub(crate) const AZURE_SHIFT: Scenario = Scenario {
    name: "azure-shift",
    description: "the same, as popular as within half an hour of the trace, which moves on by ten \
                  minutes every 500 ms",
    build: |options, streams| {
        let trace = options.trace.as_deref().cloned().unwrap_or_default();
        let phase = |phase| trace.calls(600 + phase * 10, 30);
        build(options, streams, &(0..PHASES).map(phase).collect::<Vec<_>>())
    },
};

/// A cluster of equal workers whose models are asked for as the phases say.
fn build(options: &Options, _: Streams, phases: &[Vec<f64>]) -> Setup {
    let devices = options.devices.unwrap_or(DEVICES);
    let workers = devices.div_ceil(WORKER_DEVICES);
    let count = u32::try_from(phases[0].len()).expect("a count of models fits");
    let mut plan = Plan::of("resnet50_v2", count);
    let size = f64::from(u32::try_from(devices).expect("a count of devices fits"));
    let rate = size * RATE * options.load.unwrap_or(1.0);
    let phases: Arc<[Popularity]> = phases.iter().map(|weights| Popularity::new(weights)).collect();
    plan.add(Popular::new(plan.targets(), rate, phases, PHASE));
    let mut setup =
        Setup::cluster(options, workers, WORKER_DEVICES, &models::only(&["resnet50_v2"]))
            .serving(plan);
    if let Some(last) = setup.workers.last_mut() {
        last.devices.truncate(devices - (workers - 1) * WORKER_DEVICES);
    }
    Setup { warmup: Span::from_millis(1_500), duration: Span::from_secs(2), ..setup }
}

fn models_of(options: &Options) -> usize {
    options.devices.unwrap_or(DEVICES) * DEVICE_MODELS
}

/// All models in random order.
fn shuffled(count: usize, streams: Streams) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut streams.stream(Purpose::Scenario, 0));
    order
}

/// Weights of models by their place in `order`.
fn zipf(order: &[usize]) -> Vec<f64> {
    let mut weights = vec![0.0; order.len()];
    for (rank, &model) in (1_u32..).zip(order) {
        weights[model] = f64::from(rank).powf(-EXPONENT);
    }
    weights
}

const DEVICES: usize = 160;
const WORKER_DEVICES: usize = 10;
const DEVICE_MODELS: usize = 10;

/// What one device can do: 8 requests every 12.439 ms.
const RATE: f64 = 8.0 / 0.012_439;

/// How popularity falls with rank.
const EXPONENT: f64 = 0.95;

/// How long popularity stays as it is.
const PHASE: Span = Span::from_millis(500);

/// Phases that are prepared: 20 seconds; the last one lasts for ever.
const PHASES: usize = 40;
