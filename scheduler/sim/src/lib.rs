//! The whole system in virtual time, from one seed.
//!
//! The scheduler, the workers and the workloads are the ones that ship; what is simulated is only
//! what surrounds them: clocks that disagree, links that take time, processes that are busy,
//! devices and workers that fail. A run is a pure function of its scenario, its seed and its
//! options, so a seed is the whole report of a failure.
//!
//! *What is checked?* Every step, by a checker that knows the system's invariants and nothing of
//! the algorithm; and when a run is over and has come to rest, that everything was answered and
//! that both sides agree on what the devices hold.
//!
//! *Why does one fault not change everything else?* Every purpose has a random stream of its own:
//! a run with lost results has the same arrivals and delays as the run without.
//!
//! ```
//! use clockwork_simulator::{Options, scenario, simulate};
//!
//! let report = simulate(scenario::find("simple").unwrap(), 1, &Options::default());
//! assert!(report.violations.is_empty(), "{report}");
//! assert!(report.in_slo > 0.999);
//! ```

pub mod ahead;
pub mod beside;
pub mod calibration;
pub mod observer;
pub mod policies;
pub mod recording;
pub mod report;
pub mod scenario;
pub mod shards;
pub mod trial;

mod checker;
mod popularity;
mod sliding;
mod streams;
mod tally;
mod world;

pub use calibration::{Calibration, Cost, Link};
pub use clockwork_workload::trace::Trace;
pub use observer::{Answered, Observer};
pub use recording::Recording;
pub use report::Report;
pub use scenario::{CLUSTERS, PACED, SCENARIOS, Scenario};
pub use trial::{Machine, Trial};

use std::sync::Arc;

use clockwork_config::{SchedulerConfig, SchedulerKind};
use clockwork_wire::Span;

use crate::streams::Streams;
use crate::world::{Decider, World};

/// What a run may choose, apart from its scenario and its seed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The scheduler's knobs; `None` leaves them to the scenario.
    pub scheduler: Option<SchedulerConfig>,
    /// Which scheduler decides; `None` leaves that to its knobs.
    pub kind: Option<SchedulerKind>,
    /// Changes the scheduler's knobs last of all, however they came about.
    pub tune: Option<fn(&mut SchedulerConfig)>,
    /// What messages and turns cost; `None` leaves that to the scenario.
    pub calibration: Option<Calibration>,
    /// From the start to the beginning of the measurement; `None` leaves that to the scenario.
    pub warmup: Option<Span>,
    /// How long is measured; `None` leaves that to the scenario.
    pub duration: Option<Span>,
    /// The seed of the first client's workload, as the real client's `--seed` takes it, so that both
    /// send the same; `None` derives it from the run's seed.
    pub arrivals: Option<u64>,
    /// Factor on the scenario's load; `None` leaves that to the scenario.
    pub load: Option<f64>,
    /// Schedulers beside each other, up to 64; 0: one scheduler with nothing around it. `None` leaves
    /// that to the scenario.
    pub shards: Option<usize>,
    /// Devices of the [`CLUSTERS`]; `None` leaves that to the scenario.
    pub devices: Option<usize>,
    /// What [`scenario::TRACED`] take popularity from.
    pub trace: Option<Arc<Trace>>,
}

/// Runs a scenario from a seed until everything has come to rest.
///
/// # Panics
/// If the code under test panics; what is printed then ends with the command that runs it again.
pub fn simulate(scenario: &Scenario, seed: u64, options: &Options) -> Report {
    run(scenario, seed, options, false).0
}

/// Runs a scenario at several loads, from the same seed.
///
/// # Panics
/// As [`simulate`].
pub fn sweep(scenario: &Scenario, seed: u64, options: &Options, loads: &[f64]) -> Vec<Report> {
    let at = |&load: &f64| Options { load: Some(load), ..options.clone() };
    loads.iter().map(|load| simulate(scenario, seed, &at(load))).collect()
}

/// Runs a scenario like [`simulate`], and keeps every turn of its scheduler.
///
/// # Panics
/// As [`simulate`].
pub fn record(scenario: &Scenario, seed: u64, options: &Options) -> (Report, Recording) {
    let (report, recording) = run(scenario, seed, options, true);
    (report, recording.expect("it was asked for"))
}

/// The scheduler that a run of a scenario begins with, for [`Recording::replay`].
pub fn scheduler(
    scenario: &Scenario,
    seed: u64,
    options: &Options,
) -> Box<dyn clockwork_scheduler::Scheduler> {
    let setup = build(scenario, Streams::new(seed), options);
    Decider::new(setup.scheduler, setup.shards, setup.workers.len()).into_scheduler()
}

fn build(scenario: &Scenario, streams: Streams, options: &Options) -> scenario::Setup {
    let mut setup = (scenario.build)(options, streams);
    setup.shards = options.shards.unwrap_or(setup.shards);
    setup.scheduler.kind = options.kind.unwrap_or(setup.scheduler.kind);
    if let Some(tune) = options.tune {
        tune(&mut setup.scheduler);
    }
    setup
}

fn run(
    scenario: &Scenario,
    seed: u64,
    options: &Options,
    record: bool,
) -> (Report, Option<Recording>) {
    let _says_which = OnPanic { scenario: scenario.name, seed };
    let streams = Streams::new(seed);
    let mut setup = build(scenario, streams, options);
    setup.warmup = options.warmup.unwrap_or(setup.warmup);
    setup.duration = options.duration.unwrap_or(setup.duration);
    if let Some(client) = setup.clients.first_mut() {
        client.seed = options.arrivals;
    }
    let mut report = Report {
        scenario: scenario.name.to_owned(),
        seed,
        scheduler: setup.scheduler.kind.name().to_owned(),
        ..Report::default()
    };
    let recording = report.take(World::new(setup, streams, record).run(&mut ()));
    (report, recording)
}

/// Says which seed it was when the code under test panics.
struct OnPanic {
    scenario: &'static str,
    seed: u64,
}

impl Drop for OnPanic {
    #[expect(clippy::print_stderr, reason = "the panic's message is printed there too")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("run again with: {}", report::replay_command(self.scenario, self.seed));
        }
    }
}
