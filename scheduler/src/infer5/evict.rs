//! Which weights give way.

use clockwork_wire::{ModelId, Pages};

use super::Infer5;
use crate::cluster::{Copy, CopyStage, DeviceIndex};

/// Which copies may be evicted for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victims {
    /// Copies of models without demand first, then others; least recently used first.
    Any,
    /// Only copies of models without demand.
    Undemanded,
}

impl Infer5 {
    /// Evicts until a device has `pages` free; `false`, and nothing evicted, if that cannot be.
    pub(super) fn make_room(&mut self, index: DeviceIndex, pages: Pages, victims: Victims) -> bool {
        let device = &self.devices[index];
        let mut free = device.pages_free;
        let mut chosen = Vec::new();
        for demanded in [false, true] {
            if demanded && victims == Victims::Undemanded {
                break;
            }
            for &(_, id) in &device.recency {
                if free >= pages {
                    break;
                }
                let model = &self.models[id.index()];
                if (model.unanswered > 0) != demanded {
                    continue;
                }
                let copy = model.copies.iter().find(|copy| copy.device == index);
                let copy = copy.expect("a device's recency lists what it holds");
                if copy.in_flight == 0 {
                    free += model.classes[copy.class].pages;
                    chosen.push(id);
                }
            }
        }
        if free < pages {
            return false;
        }
        for id in chosen {
            self.drop_copy(index, id);
            self.order_evict(index, id);
        }
        true
    }

    /// Forgets a copy and counts its pages as free. Its model's demand moves to the others.
    pub(super) fn drop_copy(&mut self, index: DeviceIndex, id: ModelId) {
        let model = &mut self.models[id.index()];
        let at = model.copies.iter().position(|copy| copy.device == index);
        let copy = model.copies.remove(at.expect("a copy is dropped once"));
        let pages = model.classes[copy.class].pages;
        if copy.stage == CopyStage::Loaded {
            model.copies_loaded -= 1;
        }
        let device = &mut self.devices[index];
        device.recency.remove(&(copy.last_used, id));
        device.demand = (device.demand - copy.share).max(crate::cluster::DEMAND_IDLE);
        device.pages_free += pages;
        assert!(device.pages_free <= device.pages, "free + used pages = total");
        if self.models[id.index()].copies.is_empty() {
            self.revive(id);
        }
        self.touch(id);
    }

    /// Notes a use of a copy: it becomes the most recently used of its device.
    pub(super) fn use_copy(&mut self, id: ModelId, index: DeviceIndex) -> &mut Copy {
        let next = self.next_use();
        let copy = self.models[id.index()].copy_on(index).expect("a copy that is used exists");
        let last = std::mem::replace(&mut copy.last_used, next);
        if copy.stage == CopyStage::Loaded {
            let recency = &mut self.devices[index].recency;
            recency.remove(&(last, id));
            recency.insert((next, id));
        }
        copy
    }
}
