//! Which shard can serve which model.

use clockwork_wire::{ModelId, WorkerId};

use crate::shard::{ShardIndex, ShardSet};

/// Workers with their models and the shards that own their devices.
#[derive(Debug)]
pub(super) struct Reach {
    workers: Vec<Served>,
    /// Devices that are up, by shard.
    devices: Vec<u32>,
}

/// A worker; without shards it is not up.
#[derive(Clone, Debug, Default)]
struct Served {
    /// One entry per device.
    owners: Vec<ShardIndex>,
    shards: ShardSet,
    /// A bit for each model.
    models: Vec<u64>,
}

impl Reach {
    /// Nothing is reachable yet.
    pub(super) fn new(shards: usize) -> Self {
        Self { workers: Vec::new(), devices: vec![0; shards] }
    }

    /// Devices that are up, by shard.
    pub(super) fn devices(&self) -> &[u32] {
        &self.devices
    }

    /// A worker is up, with these owners of its devices and no models yet.
    pub(super) fn worker_up(&mut self, worker: WorkerId, owners: &[ShardIndex]) {
        self.worker_down(worker);
        if self.workers.len() <= worker.index() {
            self.workers.resize(worker.index() + 1, Served::default());
        }
        for owner in owners {
            self.devices[owner.index()] += 1;
        }
        self.workers[worker.index()] = Served {
            owners: owners.to_vec(),
            shards: owners.iter().copied().collect(),
            models: Vec::new(),
        };
    }

    /// A worker is gone; returns the models that it served.
    pub(super) fn worker_down(&mut self, worker: WorkerId) -> Vec<ModelId> {
        let Some(served) = self.workers.get_mut(worker.index()) else { return Vec::new() };
        let served = std::mem::take(served);
        for owner in served.owners {
            self.devices[owner.index()] -= 1;
        }
        let models = (0..served.models.len() * BITS).filter(|&at| bit(&served.models, at));
        models.map(ModelId::from_index).collect()
    }

    /// A worker serves a model.
    pub(super) fn model_up(&mut self, worker: WorkerId, model: ModelId) {
        let Some(served) = self.workers.get_mut(worker.index()) else { return };
        let word = model.index() / BITS;
        if served.models.len() <= word {
            served.models.resize(word + 1, 0);
        }
        served.models[word] |= 1 << (model.index() % BITS);
    }

    /// A worker serves a model no longer.
    pub(super) fn model_down(&mut self, worker: WorkerId, model: ModelId) {
        let Some(served) = self.workers.get_mut(worker.index()) else { return };
        if let Some(word) = served.models.get_mut(model.index() / BITS) {
            *word &= !(1 << (model.index() % BITS));
        }
    }

    /// The shards that have a device which serves `model`.
    pub(super) fn shards(&self, model: ModelId) -> ShardSet {
        let serves = |worker: &&Served| bit(&worker.models, model.index());
        let shards = self.workers.iter().filter(serves).map(|worker| worker.shards);
        shards.fold(ShardSet::default(), ShardSet::union)
    }

    /// Whether `shard` has a device which serves `model`.
    pub(super) fn reaches(&self, model: ModelId, shard: ShardIndex) -> bool {
        let here = |worker: &Served| worker.shards.contains(shard);
        self.workers.iter().any(|worker| here(worker) && bit(&worker.models, model.index()))
    }
}

fn bit(words: &[u64], at: usize) -> bool {
    words.get(at / BITS).is_some_and(|word| word >> (at % BITS) & 1 == 1)
}

const BITS: usize = 64;
