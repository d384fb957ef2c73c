//! What the scheduler believes of the world: devices, models, and which device holds which model.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use clockwork_config::SchedulerConfig;
use clockwork_wire::{
    BatchSize, DeviceState, GpuId, ModelId, ModelProfile, Nanos, Pages, Span, WorkerId,
};
use smallvec::SmallVec;

use crate::estimate::Estimate;
use crate::queue::Queue;
use crate::timeline::Timeline;

/// Where a device lies in the scheduler's table; the order of all ties.
pub(crate) type DeviceIndex = usize;

/// One device of one worker.
#[derive(Debug)]
pub(crate) struct Device {
    /// The worker that owns it.
    pub worker: WorkerId,
    /// Its number there.
    pub gpu: GpuId,
    /// Its class; devices of a class share estimates.
    pub class: String,
    /// Whether the worker is connected.
    pub up: bool,
    /// Pages of its weights cache.
    pub pages: Pages,
    /// Pages that hold nothing and are promised to nothing.
    pub pages_free: Pages,
    /// Models that were on the device when its worker came up and have not been announced yet.
    pub found: Vec<ModelId>,
    /// What it has to execute.
    pub exec: Timeline,
    /// What it has to load.
    pub load: Timeline,
    /// Its clock as last reported, in MHz.
    pub clock: u32,
    /// Outstanding demand in nanoseconds per SLO (the original's `outstanding`).
    pub demand: f64,
    /// Models that have requests, by the latest start of their most urgent batch when it was
    /// noted; entries may be out of date and are checked when taken.
    pub wanted: BinaryHeap<Reverse<(Nanos, ModelId)>>,
    /// Loaded models by their last use: the first is the least recently used.
    pub recency: BTreeSet<(u64, ModelId)>,
    /// The key under which the device waits for its turn to execute, if it does.
    pub listed: Option<Nanos>,
}

impl Device {
    /// A device as its worker describes it.
    pub(crate) fn new(worker: WorkerId, state: DeviceState, config: &SchedulerConfig) -> Self {
        Self {
            worker,
            gpu: state.gpu,
            class: state.class,
            up: true,
            pages: state.pages,
            pages_free: state.pages,
            found: state.loaded,
            exec: Timeline::new(config.lag, config.future),
            load: Timeline::new(config.lag, config.future),
            clock: config.default_clock,
            demand: DEMAND_IDLE,
            wanted: BinaryHeap::new(),
            recency: BTreeSet::new(),
            listed: None,
        }
    }

    /// Whether it has nothing to execute and nothing to load.
    pub(crate) fn is_idle(&self) -> bool {
        self.exec.is_idle() && self.load.is_idle()
    }
}

/// How long a model takes on one class of devices.
#[derive(Debug)]
pub(crate) struct Class {
    /// The class of device.
    pub name: String,
    /// Pages that the weights occupy there.
    pub pages: Pages,
    /// Profiled time of batch size 1, the unit of SLO factors.
    pub unit: Span,
    /// Estimates by batch size, rising; at the default clock.
    pub exec: SmallVec<[(BatchSize, Estimate); 5]>,
    /// Estimate of copying the weights.
    pub load: Estimate,
}

impl Class {
    /// The class as a worker's profile describes it, with the batch sizes that may be used.
    pub(crate) fn new(name: &str, profile: &ModelProfile, config: &SchedulerConfig) -> Self {
        let window = usize::try_from(config.estimate_window).expect("the window fits usize");
        let estimate = |at: Span| Estimate::new(at, window, config.estimate_percentile);
        let usable = |batch: BatchSize, exec: Span| {
            batch == BatchSize::ONE
                || !exec.is_zero() && exec <= config.max_exec && batch <= config.max_batch
        };
        let exec = |at: Span| if at.is_zero() { EXEC_UNKNOWN } else { at };
        Self {
            name: name.to_owned(),
            pages: profile.pages,
            unit: exec(profile.exec(BatchSize::ONE).unwrap_or_default()),
            exec: profile
                .batches
                .iter()
                .filter(|b| usable(b.batch, b.exec))
                .map(|b| (b.batch, estimate(exec(b.exec))))
                .collect(),
            load: estimate(profile.load),
        }
    }

    /// Whether `profile` describes the same class: same pages, same batch sizes.
    pub(crate) fn matches(
        &self,
        name: &str,
        profile: &ModelProfile,
        config: &SchedulerConfig,
    ) -> bool {
        let other = Self::new(name, profile, config);
        let sizes = |class: &Self| class.exec.iter().map(|e| e.0).collect::<SmallVec<[_; 5]>>();
        self.name == name && self.pages == other.pages && sizes(self) == sizes(&other)
    }

    /// The estimate for `batch`.
    pub(crate) fn estimate(&mut self, batch: BatchSize) -> Option<&mut Estimate> {
        self.exec.iter_mut().find(|(size, _)| *size == batch).map(|(_, estimate)| estimate)
    }

    /// The estimate for batch size 1.
    pub(crate) fn single(&self) -> Span {
        self.exec.first().map_or(self.unit, |(_, estimate)| estimate.value())
    }
}

/// Whether a copy's weights are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyStage {
    /// A LOAD is on its way.
    Loading,
    /// The weights are there.
    Loaded,
    /// The LOAD was lost: an EVICT is on its way to settle what is there.
    Unknown,
    /// The worker serves the model no longer: it goes when nothing is on its way any more.
    Leaving,
}

/// A model on a device. Its pages are counted from the order of its LOAD to the order of its EVICT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy {
    /// The device.
    pub device: DeviceIndex,
    /// The class of the model there: index into [`Model::classes`].
    pub class: usize,
    /// Whether the weights are there.
    pub stage: CopyStage,
    /// INFERs on their way.
    pub in_flight: u32,
    /// When it was last used, in the scheduler's count of uses.
    pub last_used: u64,
    /// Its part of the device's outstanding demand.
    pub share: f64,
    /// The key of its valid entry in the device's `wanted`, if there is one.
    pub noted: Option<Nanos>,
}

/// One servable model.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// What it is on each class of devices.
    pub classes: Vec<Class>,
    /// Which workers serve it, and as which class.
    pub workers: SmallVec<[(WorkerId, usize); 2]>,
    /// Whether it was taken from the last worker that served it, rather than lost with that.
    pub unloaded: bool,
    /// Requests that wait.
    pub queue: Queue,
    /// Devices that hold it or are loading it.
    pub copies: SmallVec<[Copy; 2]>,
    /// How many of the copies are loaded.
    pub copies_loaded: u32,
    /// Unanswered requests.
    pub unanswered: u32,
    /// Outstanding execution demand.
    pub exec_demand: f64,
    /// Outstanding demand for loaded weights.
    pub load_demand: f64,
    /// Whether its demand changed since it was last settled.
    pub dirty: bool,
    /// The key under which it waits for a copy, if it does.
    pub unmet: Option<u64>,
}

impl Model {
    /// Its class on `worker`, if that serves it.
    pub(crate) fn class_on(&self, worker: WorkerId) -> Option<usize> {
        self.workers.iter().find(|(w, _)| *w == worker).map(|&(_, class)| class)
    }

    /// Its copy on `device`.
    pub(crate) fn copy_on(&mut self, device: DeviceIndex) -> Option<&mut Copy> {
        self.copies.iter_mut().find(|copy| copy.device == device)
    }
}

/// An empty device's demand: 1 ms, so that shares can be divided by it.
pub(crate) const DEMAND_IDLE: f64 = 1e6;

/// Assumed when a worker gives no time for a batch size: 0.1 ms.
const EXEC_UNKNOWN: Span = Span::from_micros(100);
