//! What is left of a model that gave way only in part.
//!
//! If the last copy that must give way is larger than what is needed, only its last pages are evicted.
//! It cannot be executed any longer, but while the rest is there, only what is missing must be loaded
//! to have it back. A device keeps the rest of one model at most: it is the first to give way when room
//! is needed again.

use clockwork_wire::{ModelId, Pages, Span, part_of_load};

use super::Clockwork;
use super::pieces::range;

/// The first pages of a model that cannot be executed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    model: ModelId,
    /// How many they are; at least one.
    pages: Pages,
    /// How many the model has.
    all: Pages,
}

impl Rest {
    /// How many pages they are.
    pub(super) const fn pages(&self) -> Pages {
        self.pages
    }

    /// Whether they are of this model.
    pub(super) fn is_of(&self, id: ModelId) -> bool {
        self.model == id
    }
}

impl Clockwork {
    /// The pages that a device has of a model that cannot be executed there.
    pub(super) fn rest_of(&self, device: usize, id: ModelId) -> Pages {
        let rest = self.devices[device].rest.filter(|rest| rest.model == id);
        rest.map_or(Pages::ZERO, |rest| rest.pages)
    }

    /// How long it takes to load what a device lacks of a model.
    pub(super) fn load_time(&self, device: usize, id: ModelId, kind: usize) -> Span {
        let kind = &self.kinds[kind];
        let lacks = kind.pages - self.rest_of(device, id);
        if lacks == kind.pages {
            return kind.load.value();
        }
        part_of_load(kind.load.value(), lacks, kind.pages)
    }

    /// The rest of a model is to be completed: its pages count as free, and are there.
    pub(super) fn take_rest(&mut self, device: usize, id: ModelId) -> Pages {
        let device = &mut self.devices[device];
        let rest = device.rest.take_if(|rest| rest.model == id);
        let pages = rest.map_or(Pages::ZERO, |rest| rest.pages);
        device.pages_free += pages;
        pages
    }

    /// Takes `pages` pages from the rest that a device has, from its end.
    pub(super) fn shorten_rest(&mut self, index: usize, pages: Pages) {
        let device = &mut self.devices[index];
        let Some(rest) = device.rest.take() else { return };
        let stays = rest.pages - pages;
        device.rest = (stays > Pages::ZERO).then_some(Rest { pages: stays, ..rest });
        device.pages_free += pages;
        self.order_evict_from(index, rest.model, stays, rest.all);
    }

    /// Gives up the rest that a device has of a model that is not to be used any longer there.
    pub(super) fn drop_rest(&mut self, index: usize, id: ModelId) {
        let pages = self.rest_of(index, id);
        if pages > Pages::ZERO {
            self.shorten_rest(index, pages);
        }
    }

    /// Evicts a copy, but for its first `stays` pages if that is possible.
    pub(super) fn evict_but(&mut self, index: usize, slot: usize, stays: Pages) {
        let copy = *self.devices[index].copies.at(slot);
        self.drop_copy(index, slot);
        let stays = stays.min(copy.pages);
        let device = &mut self.devices[index];
        let cuts = self.config.partial_eviction
            && device.rest.is_none()
            && u16::try_from(copy.pages.get()).is_ok();
        if !cuts || stays == Pages::ZERO {
            return self.order_evict(index, slot, copy.model);
        }
        device.pages_free -= stays;
        device.rest = Some(Rest { model: copy.model, pages: stays, all: copy.pages });
        self.order_evict_from(index, copy.model, stays, copy.pages);
    }

    /// Orders an EVICT of a model's pages from `first` on.
    fn order_evict_from(&mut self, device: usize, id: ModelId, first: Pages, all: Pages) {
        self.order_evict_range(device, usize::MAX, id, range(first, all - first, all));
    }
}
