//! Which models there are, and which are being loaded.

use clockwork_wire::{
    ActionId, ClientId, ListedModel, LoadRequest, ModelId, ModelLoaded, ModelProfile, WorkerId,
};

/// A servable model.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The name under which it was loaded.
    pub(super) name: String,
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
    pub(super) name: String,
}

impl Group {
    /// One more than the last id, as a table index.
    pub(super) fn end(&self) -> usize {
        self.first.index() + usize::try_from(self.copies).expect("copies fit usize")
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
    models: Vec<Option<Known>>,
    groups: Vec<Group>,
    jobs: Vec<Job>,
}

impl Catalog {
    /// The model with this id.
    pub(super) fn model(&self, id: ModelId) -> Option<&Known> {
        self.models.get(id.index())?.as_ref()
    }

    /// Reserves `copies` contiguous ids.
    pub(super) fn reserve(&mut self, copies: u32) -> ModelId {
        let first = ModelId::from_index(self.models.len());
        let copies = usize::try_from(copies).expect("copies are bounded by the protocol");
        self.models.resize(self.models.len() + copies, None);
        first
    }

    /// Makes a group servable, as one worker describes it. Later descriptions change nothing.
    pub(super) fn add(&mut self, group: &Group, profile: &ModelProfile) {
        let first = group.first.index();
        let end = first + usize::try_from(group.copies).expect("copies fit usize");
        if self.models.len() < end {
            self.models.resize(end, None);
        }
        for slot in &mut self.models[first..end] {
            slot.get_or_insert_with(|| Known {
                name: group.name.clone(),
                input_size: profile.input_size,
                output_size: profile.output_size,
            });
        }
        if !self.groups.iter().any(|known| known.first == group.first) {
            self.groups.push(group.clone());
        }
    }

    /// Takes over a model that a worker had before we came.
    pub(super) fn adopt(&mut self, id: ModelId, profile: &ModelProfile) {
        if self.model(id).is_none() {
            let name = profile.name.clone();
            self.add(&Group { first: id, copies: 1, name }, profile);
        }
    }

    /// What was loaded together.
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
        let known = self.models.iter().enumerate().filter_map(|(at, m)| Some((at, m.as_ref()?)));
        known
            .map(|(at, model)| ListedModel {
                model: ModelId::from_index(at),
                name: model.name.clone(),
                input_size: model.input_size,
                output_size: model.output_size,
            })
            .collect()
    }
}
