//! Which core does what, and whose links are where.

use std::ops::Range;

use clockwork_config::CoresConfig;
use clockwork_scheduler::shard::{Partition, SHARDS_MAX, ShardIndex};
use clockwork_wire::{ClientId, WorkerId};

/// The cores of a controller: first those with a shard, in its order, then those that only do I/O.
///
/// Links are on the I/O cores; without any, on the cores with shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    shards: usize,
    io: usize,
}

impl Layout {
    pub(super) fn new(cores: &CoresConfig) -> Self {
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Self { shards: count(cores.shards).clamp(1, SHARDS_MAX), io: count(cores.io) }
    }

    /// How many cores there are.
    pub(super) const fn cores(self) -> usize {
        self.shards + self.io
    }

    /// How many shards there are; shard `n` is on core `n`.
    pub(super) const fn shards(self) -> usize {
        self.shards
    }

    /// The shard on a core.
    pub(super) fn shard(self, core: usize) -> Option<ShardIndex> {
        ShardIndex::new(core).filter(|shard| shard.index() < self.shards)
    }

    /// The cores with links. Peers know them by their place among these.
    pub(super) const fn doors(self) -> Range<usize> {
        if self.io == 0 { 0..self.shards } else { self.shards..self.cores() }
    }

    /// The number for the `count`-th client of a core.
    pub(super) fn client(self, core: usize, count: u32) -> ClientId {
        let doors = narrow(self.doors().len());
        let place = narrow(core - self.doors().start);
        // Numbers begin anew long after their first owners have left.
        ClientId::new(count % (u32::MAX / doors) * doors + place)
    }

    /// The core with a client's link.
    pub(super) fn of_client(self, client: ClientId) -> usize {
        self.doors().start + client.index() % self.doors().len()
    }

    /// The core with each worker's link: that of the shard which owns its devices, if there is one.
    pub(super) fn of_workers(self, workers: usize) -> Vec<usize> {
        let mut partition = Partition::new(self.shards, workers);
        let core = |at| {
            if self.io > 0 {
                return self.doors().start + at % self.io;
            }
            // The devices of few workers are split among neighbouring shards.
            let owner = partition.owner(WorkerId::from_index(at));
            owner.map_or(at * self.shards / workers, ShardIndex::index)
        };
        (0..workers).map(core).collect()
    }
}

fn narrow(cores: usize) -> u32 {
    u32::try_from(cores).expect("the configuration bounds the number of cores")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shards: u32, io: u32) -> Layout {
        Layout::new(&CoresConfig { shards, io, ..CoresConfig::default() })
    }

    #[test]
    fn links_are_on_the_io_cores_if_there_are_any() {
        assert_eq!(layout(1, 0).doors(), 0..1);
        assert_eq!(layout(3, 0).doors(), 0..3);
        assert_eq!(layout(2, 3).doors(), 2..5);
        let shards: Vec<_> = (0..3).map(|core| layout(2, 1).shard(core).is_some()).collect();
        assert_eq!(shards, [true, true, false]);
    }

    #[test]
    fn a_clients_number_says_where_its_link_is() {
        for layout in [layout(1, 0), layout(2, 0), layout(2, 3)] {
            let mut seen = Vec::new();
            for core in layout.doors() {
                for count in 0..5 {
                    let client = layout.client(core, count);
                    assert_eq!(layout.of_client(client), core);
                    seen.push(client);
                }
            }
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 5 * layout.doors().len());
        }
    }

    #[test]
    fn a_workers_link_is_where_its_devices_are_decided_on() {
        assert_eq!(layout(2, 0).of_workers(4), [0, 1, 0, 1]);
        assert_eq!(layout(4, 0).of_workers(2), [0, 2], "split workers");
        assert_eq!(layout(1, 2).of_workers(3), [1, 2, 1]);
    }
}
