//! Which models there are, and which are being loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clockwork_wire::{ListedModel, LoadedModel, ModelId, ModelProfile};

use super::group::Group;

/// A servable model.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The name under which it was loaded; shared by all that were loaded together.
    pub(super) name: Arc<str>,
    /// The id that clients know it by: its own, unless it is a later version.
    pub(super) shown: ModelId,
    /// Bytes of one input.
    pub(super) input_size: u32,
    /// Bytes of one output.
    pub(super) output_size: u32,
}

/// Models by id.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    models: Vec<Slot>,
    groups: Vec<Group>,
    /// Which model serves an id that clients know, where that is not the model with that id.
    serving: BTreeMap<ModelId, ModelId>,
}

/// What is known of a model id. An id is given once.
#[derive(Clone, Debug)]
enum Slot {
    /// Nothing yet.
    Vacant,
    /// It is kept for a later version of a model.
    Promised,
    /// A model has it.
    Known(Known),
    /// A model had it that was unloaded.
    Gone,
}

impl Catalog {
    /// The model with this id.
    pub(super) fn model(&self, id: ModelId) -> Option<&Known> {
        match self.models.get(id.index())? {
            Slot::Known(known) => Some(known),
            Slot::Vacant | Slot::Promised | Slot::Gone => None,
        }
    }

    /// The model that serves an id which a client says: the newest version, or the id itself, be it
    /// known or not; `None` for the id of a later version, which clients know by another one.
    pub(super) fn serving(&self, id: ModelId) -> Option<ModelId> {
        if let Some(&newest) = self.serving.get(&id) {
            return Some(newest);
        }
        let hidden = self.model(id).is_some_and(|known| known.shown != id);
        (!hidden).then_some(id)
    }

    /// Whether the model with this id was unloaded.
    pub(super) fn is_gone(&self, id: ModelId) -> bool {
        matches!(self.models.get(id.index()), Some(Slot::Gone))
    }

    /// Whether the id is kept for a later version.
    pub(super) fn is_promised(&self, id: ModelId) -> bool {
        matches!(self.models.get(id.index()), Some(Slot::Promised))
    }

    /// Reserves `copies` contiguous ids.
    pub(super) fn reserve(&mut self, copies: u32) -> ModelId {
        self.reserve_as(copies, &Slot::Vacant)
    }

    /// Reserves `copies` contiguous ids for later versions.
    pub(super) fn promise(&mut self, copies: u32) -> ModelId {
        self.reserve_as(copies, &Slot::Promised)
    }

    fn reserve_as(&mut self, copies: u32, slot: &Slot) -> ModelId {
        let first = ModelId::from_index(self.models.len());
        let copies = usize::try_from(copies).expect("copies are bounded by the protocol");
        self.models.resize(self.models.len() + copies, slot.clone());
        first
    }

    /// Makes a group servable, as one worker describes it. Later descriptions change nothing, and
    /// what was unloaded stays so.
    pub(super) fn add(&mut self, group: &Group, profile: &ModelProfile) {
        let (first, end) = (group.first.index(), group.end());
        if self.models.len() < end {
            self.models.resize(end, Slot::Vacant);
        }
        let mut fresh = Vec::new();
        for (at, slot) in self.models[first..end].iter_mut().enumerate() {
            if matches!(slot, Slot::Vacant | Slot::Promised) {
                let id = ModelId::from_index(first + at);
                fresh.push(id);
                *slot = Slot::Known(Known {
                    name: Arc::clone(&group.name),
                    shown: group.shown(id),
                    input_size: profile.input_size,
                    output_size: profile.output_size,
                });
            }
        }
        for group in group.parts(fresh.into_iter()) {
            let at = self.groups.partition_point(|known| known.first < group.first);
            self.groups.insert(at, group);
        }
    }

    /// The models of a group as runs of contiguous ids: those that are known, and those that were
    /// unloaded.
    pub(super) fn of(&self, group: &Group) -> (Vec<Group>, Vec<Group>) {
        let known = group.parts(group.models().filter(|&id| self.model(id).is_some()));
        (known, group.parts(group.models().filter(|&id| self.is_gone(id))))
    }

    /// Forgets `copies` models that clients know by the ids from `first` on, of which each must be
    /// known, and gives the models that served them, older versions that have not ended among them;
    /// otherwise nothing happens, and the first that is not known is given.
    pub(super) fn remove(&mut self, first: ModelId, copies: u32) -> Result<Vec<Group>, ModelId> {
        let asked = Group::own(first, copies, Arc::default());
        let known = |id: &ModelId| self.serving(*id).is_some_and(|id| self.model(id).is_some());
        if let Some(missing) = asked.models().find(|id| !known(id)) {
            return Err(missing);
        }
        let serves = |id: &ModelId| self.model(*id).is_some_and(|known| asked.has(known.shown));
        let newest = asked.models().filter_map(|id| self.serving(id));
        // Without later versions nothing else can be meant.
        let own = |group: &Group| group.shown == group.first;
        let mut ids: Vec<ModelId> = if self.serving.is_empty() && self.groups.iter().all(own) {
            newest.collect()
        } else {
            (0..self.models.len()).map(ModelId::from_index).filter(serves).collect()
        };
        ids.sort_unstable();
        let groups = Group::runs(ids.into_iter(), &asked.name);
        for group in &groups {
            self.forget(group);
        }
        Ok(groups)
    }

    /// Forgets those models of a group that are known or promised.
    pub(super) fn forget(&mut self, group: &Group) {
        let end = group.end().min(self.models.len());
        for at in group.first.index().min(end)..end {
            let id = ModelId::from_index(at);
            if let Slot::Known(known) = &self.models[at]
                && self.serving.get(&known.shown) == Some(&id)
            {
                self.serving.remove(&known.shown);
            }
            if !matches!(self.models[at], Slot::Vacant) {
                self.models[at] = Slot::Gone;
            }
        }
        self.regroup(group, |catalog, id| catalog.model(id).is_some());
    }

    /// From now on `version` serves the ids that clients know it by, of which each was served by the
    /// model that follows `old` alike. Those serve what they were given before, and are not loaded
    /// again where they are missing.
    pub(super) fn switch(&mut self, old: &Group, version: &Group) {
        let shown = version.models().map(|id| (version.shown(id), id));
        self.serving.extend(shown);
        self.regroup(old, |_, id| !old.has(id));
    }

    /// Leaves the models of `group` in their groups only where `stays` says so.
    fn regroup(&mut self, group: &Group, stays: impl Fn(&Self, ModelId) -> bool) {
        let touched = |known: &Group| known.end() > group.first.index();
        let begin = self.groups.iter().position(touched).unwrap_or(self.groups.len());
        let end = self.groups.partition_point(|known| known.first.index() < group.end());
        let cut: Vec<Group> = self.groups.drain(begin..end.max(begin)).collect();
        let parts = |cut: &Group| cut.parts(cut.models().filter(|&id| stays(self, id)));
        let rest: Vec<Group> = cut.iter().flat_map(parts).collect();
        self.groups.splice(begin..begin, rest);
    }

    /// Takes over models that a worker had before we came, in as few groups as can be. Of several
    /// versions of one model the one that serves already stays, or the newest is taken if
    /// `newest_wins`; the others are given, which are gone.
    pub(super) fn adopt(&mut self, models: &[LoadedModel], newest_wins: bool) -> Vec<Group> {
        let superseded = self.supersede(models, newest_wins);
        let vacant = |id: ModelId| matches!(self.models.get(id.index()), None | Some(Slot::Vacant));
        let found: Vec<_> = models.iter().filter(|loaded| vacant(loaded.model)).collect();
        let follows = |one: &&LoadedModel, next: &&LoadedModel| {
            next.model.index() == one.model.index() + 1
                && next.shown.index() == one.shown.index() + 1
                && Arc::ptr_eq(&one.profile, &next.profile)
        };
        for run in found.chunk_by(follows).flat_map(|run| run.chunks(COPIES)) {
            let LoadedModel { model: first, shown, profile } = run[0];
            let copies = u32::try_from(run.len()).expect("an order names at most COPIES_MAX");
            let name = profile.name.as_str().into();
            let group = Group { first: *first, copies, name, shown: *shown };
            self.add(&group, profile);
            let later = group.models().filter(|id| group.shown(*id) != *id);
            self.serving.extend(later.map(|id| (group.shown(id), id)));
        }
        superseded
    }

    /// Of several versions of one model all but one are gone.
    fn supersede(&mut self, models: &[LoadedModel], newest_wins: bool) -> Vec<Group> {
        if self.serving.is_empty() && models.iter().all(|loaded| loaded.shown == loaded.model) {
            return Vec::new();
        }
        let here = models.iter().filter(|loaded| !self.is_gone(loaded.model));
        let mut winners: BTreeMap<ModelId, ModelId> = BTreeMap::new();
        for loaded in here.clone() {
            let winner = winners.entry(loaded.shown).or_insert(loaded.model);
            *winner = loaded.model.max(*winner);
        }
        let mut gone = BTreeSet::new();
        for (&shown, winner) in &mut winners {
            let Some(known) = self.serving(shown).filter(|&id| self.model(id).is_some()) else {
                continue;
            };
            if known > *winner || !newest_wins {
                *winner = known;
            } else if known != *winner {
                gone.insert(known);
            }
        }
        // What is known already and yet not the newest ends by itself.
        let ends = |loaded: &LoadedModel| !newest_wins && self.model(loaded.model).is_some();
        let lost = here.filter(|l| winners[&l.shown] != l.model && !ends(l));
        gone.extend(lost.map(|loaded| loaded.model));
        let gone = Group::runs(gone.into_iter(), &Arc::default());
        for group in &gone {
            self.bury(group);
        }
        gone
    }

    /// Models of which nothing need be known are gone.
    fn bury(&mut self, group: &Group) {
        if self.models.len() < group.end() {
            self.models.resize(group.end(), Slot::Vacant);
        }
        self.forget(group);
        self.models[group.first.index()..group.end()].fill(Slot::Gone);
    }

    /// What was loaded together, in the order of the ids.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What a client sees: every id that it may ask for once, whatever version serves it.
    pub(super) fn listing(&self) -> Vec<ListedModel> {
        let ids = (0..self.models.len()).map(ModelId::from_index);
        ids.filter_map(|shown| {
            let known = self.model(self.serving(shown)?)?;
            Some(ListedModel {
                model: shown,
                name: known.name.to_string(),
                input_size: known.input_size,
                output_size: known.output_size,
            })
        })
        .collect()
    }
}

/// The most copies that one order may name, [`COPIES_MAX`](clockwork_wire::codec::COPIES_MAX).
const COPIES: usize = 65_536;

#[cfg(test)]
mod tests {
    use clockwork_wire::codec::COPIES_MAX;
    use clockwork_wire::{Pages, Span};

    use super::*;

    fn profile() -> ModelProfile {
        ModelProfile {
            name: "m".into(),
            input_size: 1,
            output_size: 1,
            weights_size: 1,
            pages: Pages::new(1),
            load: Span::ZERO,
            batches: Vec::new(),
        }
    }

    fn group(first: u32, copies: u32) -> Group {
        Group::own(ModelId::new(first), copies, "m".into())
    }

    fn ranges(groups: &[Group]) -> Vec<(u32, u32)> {
        groups.iter().map(|group| (group.first.get(), group.copies)).collect()
    }

    fn loaded(ids: std::ops::Range<u32>, profile: &Arc<ModelProfile>) -> Vec<LoadedModel> {
        let loaded = |id| LoadedModel {
            model: ModelId::new(id),
            shown: ModelId::new(id),
            profile: Arc::clone(profile),
        };
        ids.map(loaded).collect()
    }

    #[test]
    fn what_a_worker_had_is_taken_over_in_few_groups() {
        let mut catalog = Catalog::default();
        catalog.add(&group(3, 2), &profile());
        let (one, other) = (Arc::new(profile()), Arc::new(profile()));
        let models = [loaded(0..9, &one), loaded(9..100_000, &other)].concat();
        catalog.adopt(&models, true);
        catalog.adopt(&models, true);
        let rest = (9 + COPIES_MAX, 100_000 - 9 - COPIES_MAX);
        assert_eq!(ranges(catalog.groups()), [(0, 3), (3, 2), (5, 4), (9, COPIES_MAX), rest]);
        assert_eq!(usize::try_from(COPIES_MAX), Ok(COPIES));
    }

    #[test]
    fn what_is_unloaded_leaves_the_rest_of_its_groups() {
        let mut catalog = Catalog::default();
        for (first, copies) in [(10, 5), (0, 4), (4, 6)] {
            catalog.add(&group(first, copies), &profile());
        }
        assert_eq!(ranges(catalog.groups()), [(0, 4), (4, 6), (10, 5)]);
        assert!(catalog.remove(ModelId::new(2), 10).is_ok());
        assert_eq!(ranges(catalog.groups()), [(0, 2), (12, 3)]);
        assert!(catalog.remove(ModelId::new(13), 1).is_ok());
        assert_eq!(ranges(catalog.groups()), [(0, 2), (12, 1), (14, 1)]);
        assert_eq!(catalog.listing().len(), 4);
        assert!(catalog.is_gone(ModelId::new(5)) && !catalog.is_gone(ModelId::new(99)));
    }

    #[test]
    fn all_or_none_are_unloaded() {
        let mut catalog = Catalog::default();
        catalog.add(&group(0, 3), &profile());
        assert_eq!(catalog.remove(ModelId::new(1), 3).err(), Some(ModelId::new(3)));
        assert_eq!(
            catalog.remove(ModelId::new(u32::MAX), u32::MAX).err(),
            Some(ModelId::new(u32::MAX))
        );
        assert_eq!(ranges(catalog.groups()), [(0, 3)]);
    }

    #[test]
    fn what_was_unloaded_does_not_come_back_with_a_late_answer() {
        let mut catalog = Catalog::default();
        catalog.add(&group(0, 4), &profile());
        assert!(catalog.remove(ModelId::new(1), 2).is_ok());
        catalog.add(&group(0, 4), &profile());
        catalog.adopt(&loaded(2..3, &profile().into()), false);
        assert_eq!(ranges(catalog.groups()), [(0, 1), (3, 1)]);
        let (known, gone) = catalog.of(&group(0, 4));
        assert_eq!((ranges(&known), ranges(&gone)), (vec![(0, 1), (3, 1)], vec![(1, 2)]));
        assert_eq!(catalog.reserve(1), ModelId::new(4), "an id is given once");
    }
}
