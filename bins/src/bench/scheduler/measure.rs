//! Repeats of one cell, on one thread or on several.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use clockwork_config::{SchedulerConfig, SchedulerKind};
use clockwork_executor::zoo;
use clockwork_wire::{BatchSize, ModelProfile, Nanos, Span};
use hdrhistogram::Histogram;

use super::Arguments;
use super::arrivals::Arrivals;
use super::grid::{Cell, MAX_BATCH};
use super::warm_up::warm_up;
use super::world::{Tally, World, count};
use crate::bench::machine::thread_cpu_seconds;

/// What is measured.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// Models, devices and popularity.
    pub(super) cell: Cell,
    /// The scheduler.
    pub(super) config: SchedulerConfig,
    /// Offered load as a part of what the devices do at their largest batch size.
    pub(super) load: f64,
}

/// The figures of a cell, one per repeat.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Requests answered OK per CPU second, added up over the threads.
    pub(super) decisions_per_s: Vec<f64>,
    /// Requests answered OK by all threads per second of wall-clock time.
    pub(super) decisions_per_wall_s: Vec<f64>,
    /// Median of a turn.
    pub(super) p50_us: Vec<f64>,
    /// 99th percentile of a turn.
    pub(super) p99_us: Vec<f64>,
    /// 99.9th percentile of a turn.
    pub(super) p999_us: Vec<f64>,
    /// Mean of a turn.
    pub(super) mean_us: Vec<f64>,
    /// Requests answered OK, of all.
    pub(super) ok_percent: Vec<f64>,
    /// Requests per INFER.
    pub(super) mean_batch: Vec<f64>,
    /// Turns per request.
    pub(super) turns_per_request: Vec<f64>,
    /// LOADs per request: far more in a cluster whose memory is still filling.
    pub(super) loads_per_request: Vec<f64>,
    /// Virtual seconds before anything counted.
    pub(super) warm_up_s: Vec<f64>,
    /// What a request costs when the scheduler answers it at once.
    pub(super) driver_ns: Vec<f64>,
    /// The load that was offered.
    pub(super) load: f64,
    /// The same in requests per second of virtual time.
    pub(super) offered_rps: f64,
    /// What reading the clock twice adds to a turn's time.
    pub(super) clock_ns: f64,
}

/// Measures a cell.
pub(super) fn cell(mut setup: Setup, arguments: &Arguments) -> Measured {
    if !arguments.exact_load {
        setup.load = feasible(&setup);
    }
    let mut measured = Measured {
        load: setup.load,
        offered_rps: setup.rate(),
        clock_ns: clock_overhead(),
        ..Measured::default()
    };
    let seconds = arguments.common.seconds_or(2.0);
    for repeat in 0..arguments.common.repeats {
        let seed = 1 + u64::try_from(repeat).expect("repeats are few");
        let shards = parallel(&setup, arguments.shards, seconds, seed);
        measured.throughput(&shards);
        shards.iter().filter_map(|run| run.took.as_ref()).for_each(|took| measured.latency(took));
        let null = Setup { config: null(&setup.config), ..setup.clone() };
        let run = timed(&mut null.world(seed), seconds / 4.0);
        measured.driver_ns.push(1e9 * run.cpu / count(run.tally.requests));
    }
    measured
}

/// Carries exactly `requests` requests through, without a clock.
pub(super) fn carry(setup: &Setup, requests: u64) -> Tally {
    let mut world = setup.world(1);
    while world.arrived() < requests {
        world.step();
    }
    world.tally
}

/// The same configuration with a scheduler that answers at once: what remains is the drive.
fn null(config: &SchedulerConfig) -> SchedulerConfig {
    SchedulerConfig { kind: SchedulerKind::Echo, ..config.clone() }
}

/// A stretch of work.
struct Run {
    tally: Tally,
    cpu: f64,
    wall: f64,
    /// Virtual time before it.
    warm_up: Span,
    /// How long each turn took after it, where that was watched.
    took: Option<Histogram<u64>>,
}

impl Setup {
    /// Requests per second of virtual time.
    fn rate(&self) -> f64 {
        let largest = BatchSize::new(MAX_BATCH).expect("the largest batch is within the limit");
        let exec = profile().exec(largest).expect("the largest batch is profiled");
        self.load * f64::from(self.cell.devices) * f64::from(MAX_BATCH) / exec.as_secs_f64()
    }

    fn world(&self, seed: u64) -> World {
        let profile = profile();
        let scheduler = clockwork_scheduler::scheduler(self.config.clone(), 1, 0);
        let arrivals = Arrivals::new(self.cell, self.rate(), BEGIN, seed);
        let devices = self.cell.devices(profile.pages);
        World::new(scheduler, arrivals, &devices, self.cell.models, &profile)
    }
}

/// The highest load, in steps of 5 % downwards, at which 99 % are OK; what was asked for if none.
fn feasible(setup: &Setup) -> f64 {
    let mut probe = setup.clone();
    while probe.load > 0.1 {
        if probe.ok_share() >= 0.99 {
            return probe.load;
        }
        probe.load -= 0.05;
    }
    setup.load
}

impl Setup {
    /// The share of OK over one virtual second after the warm-up.
    fn ok_share(&self) -> f64 {
        let mut world = self.world(1);
        warm_up(&mut world);
        let before = world.tally;
        let end = world.now() + Span::from_secs(1);
        while world.now() < end {
            world.step();
        }
        let tally = world.tally.since(before);
        count(tally.ok) / count(tally.requests)
    }
}

/// Independent schedulers, each on a thread of its own.
fn parallel(setup: &Setup, shards: usize, seconds: f64, seed: u64) -> Vec<Run> {
    let barrier = Barrier::new(shards);
    let work = |shard: usize| {
        let mut world = setup.world(seed + 1_000 * u64::try_from(shard).expect("few shards"));
        let warm_up = warm_up(&mut world);
        barrier.wait();
        let run = timed(&mut world, seconds);
        barrier.wait();
        // One at a time: the first alone says how long turns take.
        let took = (shard == 0).then(|| watched(&mut world, seconds));
        Run { warm_up, took, ..run }
    };
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..shards).map(|shard| scope.spawn(move || work(shard))).collect();
        threads.into_iter().map(|t| t.join().expect("a scheduler ran to its end")).collect()
    })
}

/// Makes turns until the thread has used `seconds` of CPU time.
fn timed(world: &mut World, seconds: f64) -> Run {
    let before = world.tally;
    let (begin, wall) = (thread_cpu_seconds(), Instant::now());
    loop {
        for _ in 0..TURNS_PER_LOOK {
            world.step();
        }
        let cpu = thread_cpu_seconds() - begin;
        if cpu >= seconds {
            let wall = wall.elapsed().as_secs_f64();
            let tally = world.tally.since(before);
            return Run { tally, cpu, wall, warm_up: Span::ZERO, took: None };
        }
    }
}

/// How long turns take, one by one.
fn watched(world: &mut World, seconds: f64) -> Histogram<u64> {
    let mut took = Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("the bounds are valid");
    let begin = thread_cpu_seconds();
    while thread_cpu_seconds() - begin < seconds {
        for _ in 0..TURNS_PER_LOOK {
            world.step_watched(&mut took);
        }
    }
    took
}

impl Measured {
    fn throughput(&mut self, shards: &[Run]) {
        let rate = |run: &Run| count(run.tally.ok) / run.cpu;
        self.decisions_per_s.push(shards.iter().map(rate).sum());
        let sum = |f: fn(&Run) -> u64| count(shards.iter().map(f).sum());
        let (requests, ok) = (sum(|run| run.tally.requests), sum(|run| run.tally.ok));
        let wall = shards.iter().map(|run| run.wall).fold(0.0, f64::max);
        self.decisions_per_wall_s.push(ok / wall);
        self.ok_percent.push(100.0 * ok / requests);
        self.mean_batch.push(sum(|run| run.tally.batched) / sum(|run| run.tally.actions));
        self.turns_per_request.push(sum(|run| run.tally.turns) / requests);
        self.loads_per_request.push(sum(|run| run.tally.loads) / requests);
        let warm_up = shards.iter().map(|run| run.warm_up).max().unwrap_or_default();
        self.warm_up_s.push(warm_up.as_secs_f64());
    }

    fn latency(&mut self, took: &Histogram<u64>) {
        let us = |quantile: f64| Span::new(took.value_at_quantile(quantile)).as_f64() / 1e3;
        self.p50_us.push(us(0.5));
        self.p99_us.push(us(0.99));
        self.p999_us.push(us(0.999));
        self.mean_us.push(took.mean() / 1e3);
    }
}

/// What a turn's time contains of the clock itself: the median of readings without anything between.
fn clock_overhead() -> f64 {
    let mut gaps: Vec<u64> = (0..10_001)
        .map(|_| {
            let begin = black_box(Instant::now());
            u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
        })
        .collect();
    gaps.sort_unstable();
    Span::new(gaps[gaps.len() / 2]).as_f64()
}

fn profile() -> std::sync::Arc<ModelProfile> {
    zoo::profile("resnet50_v2").expect("the zoo has it")
}

/// Any instant will do, far enough from zero that nothing saturates.
const BEGIN: Nanos = Nanos::new(1_000_000_000_000);
const TURNS_PER_LOOK: u32 = 1_024;
