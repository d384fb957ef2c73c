//! Which models there are, and which are being loaded.

use std::sync::Arc;

use clockwork_wire::{
    ActionId, ClientId, ListedModel, LoadRequest, LoadedModel, ModelId, ModelLoaded, ModelProfile,
    WorkerId,
};

/// A servable model.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The name under which it was loaded; shared by all that were loaded together.
    pub(super) name: Arc<str>,
    /// Bytes of one input.
    pub(super) input_size: u32,
    /// Bytes of one output.
    pub(super) output_size: u32,
}

/// Models that were loaded together.
#[derive(Clone, Debug)]
pub struct Group {
    /// The first of the contiguous ids.
    pub(super) first: ModelId,
    /// How many.
    pub(super) copies: u32,
    /// Their name.
    pub(super) name: Arc<str>,
}

impl Group {
    /// One more than the last id, as a table index.
    pub(super) fn end(&self) -> usize {
        self.first.index() + usize::try_from(self.copies).expect("copies fit usize")
    }

    /// The ids.
    pub(super) fn models(&self) -> impl Iterator<Item = ModelId> + use<> {
        (self.first.index()..self.end()).map(ModelId::from_index)
    }

    /// Groups of the contiguous among rising ids.
    pub(super) fn runs(ids: impl Iterator<Item = ModelId>, name: &Arc<str>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for id in ids {
            match runs.last_mut() {
                Some(run) if run.end() == id.index() => run.copies += 1,
                _ => runs.push(Self { first: id, copies: 1, name: Arc::clone(name) }),
            }
        }
        runs
    }
}

/// A load that workers are at work on.
#[derive(Debug)]
pub(super) struct Job {
    /// Who waits for it; nobody if a worker came back without its models.
    pub(super) asked: Option<(ClientId, LoadRequest)>,
    /// What is being loaded.
    pub(super) group: Group,
    /// The order, the same for every worker.
    pub(super) id: ActionId,
    /// Workers that have not answered.
    pub(super) waiting: Vec<WorkerId>,
    /// What came of it.
    pub(super) done: Vec<(WorkerId, ModelLoaded)>,
}

/// Models by id, and the loads under way.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    models: Vec<Slot>,
    groups: Vec<Group>,
    jobs: Vec<Job>,
}

/// What is known of a model id. An id is given once.
#[derive(Clone, Debug)]
enum Slot {
    /// Nothing yet.
    Vacant,
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
            Slot::Vacant | Slot::Gone => None,
        }
    }

    /// Whether the model with this id was unloaded.
    pub(super) fn is_gone(&self, id: ModelId) -> bool {
        matches!(self.models.get(id.index()), Some(Slot::Gone))
    }

    /// Reserves `copies` contiguous ids.
    pub(super) fn reserve(&mut self, copies: u32) -> ModelId {
        let first = ModelId::from_index(self.models.len());
        let copies = usize::try_from(copies).expect("copies are bounded by the protocol");
        self.models.resize(self.models.len() + copies, Slot::Vacant);
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
            if matches!(slot, Slot::Vacant) {
                fresh.push(ModelId::from_index(first + at));
                *slot = Slot::Known(Known {
                    name: Arc::clone(&group.name),
                    input_size: profile.input_size,
                    output_size: profile.output_size,
                });
            }
        }
        for group in Group::runs(fresh.into_iter(), &group.name) {
            let at = self.groups.partition_point(|known| known.first < group.first);
            self.groups.insert(at, group);
        }
    }

    /// The models of a group as runs of contiguous ids: those that are known, and those that were
    /// unloaded.
    pub(super) fn of(&self, group: &Group) -> (Vec<Group>, Vec<Group>) {
        let ids = (group.first.index()..group.end()).map(ModelId::from_index);
        let known = Group::runs(ids.clone().filter(|&id| self.model(id).is_some()), &group.name);
        (known, Group::runs(ids.filter(|&id| self.is_gone(id)), &group.name))
    }

    /// Forgets `copies` models from `first` on, of which each must be known; otherwise nothing
    /// happens, and the first that is not is given.
    pub(super) fn remove(&mut self, first: ModelId, copies: u32) -> Result<(), ModelId> {
        let group = Group { first, copies, name: Arc::default() };
        let missing = |&at: &usize| self.model(ModelId::from_index(at)).is_none();
        if let Some(missing) = (first.index()..group.end()).find(missing) {
            return Err(ModelId::from_index(missing));
        }
        self.forget(&group);
        Ok(())
    }

    /// Forgets those models of a group that are known.
    pub(super) fn forget(&mut self, group: &Group) {
        let end = group.end().min(self.models.len());
        for slot in &mut self.models[group.first.index().min(end)..end] {
            if matches!(slot, Slot::Known(_)) {
                *slot = Slot::Gone;
            }
        }
        let touched = |known: &Group| known.end() > group.first.index();
        let begin = self.groups.iter().position(touched).unwrap_or(self.groups.len());
        let end = self.groups.partition_point(|known| known.first.index() < group.end());
        let cut: Vec<Group> = self.groups.drain(begin..end.max(begin)).collect();
        let rest: Vec<Group> = cut.iter().flat_map(|group| self.of(group).0).collect();
        self.groups.splice(begin..begin, rest);
    }

    /// Takes over models that a worker had before we came, in as few groups as can be.
    pub(super) fn adopt(&mut self, models: &[LoadedModel]) {
        let vacant = |id: ModelId| matches!(self.models.get(id.index()), None | Some(Slot::Vacant));
        let found: Vec<_> = models.iter().filter(|loaded| vacant(loaded.model)).collect();
        let follows = |one: &&LoadedModel, next: &&LoadedModel| {
            next.model.index() == one.model.index() + 1 && Arc::ptr_eq(&one.profile, &next.profile)
        };
        for run in found.chunk_by(follows).flat_map(|run| run.chunks(COPIES)) {
            let LoadedModel { model: first, profile } = run[0];
            let copies = u32::try_from(run.len()).expect("an order names at most COPIES_MAX");
            let name = profile.name.as_str().into();
            self.add(&Group { first: *first, copies, name }, profile);
        }
    }

    /// What was loaded together, in the order of the ids.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Begins a load.
    pub(super) fn begin(&mut self, job: Job) {
        self.jobs.push(job);
    }

    /// Whether loads are under way.
    pub(super) fn is_loading(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Notes a worker's answer; the job, if it was the last one.
    pub(super) fn answer(&mut self, worker: WorkerId, loaded: ModelLoaded) -> Option<Job> {
        let at = self.jobs.iter().position(|job| job.id == loaded.id)?;
        let job = &mut self.jobs[at];
        let waits = job.waiting.iter().position(|waiting| *waiting == worker)?;
        job.waiting.swap_remove(waits);
        job.done.push((worker, loaded));
        job.waiting.is_empty().then(|| self.jobs.remove(at))
    }

    /// The loads that a worker has not answered.
    pub(super) fn unanswered_by(&self, worker: WorkerId) -> Vec<(ActionId, Group)> {
        let waiting = self.jobs.iter().filter(|job| job.waiting.contains(&worker));
        waiting.map(|job| (job.id, job.group.clone())).collect()
    }

    /// What a client sees.
    pub(super) fn listing(&self) -> Vec<ListedModel> {
        let ids = (0..self.models.len()).map(ModelId::from_index);
        ids.filter_map(|id| {
            let known = self.model(id)?;
            Some(ListedModel {
                model: id,
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
        Group { first: ModelId::new(first), copies, name: "m".into() }
    }

    fn ranges(groups: &[Group]) -> Vec<(u32, u32)> {
        groups.iter().map(|group| (group.first.get(), group.copies)).collect()
    }

    fn loaded(ids: std::ops::Range<u32>, profile: &Arc<ModelProfile>) -> Vec<LoadedModel> {
        let loaded = |id| LoadedModel { model: ModelId::new(id), profile: Arc::clone(profile) };
        ids.map(loaded).collect()
    }

    #[test]
    fn what_a_worker_had_is_taken_over_in_few_groups() {
        let mut catalog = Catalog::default();
        catalog.add(&group(3, 2), &profile());
        let (one, other) = (Arc::new(profile()), Arc::new(profile()));
        let models = [loaded(0..9, &one), loaded(9..100_000, &other)].concat();
        catalog.adopt(&models);
        catalog.adopt(&models);
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
        assert_eq!(catalog.remove(ModelId::new(2), 10), Ok(()));
        assert_eq!(ranges(catalog.groups()), [(0, 2), (12, 3)]);
        assert_eq!(catalog.remove(ModelId::new(13), 1), Ok(()));
        assert_eq!(ranges(catalog.groups()), [(0, 2), (12, 1), (14, 1)]);
        assert_eq!(catalog.listing().len(), 4);
        assert!(catalog.is_gone(ModelId::new(5)) && !catalog.is_gone(ModelId::new(99)));
    }

    #[test]
    fn all_or_none_are_unloaded() {
        let mut catalog = Catalog::default();
        catalog.add(&group(0, 3), &profile());
        assert_eq!(catalog.remove(ModelId::new(1), 3), Err(ModelId::new(3)));
        assert_eq!(catalog.remove(ModelId::new(u32::MAX), u32::MAX), Err(ModelId::new(u32::MAX)));
        assert_eq!(ranges(catalog.groups()), [(0, 3)]);
    }

    #[test]
    fn what_was_unloaded_does_not_come_back_with_a_late_answer() {
        let mut catalog = Catalog::default();
        catalog.add(&group(0, 4), &profile());
        assert_eq!(catalog.remove(ModelId::new(1), 2), Ok(()));
        catalog.add(&group(0, 4), &profile());
        catalog.adopt(&loaded(2..3, &profile().into()));
        assert_eq!(ranges(catalog.groups()), [(0, 1), (3, 1)]);
        let (known, gone) = catalog.of(&group(0, 4));
        assert_eq!((ranges(&known), ranges(&gone)), (vec![(0, 1), (3, 1)], vec![(1, 2)]));
        assert_eq!(catalog.reserve(1), ModelId::new(4), "an id is given once");
    }
}
