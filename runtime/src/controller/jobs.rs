//! Loads that workers are at work on.

use clockwork_wire::{ActionId, ClientId, LoadRequest, ModelLoaded, WorkerId};

use super::group::Group;

/// A load that workers are at work on.
#[derive(Debug)]
pub(super) struct Job {
    /// What for.
    pub(super) purpose: Purpose,
    /// What is being loaded.
    pub(super) group: Group,
    /// The order, the same for every worker.
    pub(super) id: ActionId,
    /// Workers that have not answered.
    pub(super) waiting: Vec<WorkerId>,
    /// What came of it.
    pub(super) done: Vec<(WorkerId, ModelLoaded)>,
}

/// Why models are being loaded.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A client wants them.
    Asked(ClientId, LoadRequest),
    /// A worker lacks models that are served.
    Again,
    /// They are to replace others, in the replacement with this number.
    Version(u64),
}

/// The loads under way.
#[derive(Debug, Default)]
pub(super) struct Jobs(Vec<Job>);

impl Jobs {
    /// Begins a load.
    pub(super) fn begin(&mut self, job: Job) {
        self.0.push(job);
    }

    /// Whether loads are under way.
    pub(super) const fn is_loading(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a worker is to answer this load.
    pub(super) fn awaits(&self, worker: WorkerId, id: ActionId) -> bool {
        self.0.iter().any(|job| job.id == id && job.waiting.contains(&worker))
    }

    /// Notes a worker's answer; the job, if it was the last one.
    pub(super) fn answer(&mut self, worker: WorkerId, loaded: ModelLoaded) -> Option<Job> {
        let at = self.0.iter().position(|job| job.id == loaded.id)?;
        let job = &mut self.0[at];
        let waits = job.waiting.iter().position(|waiting| *waiting == worker)?;
        job.waiting.swap_remove(waits);
        job.done.push((worker, loaded));
        job.waiting.is_empty().then(|| self.0.remove(at))
    }

    /// The loads that a worker has not answered.
    pub(super) fn unanswered_by(&self, worker: WorkerId) -> Vec<(ActionId, Group)> {
        let waiting = self.0.iter().filter(|job| job.waiting.contains(&worker));
        waiting.map(|job| (job.id, job.group.clone())).collect()
    }
}
