//! Models with many copies.
//!
//! A model with few copies tells each device that holds it what it wants. One with many would have
//! to tell too many: it notes it once, and a device that is free looks through the notes of those
//! that it holds. There are few such models, because copies take device memory.

use clockwork_wire::ModelId;
use smallvec::SmallVec;

use super::Clockwork;
use super::bits::Bits;
use super::device::Stage;
use super::index;
use super::least::NEVER;

/// What the models with many copies want, by their number among them.
#[derive(Debug, Default)]
pub(super) struct Wide {
    wants: Vec<u64>,
    models: Vec<ModelId>,
    holders: Vec<Bits>,
    free: Vec<usize>,
}

impl Wide {
    /// The devices that have a model loaded.
    pub(super) fn holders(&self, wide: usize) -> &Bits {
        &self.holders[wide]
    }

    /// What a model wants: the latest start of its most urgent batch.
    pub(super) fn set(&mut self, wide: usize, key: u64) {
        self.wants[wide] = key;
    }

    /// The most urgent of those that are in `held`, the first of them first.
    pub(super) fn urgent(&self, held: &Bits) -> Wanted {
        let mut urgent = Wanted::new();
        for wide in held.iter() {
            let key = self.wants[wide];
            let full = urgent.len() == urgent.inline_size();
            if key == NEVER || full && urgent.last().is_some_and(|&(last, _)| last <= key) {
                continue;
            }
            urgent.truncate(urgent.inline_size() - 1);
            let at = urgent.partition_point(|&(other, _)| other <= key);
            urgent.insert(at, (key, wide));
        }
        urgent
    }

    /// The model with this number among those with many copies.
    pub(super) fn model(&self, wide: usize) -> ModelId {
        self.models[wide]
    }

    fn add(&mut self, model: ModelId, devices: usize) -> usize {
        let wide = self.free.pop().unwrap_or(self.wants.len());
        if wide == self.wants.len() {
            self.wants.push(NEVER);
            self.models.push(model);
            self.holders.push(Bits::default());
        }
        self.models[wide] = model;
        self.holders[wide].grow(devices);
        wide
    }

    fn remove(&mut self, wide: usize) {
        self.wants[wide] = NEVER;
        self.holders[wide].clear();
        self.free.push(wide);
    }
}

/// The most urgent of the models with many copies on a device: what they want, and their numbers.
pub(super) type Wanted = SmallVec<[(u64, usize); 16]>;

impl Clockwork {
    /// Notes in which slot a device has a model with many copies loaded, if it has.
    pub(super) fn note_holder(&mut self, wide: usize, device: usize, slot: Option<usize>) {
        let held = &mut self.devices[device];
        held.wide.grow(wide + 1);
        held.wide_slots.resize(held.wide_slots.len().max(wide + 1), 0);
        self.wide.holders[wide].grow(device + 1);
        if let Some(slot) = slot {
            held.wide.insert(wide);
            held.wide_slots[wide] = slot;
            self.wide.holders[wide].insert(device);
        } else {
            held.wide.remove(wide);
            self.wide.holders[wide].remove(device);
        }
    }

    /// Moves a model between those with few and those with many copies, if it has come to be one.
    pub(super) fn widen(&mut self, id: ModelId) {
        let model = &mut self.models[id.index()];
        let copies = model.copies.len();
        match model.wide {
            None if copies > FEW => {
                let wide = self.wide.add(id, self.devices.len());
                model.wide = Some(wide);
                for place in model.copies.clone() {
                    let (device, slot) = (index(place.device), index(place.slot));
                    let loaded = self.devices[device].copies.at(slot).stage == Stage::Loaded;
                    self.devices[device].wants.set(slot, NEVER);
                    self.note_holder(wide, device, loaded.then_some(slot));
                }
            }
            Some(wide) if copies < FEW / 2 => {
                model.wide = None;
                for place in model.copies.clone() {
                    self.note_holder(wide, index(place.device), None);
                }
                self.wide.remove(wide);
            }
            _ => return,
        }
        self.offer(id);
    }
}

/// As many copies are few.
const FEW: usize = 16;
