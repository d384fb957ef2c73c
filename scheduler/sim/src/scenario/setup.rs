//! What a world consists of, before it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use clockwork_config::SchedulerConfig;
use clockwork_executor::emulated::Deviation;
use clockwork_executor::{DeviceSpec, Fault};
use clockwork_wire::{ClientId, GpuId, ModelProfile, Pages, Span, WorkerId};
use clockwork_workload::Plan;

use crate::Options;
use crate::calibration::Calibration;

/// Everything that a scenario decides.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The scheduler's knobs.
    pub(crate) scheduler: SchedulerConfig,
    /// Schedulers beside each other; 0: one, and nothing around it.
    pub(crate) shards: usize,
    /// What surrounds the decisions.
    pub(crate) calibration: Calibration,
    /// The workers, in order of their ids.
    pub(crate) workers: Vec<WorkerSetup>,
    /// The clients.
    pub(crate) clients: Vec<ClientSetup>,
    /// What breaks.
    pub(crate) faults: Faults,
    /// From the start to the beginning of the measurement.
    pub(crate) warmup: Span,
    /// How long is measured; then the clients stop.
    pub(crate) duration: Span,
    /// Whether the invariants are checked.
    pub(crate) checked: bool,
}

impl Setup {
    /// Equal workers with equal devices, exact clocks, no faults, and nobody to serve yet.
    pub(crate) fn cluster(
        options: &Options,
        workers: usize,
        devices: usize,
        catalogue: &Catalogue,
    ) -> Self {
        let worker = WorkerSetup {
            devices: vec![DeviceSetup::exact(PAGES); devices],
            catalogue: Arc::clone(catalogue),
            skew: Skew::default(),
            joins: Span::ZERO,
        };
        Self {
            scheduler: options.scheduler.clone().unwrap_or_default(),
            shards: 0,
            calibration: options.calibration.unwrap_or(Calibration::NETWORK),
            workers: vec![worker; workers],
            clients: Vec::new(),
            faults: Faults::default(),
            warmup: Span::from_millis(300),
            duration: Span::from_secs(1),
            checked: true,
        }
    }

    /// With one more client, which starts with the others.
    pub(crate) fn serving(mut self, plan: Plan) -> Self {
        self.clients.push(ClientSetup::new(plan));
        self
    }
}

/// A worker's process.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSetup {
    /// Its devices.
    pub(crate) devices: Vec<DeviceSetup>,
    /// The models that it finds by name.
    pub(crate) catalogue: Catalogue,
    /// How its clock differs from the controller's.
    pub(crate) skew: Skew,
    /// When it connects, after the start; the controller waits for those that connect at once.
    pub(crate) joins: Span,
}

/// Models by name.
pub(crate) type Catalogue = Arc<BTreeMap<String, Arc<ModelProfile>>>;

/// A device of a worker.
#[derive(Clone, Debug)]
pub(crate) struct DeviceSetup {
    /// What it is.
    pub(crate) spec: DeviceSpec,
    /// How it deviates from its profiles.
    pub(crate) deviation: Deviation,
}

impl DeviceSetup {
    /// An exact device with `pages` pages and memory for any batch.
    pub(crate) fn exact(pages: u32) -> Self {
        let spec = DeviceSpec {
            class: "emulated".into(),
            pages: Pages::new(pages),
            io_pool: POOL,
            workspace_pool: POOL,
            depth: 1,
        };
        Self { spec, deviation: Deviation::default() }
    }
}

/// How a machine's clock differs from the controller's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skew {
    /// Nanoseconds ahead.
    pub(crate) ahead: i64,
    /// Bound on the error of both sides' estimates.
    pub(crate) error: Span,
}

/// A client's process.
#[derive(Debug)]
pub(crate) struct ClientSetup {
    /// Its workload.
    pub(crate) plan: Plan,
    /// Its seed; `None` derives one from the run's.
    pub(crate) seed: Option<u64>,
    /// When it starts.
    pub(crate) starts: Span,
    /// SLO of its requests; zero leaves it to the controller.
    pub(crate) slo: Span,
}

impl ClientSetup {
    /// A client that starts with the world and leaves its SLO to the controller.
    pub(crate) const fn new(plan: Plan) -> Self {
        Self { plan, seed: None, starts: Span::ZERO, slo: Span::ZERO }
    }
}

/// What breaks, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Faults {
    /// What happens once, by time since the start.
    pub(crate) incidents: Vec<(Span, Incident)>,
    /// The fraction of results that never arrive.
    pub(crate) lost_results: f64,
    /// The fraction of results that arrive twice.
    pub(crate) repeated_results: f64,
    /// The fraction of results that arrive late.
    pub(crate) late_results: f64,
    /// Late results are late by up to this.
    pub(crate) lateness: Span,
}

/// Something that happens to a process or a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Incident {
    /// A worker's process dies and comes back empty.
    Crash {
        /// Which worker.
        worker: WorkerId,
        /// For how long it is gone.
        down: Span,
    },
    /// A worker's connection breaks; its process lives and keeps what its devices hold.
    Disconnect {
        /// Which worker.
        worker: WorkerId,
        /// For how long.
        down: Span,
    },
    /// A device begins to misbehave, or stops doing so.
    Device {
        /// Of which worker.
        worker: WorkerId,
        /// Which device.
        gpu: GpuId,
        /// How.
        fault: Fault,
    },
    /// A worker's process does not run for a while; its devices do.
    Stall {
        /// Which worker.
        worker: WorkerId,
        /// For how long.
        pause: Span,
    },
    /// A client is gone, with requests unanswered.
    Leave {
        /// Which client.
        client: ClientId,
    },
    /// The controller's process does not run for a while.
    StallController {
        /// For how long.
        pause: Span,
    },
}

/// Device memory for inputs and outputs, and for intermediate tensors.
const POOL: u64 = 512 << 20;

/// Pages of a V100's weights cache in the original's evaluation.
const PAGES: u32 = 1_376;
