//! Which weights give way.

use clockwork_config::Eviction;
use clockwork_wire::{ModelId, Pages, Span};

use super::device::{Copy, Stage};
use super::wants::CLOSED;
use super::{Clockwork, index};

/// Which copies may be evicted for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victims {
    /// Copies of models that nobody asks for first, then others.
    Any,
    /// Only copies of models that nobody asks for, and that are asked for much less often than once
    /// in this time.
    Rarer(Span),
}

/// A copy that may be evicted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Victim {
    asked_for: bool,
    /// What it is worth to keep; the least goes first.
    worth: f64,
    slot: usize,
    pages: Pages,
}

impl Clockwork {
    /// Evicts until a device has room for the `pages` pages of a model; `false`, and nothing evicted,
    /// if that cannot be. A rest goes first, and of the last victim only what is needed.
    pub(super) fn make_room(
        &mut self,
        device: usize,
        id: ModelId,
        pages: Pages,
        victims: Victims,
    ) -> bool {
        let unused = self.devices[device].pages_free + self.rest_of(device, id);
        if unused >= pages {
            return true;
        }
        let rest = self.devices[device].rest.map_or(Pages::ZERO, |rest| rest.pages());
        let mut free = self.devices[device].pages_free + rest;
        if free >= pages {
            self.shorten_rest(device, pages - unused);
            return true;
        }
        let mut found = std::mem::take(&mut self.victims);
        found.clear();
        let copies = self.devices[device].copies.iter();
        found.extend(copies.filter_map(|(slot, copy)| self.victim(slot, copy, victims)));
        let mut chosen = 0;
        while free < pages && chosen < found.len() {
            let rank = |victim: &Victim| (victim.asked_for, victim.worth);
            let rest = found.iter().enumerate().skip(chosen);
            let least =
                rest.min_by(|(_, a), (_, b)| rank(a).partial_cmp(&rank(b)).unwrap_or(EQUAL));
            let (at, victim) = least.expect("there is a rest");
            free += victim.pages;
            found.swap(chosen, at);
            chosen += 1;
        }
        if free >= pages {
            self.evict_others(device, id, &found[..chosen], free - pages);
        }
        self.victims = found;
        free >= pages
    }

    /// Evicts what gives way for a model, but for `spare` pages of the last.
    fn evict_others(&mut self, device: usize, id: ModelId, chosen: &[Victim], spare: Pages) {
        let others = self.devices[device].rest.filter(|rest| !rest.is_of(id));
        if let Some(rest) = others {
            self.shorten_rest(device, rest.pages());
        }
        for (victim, left) in chosen.iter().zip((0..chosen.len()).rev()) {
            self.evict_but(device, victim.slot, if left == 0 { spare } else { Pages::ZERO });
        }
    }

    fn victim(&self, slot: usize, copy: &Copy, victims: Victims) -> Option<Victim> {
        if copy.stage != Stage::Loaded || copy.in_flight > 0 {
            return None;
        }
        // A model that has not been asked for in a while is not asked for as often as it was.
        let age = self.now - copy.last_used;
        let spacing = copy.interval.max(age);
        let rarer = match victims {
            Victims::Any => None,
            Victims::Rarer(interval) => Some(interval.times(MUCH)),
        };
        if rarer.is_some_and(|least| spacing < least) {
            return None;
        }
        // Last, because it looks at the model: a cache miss for each copy.
        let asked_for = self.models[copy.model.index()].is_asked_for();
        if rarer.is_some() && asked_for {
            return None;
        }
        let worth = match self.config.eviction {
            Eviction::Worth => {
                let reload = self.kinds[copy.kind].load.value().as_f64();
                reload / spacing.as_f64().max(1.0) / f64::from(copy.pages.get().max(1))
            }
            Eviction::Lru => 1.0 / age.as_f64().max(1.0),
        };
        Some(Victim { asked_for, worth, slot, pages: copy.pages })
    }

    /// Forgets a copy and counts its pages as free. What was pledged to it goes to the others.
    pub(super) fn drop_copy(&mut self, device: usize, slot: usize) {
        let copy = self.devices[device].remove(slot);
        self.note_room(device);
        let id = copy.model;
        let model = &mut self.models[id.index()];
        let place = model.copies.iter().position(|place| index(place.device) == device);
        model.copies.remove(place.expect("a copy has its place"));
        model.loaded -= u32::from(copy.stage == Stage::Loaded);
        model.loading -= u32::from(copy.stage == Stage::Loading);
        if let Some(wide) = model.wide {
            self.wide.note(wide, device, false);
        }
        self.unpledge_device(id, device);
        self.widen(id);
        self.moved(id);
    }

    /// A model's copies have changed: what waits for it is pledged anew, or needs one.
    pub(super) fn moved(&mut self, id: ModelId) {
        self.repledge(id);
        self.offer(id);
        if let Some(kind) = self.models[id.index()].kind().filter(|_| self.is_cold(id)) {
            self.want_copy(id, self.kinds[kind].single());
        }
    }

    /// Takes a copy out of use: its worker serves the model no longer.
    pub(super) fn retire(&mut self, id: ModelId, device: usize, slot: usize) {
        let stage = self.devices[device].copies.at(slot).stage;
        if !matches!(stage, Stage::Loaded | Stage::Loading) {
            // Its EVICT is on its way already, or will be.
            return;
        }
        self.set_stage(id, device, slot, Stage::Leaving);
        let model = &mut self.models[id.index()];
        model.loaded -= u32::from(stage == Stage::Loaded);
        model.loading -= u32::from(stage == Stage::Loading);
        self.devices[device].lanes[slot] = CLOSED;
        if let Some(wide) = model.wide {
            self.wide.note(wide, device, false);
        }
        self.unpledge_device(id, device);
        self.moved(id);
        if stage == Stage::Loaded {
            self.part(id, device, slot);
        } else {
            self.leave_open(id, device, slot);
        }
    }

    /// Evicts a copy that leaves, once its last action is over.
    pub(super) fn part(&mut self, id: ModelId, device: usize, slot: usize) {
        let copy = self.devices[device].copies.at(slot);
        let over = copy.stage == Stage::Leaving && copy.in_flight == 0;
        if over && self.devices[device].up {
            self.drop_copy(device, slot);
            self.order_evict(device, slot, id);
        }
    }
}

const EQUAL: std::cmp::Ordering = std::cmp::Ordering::Equal;

/// How much rarer a model must be to give way to one that is not urgent.
const MUCH: u64 = 2;
