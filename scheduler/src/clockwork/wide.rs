//! Models with many copies.
//!
//! For a model with few copies, those that are free are looked for among them. For one with many, the
//! devices that hold it are a set of bits, to be intersected with those that are free.

use clockwork_wire::ModelId;

use super::Clockwork;
use super::bits::Bits;
use super::device::Stage;
use super::index;

/// Which devices hold the models with many copies, by their number among them.
#[derive(Debug, Default)]
pub(super) struct Wide {
    holders: Vec<Bits>,
    free: Vec<u32>,
}

impl Wide {
    /// The devices that have a model loaded.
    pub(super) fn holders(&self, wide: u32) -> &Bits {
        &self.holders[index(wide)]
    }

    /// Notes whether a device has a model loaded.
    pub(super) fn note(&mut self, wide: u32, device: usize, holds: bool) {
        let holders = &mut self.holders[index(wide)];
        if holds {
            holders.grow(device + 1);
            holders.insert(device);
        } else {
            holders.remove(device);
        }
    }

    fn add(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.holders.push(Bits::default());
            u32::try_from(self.holders.len() - 1).expect("fewer models than 2^32")
        })
    }

    fn remove(&mut self, wide: u32) {
        self.holders[index(wide)].clear();
        self.free.push(wide);
    }
}

impl Clockwork {
    /// Moves a model between those with few and those with many copies, if it has come to be one.
    pub(super) fn widen(&mut self, id: ModelId) {
        let model = &mut self.models[id.index()];
        let copies = model.copies.len();
        match model.wide {
            None if copies > FEW => {
                let wide = self.wide.add();
                model.wide = Some(wide);
                for place in &model.copies {
                    self.wide.note(wide, index(place.device), place.stage == Stage::Loaded);
                }
            }
            Some(wide) if copies < FEW / 2 => {
                model.wide = None;
                self.wide.remove(wide);
            }
            _ => {}
        }
    }
}

/// As many copies are few.
const FEW: usize = 16;
