//! Every action from its order to its one record, and what the orders make of each device's cache.

use std::collections::BTreeMap;

use clockwork_scheduler::{ActionRecord, Order, Response};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, BatchSize, DeviceState, GpuId, ModelId,
    ModelProfile, Nanos, Pages, RequestId, Status, Window, WorkerId, WorkerState,
};
use smallvec::SmallVec;

use super::Violations;
use super::requests::Carrier;

/// Ordered actions, and the caches as the controller must see them.
#[derive(Debug)]
pub(crate) struct Orders {
    max_batch: BatchSize,
    in_flight: BTreeMap<ActionId, Ordered>,
    /// Batches whose result came in this turn.
    results: Vec<(ActionId, Status, SmallVec<[RequestId; 16]>)>,
    caches: BTreeMap<(WorkerId, GpuId), Cache>,
    models: BTreeMap<(WorkerId, ModelId), Limits>,
}

/// An action whose record is still to come.
#[derive(Clone, Debug)]
struct Ordered {
    worker: WorkerId,
    action: Action,
    requests: SmallVec<[RequestId; 16]>,
}

/// What a device holds by order.
#[derive(Debug, Default)]
struct Cache {
    total: Pages,
    used: Pages,
    copies: BTreeMap<ModelId, Copy>,
    /// The shard that orders actions for the device; no other may.
    shard: Option<u32>,
}

/// What has been ordered of a model and not evicted.
#[derive(Clone, Debug, Default)]
struct Copy {
    /// All pages of the model; zero while that is not known.
    all: Pages,
    /// The pages, each with the LOAD that is to bring it; `None` if it was found.
    pages: BTreeMap<u32, Option<ActionId>>,
}

impl Copy {
    fn is_whole(&self) -> bool {
        count(self.pages.len()) == self.all
    }
}

/// What a model allows on a worker.
#[derive(Clone, Debug)]
struct Limits {
    pages: Pages,
    batches: SmallVec<[BatchSize; 8]>,
}

impl Orders {
    /// Books of a scheduler that may batch up to `max_batch`.
    pub(super) const fn new(max_batch: BatchSize) -> Self {
        Self {
            max_batch,
            in_flight: BTreeMap::new(),
            results: Vec::new(),
            caches: BTreeMap::new(),
            models: BTreeMap::new(),
        }
    }

    /// The pages of a model on a worker.
    pub(super) fn pages(&self, worker: WorkerId, model: ModelId) -> Pages {
        self.models.get(&(worker, model)).map_or(Pages::ZERO, |limits| limits.pages)
    }

    /// The window of an action in flight, on the controller's clock.
    pub(super) fn window(&self, id: ActionId) -> Option<Window> {
        self.in_flight.get(&id).map(|ordered| ordered.action.window)
    }

    /// The requests of an action in flight.
    pub(super) fn carried(&self, id: ActionId) -> &[RequestId] {
        self.in_flight.get(&id).map_or(&[], |ordered| &ordered.requests)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn model_up(&mut self, worker: WorkerId, model: ModelId, profile: &ModelProfile) {
        let batches = profile.batches.iter().map(|entry| entry.batch).collect();
        self.models.insert((worker, model), Limits { pages: profile.pages, batches });
        for (_, cache) in self.caches.iter_mut().filter(|((of, _), _)| *of == worker) {
            // A copy that was found is counted as soon as its size is known.
            if let Some(copy) = cache.copies.get_mut(&model).filter(|copy| copy.all == Pages::ZERO)
            {
                copy.all = profile.pages;
                copy.pages = (0..profile.pages.get()).map(|page| (page, None)).collect();
                cache.used += profile.pages;
            }
        }
    }

    pub(super) fn worker_up(&mut self, worker: WorkerId, devices: &[DeviceState]) {
        for device in devices {
            let found = |&model| (model, Copy::default());
            let copies = device.loaded.iter().map(found).collect();
            let cache = Cache { total: device.pages, copies, ..Cache::default() };
            self.caches.insert((worker, device.gpu), cache);
        }
    }

    pub(super) fn worker_down(&mut self, worker: WorkerId) {
        self.caches.retain(|(of, _), _| *of != worker);
        self.models.retain(|(of, _), _| *of != worker);
    }

    /// An action is ordered.
    pub(super) fn open(&mut self, now: Nanos, order: &Order, violations: &mut Violations) {
        let (worker, action) = (order.worker, order.action);
        let window = action.window;
        violations.unless(window.earliest <= window.latest && window.latest >= now, now, || {
            format!("invariant 2: {action:?} can never start")
        });
        self.check_owner(now, worker, &action, violations);
        match action.kind {
            ActionKind::Infer { batch } => self.check_batch(now, order, batch, violations),
            ActionKind::Load => self.add_copy(now, worker, &action, violations),
            ActionKind::Evict => {
                if let Some(cache) = self.caches.get_mut(&(worker, action.gpu)) {
                    let first = action.pages.first().into();
                    cache.remove(action.model, |page, _| page >= first);
                }
            }
        }
        let ordered = Ordered { worker, action, requests: order.requests.clone() };
        if self.in_flight.insert(action.id, ordered).is_some() {
            violations.add(now, format!("invariant 5: {action:?} has the id of another"));
        }
    }

    /// An action is over, as far as the scheduler is concerned.
    pub(super) fn close(&mut self, now: Nanos, record: &ActionRecord, violations: &mut Violations) {
        let id = record.action.id;
        let Some(ordered) = self.in_flight.remove(&id) else {
            violations.add(now, format!("invariant 5: {record:?} ends no action in flight"));
            return;
        };
        let same = ordered.action == record.action && ordered.worker == record.worker;
        violations.unless(same, now, || format!("{record:?} differs from what was ordered"));
        let status = record.result.status;
        if record.action.kind != ActionKind::Load || status.is_ok() || status == Status::EXPIRED {
            return;
        }
        // A refused LOAD has taken no pages; one that is lost may have, until an EVICT.
        if let Some(cache) = self.caches.get_mut(&(record.worker, record.action.gpu)) {
            cache.remove(record.action.model, |_, by| by == Some(id));
        }
    }

    /// The scheduler is told a result.
    pub(super) fn note_result(&mut self, result: &ActionResult) {
        if let Some(ordered) = self.in_flight.get(&result.id) {
            self.results.push((result.id, result.status, ordered.requests.clone()));
        }
    }

    pub(super) fn forget_results(&mut self) {
        self.results.clear();
    }

    /// The result of this turn whose output a response names.
    pub(super) fn result_of(&self, response: &Response) -> Option<Carrier> {
        let (action, part) = response.output?;
        let (_, status, requests) = self.results.iter().find(|(id, ..)| *id == action)?;
        let holds = requests.get(usize::from(part)) == Some(&response.request);
        Some(Carrier { action, status: *status, holds })
    }

    /// At rest both sides agree on what a device holds.
    pub(super) fn at_rest_worker(
        &self,
        now: Nanos,
        worker: WorkerId,
        state: &WorkerState,
        violations: &mut Violations,
    ) {
        for device in &state.devices {
            let Some(cache) = self.caches.get(&(worker, device.gpu)) else { continue };
            let whole = cache.copies.iter().filter(|(_, copy)| copy.is_whole());
            let ordered = whole.map(|(&model, _)| model);
            violations.unless(ordered.clone().eq(device.loaded.iter().copied()), now, || {
                let gpu = device.gpu;
                let (ordered, loaded) = (ordered.collect::<Vec<_>>(), &device.loaded);
                format!(
                    "invariant 3: at rest, device {gpu} of worker {worker} holds {loaded:?}, \
                     by order {ordered:?}"
                )
            });
        }
    }

    fn check_owner(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        action: &Action,
        violations: &mut Violations,
    ) {
        let Some(cache) = self.caches.get_mut(&(worker, action.gpu)) else { return };
        let owner = *cache.shard.get_or_insert(action.id.shard);
        violations.unless(owner == action.id.shard, now, || {
            format!("invariant 10: {action:?} is for a device of shard {owner}")
        });
    }

    fn check_batch(
        &self,
        now: Nanos,
        order: &Order,
        batch: BatchSize,
        violations: &mut Violations,
    ) {
        let (worker, action) = (order.worker, &order.action);
        let cache = self.caches.get(&(worker, action.gpu));
        let copy = cache.and_then(|cache| cache.copies.get(&action.model));
        let copied = copy.is_some_and(Copy::is_whole);
        violations.unless(copied, now, || {
            format!("invariant 4: {action:?} for worker {worker} needs weights that are not there")
        });
        let limits = self.models.get(&(worker, action.model));
        let supported = limits.is_some_and(|limits| limits.batches.contains(&batch));
        violations.unless(supported && batch <= self.max_batch, now, || {
            format!("invariant 8: {action:?} for worker {worker} has no batch size of its model")
        });
        violations.unless(order.requests.len() == batch.count(), now, || {
            format!("invariant 8: {action:?} carries {} requests", order.requests.len())
        });
    }

    fn add_copy(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        action: &Action,
        violations: &mut Violations,
    ) {
        let pages = self.pages(worker, action.model);
        let Some(cache) = self.caches.get_mut(&(worker, action.gpu)) else {
            violations.add(now, format!("{action:?} goes to a worker {worker} that is not there"));
            return;
        };
        let Some(range) = action.pages.of(pages) else {
            violations.add(now, format!("{action:?} is of pages that its model does not have"));
            return;
        };
        if action.pages.is_whole() {
            cache.remove(action.model, |_, _| true);
        }
        let copy = cache.copies.entry(action.model).or_default();
        copy.all = pages;
        let twice = range.clone().any(|page| copy.pages.contains_key(&page));
        violations.unless(!twice, now, || {
            format!("invariant 3: {action:?} is of pages that have been ordered")
        });
        cache.used += count(range.len());
        copy.pages.extend(range.map(|page| (page, Some(action.id))));
        violations.unless(cache.used <= cache.total, now, || {
            format!(
                "invariant 3: {action:?} for worker {worker} makes {} of {} pages used",
                cache.used, cache.total
            )
        });
    }
}

impl Cache {
    /// Removes those pages of a model that `goes` says, by their number and LOAD.
    fn remove(&mut self, model: ModelId, goes: impl Fn(u32, Option<ActionId>) -> bool) {
        let Some(copy) = self.copies.get_mut(&model) else { return };
        let before = copy.pages.len();
        copy.pages.retain(|&page, by| !goes(page, *by));
        self.used -= count(before - copy.pages.len());
        if copy.pages.is_empty() {
            self.copies.remove(&model);
        }
    }
}

/// A number of pages.
fn count(pages: usize) -> Pages {
    Pages::new(u32::try_from(pages).expect("a page count fits 32 bits"))
}
