//! What each device did and holds, from the actions that reached its worker and their results.

use std::collections::{BTreeMap, BTreeSet};

use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, GpuId, ModelId, Nanos, Pages, Window, WorkerId,
    WorkerState,
};

use super::Violations;
use crate::world::Clock;

/// Every device.
#[derive(Debug)]
pub(crate) struct Devices {
    workers: Vec<Vec<Device>>,
    /// Actions that reached their worker and owe a result.
    owed: BTreeMap<(WorkerId, ActionId), (Action, Pages)>,
}

/// One device.
#[derive(Clone, Debug, Default)]
struct Device {
    total: Pages,
    /// Loaded and not evicted.
    resident: BTreeMap<ModelId, Resident>,
    resident_pages: Pages,
    /// Pages of LOADs that owe a result.
    loading: Pages,
    /// When the last INFER and the last LOAD ended, on the worker's clock.
    exec_end: Nanos,
    load_end: Nanos,
}

/// What a device has of a model.
#[derive(Clone, Debug, Default)]
struct Resident {
    all: Pages,
    pages: BTreeSet<u32>,
}

impl Resident {
    fn is_whole(&self) -> bool {
        count(self.pages.len()) == self.all
    }
}

impl Devices {
    /// Idle and empty devices, so many per worker.
    pub(super) fn new(devices: &[usize]) -> Self {
        let workers = devices.iter().map(|&count| vec![Device::default(); count]).collect();
        Self { workers, owed: BTreeMap::new() }
    }

    /// A worker says how large its caches are, and has dropped what it holds parts of.
    pub(super) fn worker_up(&mut self, worker: WorkerId, state: &WorkerState) {
        for (device, state) in self.workers[worker.index()].iter_mut().zip(&state.devices) {
            device.total = state.pages;
            device.resident.retain(|_, resident| resident.is_whole());
            device.count();
        }
    }

    /// A worker's process is gone: it owes nothing and holds nothing any longer.
    pub(super) fn worker_died(&mut self, worker: WorkerId) {
        self.owed.retain(|(of, _), _| *of != worker);
        self.workers[worker.index()].fill(Device::default());
    }

    /// An action reaches its worker.
    pub(super) fn begin(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        action: &Action,
        pages: Pages,
        violations: &mut Violations,
    ) {
        if self.owed.insert((worker, action.id), (*action, pages)).is_some() {
            violations.add(now, format!("invariant 5: {action:?} reaches worker {worker} twice"));
        }
        if action.kind == ActionKind::Load {
            self.workers[worker.index()][action.gpu.index()].loading += ordered(action, pages);
        }
    }

    /// An action's result leaves its worker.
    pub(super) fn end(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        result: &ActionResult,
        (clock, window): (Clock, Option<Window>),
        violations: &mut Violations,
    ) {
        let Some((action, pages)) = self.owed.remove(&(worker, result.id)) else {
            violations.add(now, format!("invariant 5: worker {worker} owes no {result:?}"));
            return;
        };
        let device = &mut self.workers[worker.index()][action.gpu.index()];
        if action.kind == ActionKind::Load {
            device.loading -= ordered(&action, pages);
        }
        if result.status.is_ok() {
            device.done(now, result, (&action, pages), violations);
            check_window(now, (action.window, window), result, clock, violations);
        }
    }

    /// How many pages of a device are free: what is resident is used, and at most what is being
    /// loaded besides.
    pub(super) fn free_pages(
        &self,
        now: Nanos,
        worker: WorkerId,
        gpu: GpuId,
        free: Pages,
        violations: &mut Violations,
    ) {
        let device = &self.workers[worker.index()][gpu.index()];
        if device.total == Pages::ZERO {
            return;
        }
        let (least, most) = (device.resident_pages, device.resident_pages + device.loading);
        let used = device.total.get().saturating_sub(free.get());
        let holds = free <= device.total && (least.get()..=most.get()).contains(&used);
        violations.unless(holds, now, || {
            format!(
                "invariant 3: device {gpu} of worker {worker} has {free} of {} pages free, but \
                 {least} are loaded and {} are being loaded",
                device.total, device.loading
            )
        });
    }

    /// At rest a worker says that it holds what its results say.
    pub(super) fn at_rest(
        &self,
        now: Nanos,
        worker: WorkerId,
        state: &WorkerState,
        violations: &mut Violations,
    ) {
        for (device, state) in self.workers[worker.index()].iter().zip(&state.devices) {
            let whole = device.resident.iter().filter(|(_, resident)| resident.is_whole());
            let whole = whole.map(|(&model, _)| model);
            violations.unless(whole.eq(state.loaded.iter().copied()), now, || {
                format!(
                    "invariant 3: at rest, device {} of worker {worker} says that it holds {:?}, \
                     by its results {:?}",
                    state.gpu, state.loaded, device.resident
                )
            });
        }
        let owed = self.owed.keys().filter(|(of, _)| *of == worker).count();
        violations.unless(owed == 0, now, || {
            format!("invariant 5: at rest, worker {worker} has not reported {owed} actions")
        });
    }
}

impl Device {
    /// Something has been done.
    fn done(
        &mut self,
        now: Nanos,
        result: &ActionResult,
        (action, all): (&Action, Pages),
        violations: &mut Violations,
    ) {
        let exec = result.exec;
        let engine = match result.kind {
            ActionKind::Infer { .. } => &mut self.exec_end,
            ActionKind::Load => &mut self.load_end,
            ActionKind::Evict => return self.evicted(action),
        };
        violations.unless(*engine <= exec.begin, now, || {
            format!("invariant 1: {result:?} begins before its predecessor ends at {engine:?}")
        });
        let ordered = result.received <= exec.begin
            && exec.begin <= exec.end
            && exec.end <= result.sent
            && exec.duration <= exec.end - exec.begin;
        violations.unless(ordered, now, || format!("invariant 6: {result:?} is out of order"));
        *engine = exec.end;
        if result.kind == ActionKind::Load {
            let resident = self.resident.entry(result.model).or_default();
            resident.all = all;
            resident.pages.extend(action.pages.of(all).unwrap_or_default());
            self.count();
        }
    }

    fn evicted(&mut self, action: &Action) {
        let Some(resident) = self.resident.get_mut(&action.model) else { return };
        resident.pages.retain(|&page| page < action.pages.first().into());
        if resident.pages.is_empty() {
            self.resident.remove(&action.model);
        }
        self.count();
    }

    fn count(&mut self) {
        self.resident_pages = count(self.resident.values().map(|r| r.pages.len()).sum());
    }
}

/// How many pages of a model with `all` pages a LOAD is to bring.
fn ordered(action: &Action, all: Pages) -> Pages {
    count(action.pages.of(all).unwrap_or_default().len())
}

/// A number of pages.
fn count(pages: usize) -> Pages {
    Pages::new(u32::try_from(pages).expect("a page count fits 32 bits"))
}

/// The start lies in the window: exactly as the worker sees it, and by the controller's clock but for
/// what the estimates on the way may be off.
fn check_window(
    now: Nanos,
    (seen, ordered): (Window, Option<Window>),
    result: &ActionResult,
    clock: Clock,
    violations: &mut Violations,
) {
    if result.kind == ActionKind::Evict {
        return;
    }
    let begin = result.exec.begin;
    violations.unless(seen.contains(begin), now, || {
        format!("invariant 2: {result:?} began outside of {seen:?}")
    });
    let Some(ordered) = ordered else { return };
    let slack = clock.tolerance();
    let (earliest, latest) = (ordered.earliest - slack, ordered.latest + slack);
    let begin = clock.world(begin);
    violations.unless(earliest <= begin && begin <= latest, now, || {
        format!("invariant 2: {result:?} began at {begin:?}, outside of {ordered:?}")
    });
}
