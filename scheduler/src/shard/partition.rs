//! Which shard owns which device.

use clockwork_wire::{GpuId, WorkerId};
use smallvec::SmallVec;

use super::ShardIndex;

/// Assigns devices to shards, for good: a worker that comes back finds its devices where they were.
///
/// With at least as many workers as shards, whole workers are assigned, each to the shard with the
/// fewest devices: a worker then has one link, to the core of its shard. With fewer workers, each
/// has a group of shards of its own and its devices are split among them, so that a shard still
/// deals with as few workers as can be.
#[derive(Clone, Debug)]
pub struct Partition {
    shards: usize,
    /// Workers that there will be; decides whether they are split.
    expected: usize,
    workers: Vec<Option<Holding>>,
}

/// A worker's devices.
#[derive(Clone, Debug)]
enum Holding {
    /// All belong to one shard; how many, once that is known.
    Whole(ShardIndex, Option<usize>),
    /// Each has its owner.
    Split(SmallVec<[(GpuId, ShardIndex); 8]>),
}

impl Partition {
    /// A partition among `shards` shards (1 to [`SHARDS_MAX`](super::SHARDS_MAX)) of the devices of
    /// as many workers as are `expected`. More workers may come; they are assigned whole.
    pub fn new(shards: usize, expected: usize) -> Self {
        let shards = ShardIndex::all(shards).count();
        Self { shards, expected, workers: Vec::new() }
    }

    /// The shard that owns all devices of `worker`, also before it has come up; `None` if they are
    /// split among several. So a link can be made where it will be needed.
    pub fn owner(&mut self, worker: WorkerId) -> Option<ShardIndex> {
        if self.splits(worker) {
            return None;
        }
        match self.workers.get(worker.index()) {
            Some(Some(Holding::Whole(shard, _))) => Some(*shard),
            Some(Some(Holding::Split(_))) => None,
            Some(None) | None => {
                let shard = self.fewest(&self.all());
                self.hold(worker, Holding::Whole(shard, None));
                Some(shard)
            }
        }
    }

    /// A worker is up with these devices: the owner of each. Devices that it had before keep theirs.
    pub fn join(&mut self, worker: WorkerId, gpus: &[GpuId]) -> SmallVec<[(GpuId, ShardIndex); 8]> {
        if let Some(shard) = self.owner(worker) {
            self.hold(worker, Holding::Whole(shard, Some(gpus.len())));
            return gpus.iter().map(|&gpu| (gpu, shard)).collect();
        }
        let group = self.group(worker);
        let known = match self.workers.get(worker.index()) {
            Some(Some(Holding::Split(owners))) => owners.clone(),
            Some(Some(Holding::Whole(..)) | None) | None => SmallVec::new(),
        };
        let mut owners = SmallVec::new();
        for &gpu in gpus {
            let before = known.iter().find(|(other, _)| *other == gpu).map(|&(_, shard)| shard);
            // Counted anew with every device, so that a group's devices are dealt out in rotation.
            self.hold(worker, Holding::Split(owners.clone()));
            owners.push((gpu, before.unwrap_or_else(|| self.fewest(&group))));
        }
        self.hold(worker, Holding::Split(owners.clone()));
        owners
    }

    /// A worker is gone for good: whoever comes instead is assigned anew.
    pub fn remove(&mut self, worker: WorkerId) {
        if let Some(holding) = self.workers.get_mut(worker.index()) {
            *holding = None;
        }
    }

    /// Whether a worker's devices are split.
    fn splits(&self, worker: WorkerId) -> bool {
        self.expected < self.shards && worker.index() < self.expected
    }

    fn all(&self) -> Vec<ShardIndex> {
        ShardIndex::all(self.shards).collect()
    }

    /// The shards among which a worker's devices are split.
    fn group(&self, worker: WorkerId) -> Vec<ShardIndex> {
        let mine = |shard: &ShardIndex| {
            shard.index() * self.expected / self.shards == worker.index() % self.expected
        };
        self.all().into_iter().filter(mine).collect()
    }

    /// The shard with the fewest devices, the first of several.
    fn fewest(&self, among: &[ShardIndex]) -> ShardIndex {
        let counts = self.counts();
        let fewest = among.iter().min_by_key(|shard| counts[shard.index()]);
        *fewest.expect("there is at least one shard")
    }

    /// Devices by shard; a worker that has not come up counts like the largest of those that have.
    fn counts(&self) -> Vec<usize> {
        let known = |holding: &Holding| match holding {
            Holding::Whole(_, devices) => *devices,
            Holding::Split(_) => None,
        };
        let typical = self.workers.iter().flatten().filter_map(known).max().unwrap_or(1).max(1);
        let mut counts = vec![0; self.shards];
        for holding in self.workers.iter().flatten() {
            match holding {
                Holding::Whole(shard, devices) => {
                    counts[shard.index()] += devices.unwrap_or(typical);
                }
                Holding::Split(owners) => {
                    owners.iter().for_each(|(_, shard)| counts[shard.index()] += 1);
                }
            }
        }
        counts
    }

    fn hold(&mut self, worker: WorkerId, holding: Holding) {
        if self.workers.len() <= worker.index() {
            self.workers.resize(worker.index() + 1, None);
        }
        self.workers[worker.index()] = Some(holding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(count: u32) -> Vec<GpuId> {
        (0..count).map(GpuId::new).collect()
    }

    fn owners(partition: &mut Partition, worker: u32, count: u32) -> Vec<usize> {
        let owners = partition.join(WorkerId::new(worker), &gpus(count));
        owners.iter().map(|(_, shard)| shard.index()).collect()
    }

    #[test]
    fn whole_workers_go_to_the_shard_with_the_fewest_devices() {
        let mut partition = Partition::new(2, 3);
        assert_eq!(owners(&mut partition, 0, 8), [0; 8]);
        assert_eq!(owners(&mut partition, 1, 2), [1; 2]);
        assert_eq!(owners(&mut partition, 2, 4), [1; 4]);
    }

    #[test]
    fn an_owner_is_known_before_the_worker_is_up_and_stays() {
        let mut partition = Partition::new(2, 4);
        let before: Vec<_> = (0..4).map(|w| partition.owner(WorkerId::new(w)).unwrap()).collect();
        assert_eq!(before.iter().map(|s| s.index()).collect::<Vec<_>>(), [0, 1, 0, 1]);
        for worker in [3, 1, 0, 2, 3] {
            let expected = [before[usize::try_from(worker).unwrap()].index(); 2];
            assert_eq!(owners(&mut partition, worker, 2), expected);
        }
    }

    #[test]
    fn devices_are_split_when_there_are_fewer_workers_than_shards() {
        let mut partition = Partition::new(4, 2);
        assert_eq!(partition.owner(WorkerId::new(0)), None);
        assert_eq!(owners(&mut partition, 0, 5), [0, 1, 0, 1, 0]);
        assert_eq!(owners(&mut partition, 1, 2), [2, 3]);
        let mut alone = Partition::new(4, 1);
        assert_eq!(owners(&mut alone, 0, 6), [0, 1, 2, 3, 0, 1]);
    }

    #[test]
    fn devices_that_stay_keep_their_owner_when_others_come_and_go() {
        let mut partition = Partition::new(2, 1);
        assert_eq!(owners(&mut partition, 0, 4), [0, 1, 0, 1]);
        let some = [GpuId::new(1), GpuId::new(2), GpuId::new(9)];
        let owners = partition.join(WorkerId::new(0), &some);
        assert_eq!(owners[..2], [(some[0], ShardIndex(1)), (some[1], ShardIndex(0))]);
    }

    #[test]
    fn one_shard_owns_everything_whatever_is_expected() {
        for expected in [0, 1, 7] {
            let mut partition = Partition::new(1, expected);
            assert_eq!(partition.owner(WorkerId::new(3)), Some(ShardIndex::FIRST));
            assert_eq!(owners(&mut partition, 3, 2), [0, 0]);
        }
    }
}
