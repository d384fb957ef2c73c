//! The workers: which are there, what they have, and what they still have to load.

use std::collections::VecDeque;
use std::sync::Arc;

use clockwork_wire::{
    ActionId, DeviceState, LoadModel, LoadedModel, ModelId, WorkerId, WorkerState,
};

use super::group::Group;

/// One worker of the command line.
#[derive(Debug, Default)]
pub(super) struct Worker {
    /// Whether its link is up.
    pub(super) up: bool,
    /// What it said last; kept while the link is down.
    pub(super) state: Option<WorkerState>,
    /// Whether the state is that of the present link.
    pub(super) known: bool,
    /// Loads that it has been given.
    loading: Vec<ActionId>,
    /// Loads that wait for their turn.
    queued: VecDeque<LoadModel>,
}

impl Worker {
    /// Gives it a load, if it has fewer than `most`; otherwise keeps it for later.
    pub(super) fn load(&mut self, load: LoadModel, most: u32) -> Option<LoadModel> {
        self.queued.push_back(load);
        self.next_load(most)
    }

    /// A load is answered; the next one, if one waits.
    pub(super) fn loaded(&mut self, id: ActionId, most: u32) -> Option<LoadModel> {
        self.loading.retain(|&loading| loading != id);
        self.next_load(most)
    }

    /// Takes out those of `copies` models from `first` on that it has, as runs of contiguous ids.
    pub(super) fn unload(&mut self, first: ModelId, copies: u32) -> Vec<Group> {
        let Some(state) = &mut self.state else { return Vec::new() };
        let range = Group::own(first, copies, Arc::default());
        let ids = range.first.index()..range.end();
        let leaving = |loaded: &LoadedModel| ids.contains(&loaded.model.index());
        let mut gone: Vec<ModelId> =
            state.models.extract_if(.., |loaded| leaving(loaded)).map(|gone| gone.model).collect();
        gone.sort_unstable();
        Group::runs(gone.into_iter(), &range.name)
    }

    /// Whether it has any of these models.
    pub(super) fn has_of(&self, group: &Group) -> bool {
        let models = self.state.as_ref().map_or(&[][..], |state| &state.models);
        models.iter().any(|loaded| group.has(loaded.model))
    }

    /// The link is down: what it was given is given up.
    pub(super) fn down(&mut self) {
        self.up = false;
        self.known = false;
        self.loading.clear();
        self.queued.clear();
    }

    fn next_load(&mut self, most: u32) -> Option<LoadModel> {
        if u32::try_from(self.loading.len()).is_ok_and(|loading| loading >= most) {
            return None;
        }
        let load = self.queued.pop_front()?;
        self.loading.push(load.id);
        Some(load)
    }
}

/// All workers, in the order of the command line.
#[derive(Debug)]
pub(super) struct Fleet {
    workers: Vec<Worker>,
}

impl Fleet {
    /// A fleet of `count` workers, none of them up.
    pub(super) fn new(count: usize) -> Self {
        Self { workers: (0..count).map(|_| Worker::default()).collect() }
    }

    /// The worker with this id.
    pub(super) fn at(&mut self, id: WorkerId) -> &mut Worker {
        &mut self.workers[id.index()]
    }

    /// The workers whose state is known, with their ids.
    pub(super) fn known(&self) -> impl Iterator<Item = WorkerId> {
        let workers = self.workers.iter().enumerate();
        workers.filter(|(_, w)| w.known).map(|(at, _)| WorkerId::from_index(at))
    }

    /// Whether every worker's state is known.
    pub(super) fn is_complete(&self) -> bool {
        self.workers.iter().all(|worker| worker.known)
    }

    /// Every worker's last state, in order.
    pub(super) fn states(&self) -> Vec<WorkerState> {
        self.workers.iter().map(|w| w.state.clone().unwrap_or_default()).collect()
    }

    /// The devices of a worker that are used when at most `gpus_max` are, spread over the workers:
    /// each gets its share of what its predecessors left, lowest numbers first (as the original).
    pub(super) fn devices(&self, id: WorkerId, gpus_max: u32) -> Vec<DeviceState> {
        let mut rest = usize::try_from(gpus_max).unwrap_or(usize::MAX);
        for (at, worker) in self.workers.iter().enumerate() {
            let share = rest / (self.workers.len() - at);
            let devices = worker.state.as_ref().map_or(&[][..], |state| &state.devices);
            let used = &devices[..share.min(devices.len())];
            if at == id.index() {
                return used.to_vec();
            }
            rest -= used.len();
        }
        Vec::new()
    }

    /// How many devices of all workers are used when at most `gpus_max` are.
    pub(super) fn used(&self, gpus_max: u32) -> u32 {
        let used = self.ids().map(|id| self.devices(id, gpus_max).len()).sum::<usize>();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    fn ids(&self) -> impl Iterator<Item = WorkerId> + use<> {
        (0..self.workers.len()).map(WorkerId::from_index)
    }
}

#[cfg(test)]
mod tests {
    use clockwork_wire::GpuId;

    use super::*;

    fn fleet(gpus: &[u32]) -> Fleet {
        let mut fleet = Fleet::new(gpus.len());
        for (at, &count) in gpus.iter().enumerate() {
            let device = |gpu| DeviceState { gpu: GpuId::new(gpu), ..DeviceState::default() };
            let devices = (0..count).map(device).collect();
            fleet.workers[at].state = Some(WorkerState { devices, ..WorkerState::default() });
        }
        fleet
    }

    fn used(fleet: &Fleet, gpus_max: u32) -> Vec<usize> {
        let ids = (0..fleet.workers.len()).map(WorkerId::from_index);
        ids.map(|id| fleet.devices(id, gpus_max).len()).collect()
    }

    #[test]
    fn a_limit_on_devices_is_spread_over_the_workers() {
        assert_eq!(used(&fleet(&[8, 8]), 100), [8, 8]);
        assert_eq!(used(&fleet(&[8, 8]), 5), [2, 3]);
        assert_eq!(used(&fleet(&[1, 8]), 6), [1, 5]);
        assert_eq!(used(&fleet(&[4]), 1), [1]);
        assert_eq!((fleet(&[1, 8]).used(6), fleet(&[1, 8]).used(100)), (6, 9));
    }

    #[test]
    fn a_worker_loads_few_models_at_a_time() {
        let load = |counter| LoadModel {
            id: ActionId { epoch: 1, shard: 0, counter },
            model: ModelId::new(0),
            copies: 1,
            name: "m".into(),
            max_batch: clockwork_wire::BatchSize::ONE,
            max_exec: clockwork_wire::Span::MAX,
            shown: ModelId::new(0),
        };
        let mut worker = Worker::default();
        let given = (0..6).filter(|&counter| worker.load(load(counter), 4).is_some()).count();
        assert_eq!(given, 4);
        let next = worker.loaded(load(1).id, 4).map(|load| load.id.counter);
        assert_eq!(next, Some(4));
    }
}
