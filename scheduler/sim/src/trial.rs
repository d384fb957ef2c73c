//! One run of any workload on any cluster, both of which are data.

use std::collections::BTreeMap;
use std::sync::Arc;

use clockwork_config::SchedulerConfig;
use clockwork_executor::emulated::Deviation;
use clockwork_wire::{ModelProfile, Pages, Span};
use clockwork_workload::Plan;

use crate::scenario::{ClientSetup, DeviceSetup, Faults, Setup, Skew, WorkerSetup};
use crate::streams::Streams;
use crate::{Calibration, Observer, Report};

pub use crate::world::START;

/// Everything that decides a run.
#[derive(Debug)]
pub struct Trial {
    /// What its report is called.
    pub name: String,
    /// The workers, in the order of their ids.
    pub machines: Vec<Machine>,
    /// The models that every worker finds, by name.
    pub models: BTreeMap<String, Arc<ModelProfile>>,
    /// The scheduler's knobs, its kind among them.
    pub scheduler: SchedulerConfig,
    /// Schedulers beside each other, up to 64; 0: one scheduler with nothing around it.
    pub shards: usize,
    /// What messages and turns cost.
    pub calibration: Calibration,
    /// What the one client asks for.
    pub plan: Plan,
    /// The seed of every random choice but the arrivals.
    pub seed: u64,
    /// The seed of the arrivals, as the real client's `--seed` takes it.
    pub arrivals: u64,
    /// From the start to the beginning of what the report measures. An observer is told everything.
    pub warmup: Span,
    /// How long is measured; then the client stops, if its workload has not come to its end.
    pub duration: Span,
    /// Whether the invariants are checked at every step, which costs about as much as the rest.
    pub checked: bool,
}

/// A worker with equal devices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// How many.
    pub devices: usize,
    /// Pages of each device's weights cache.
    pub pages: Pages,
    /// How they deviate from the models' profiles.
    pub deviation: Deviation,
}

impl Trial {
    /// Runs until everything has come to rest, or the observer wants no more of it.
    pub fn run(self, observer: &mut dyn Observer) -> Report {
        let (streams, mut report) = (Streams::new(self.seed), self.report());
        report.take(crate::world::World::new(self.setup(), streams, false).run(observer));
        report
    }

    fn report(&self) -> Report {
        Report {
            scenario: self.name.clone(),
            seed: self.seed,
            scheduler: self.scheduler.kind.name().to_owned(),
            ..Report::default()
        }
    }

    fn setup(self) -> Setup {
        let catalogue = Arc::new(self.models);
        let worker = |machine: &Machine| WorkerSetup {
            devices: vec![machine.device(); machine.devices],
            catalogue: Arc::clone(&catalogue),
            skew: Skew::default(),
            joins: Span::ZERO,
        };
        Setup {
            workers: self.machines.iter().map(worker).collect(),
            scheduler: self.scheduler,
            shards: self.shards,
            calibration: self.calibration,
            clients: vec![ClientSetup { seed: Some(self.arrivals), ..ClientSetup::new(self.plan) }],
            faults: Faults::default(),
            warmup: self.warmup,
            duration: self.duration,
            checked: self.checked,
        }
    }
}

impl Machine {
    fn device(&self) -> DeviceSetup {
        DeviceSetup { deviation: self.deviation, ..DeviceSetup::exact(self.pages.get()) }
    }
}
