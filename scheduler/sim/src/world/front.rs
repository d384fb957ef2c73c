//! The controller's part before any inference: workers, models, and clients that wait for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use clockwork_config::SchedulerConfig;
use clockwork_scheduler::Input;
use clockwork_wire::{
    ActionId, ClientId, LoadModel, ModelId, ModelLoaded, ModelProfile, WorkerId, WorkerState,
};
use clockwork_workload::LoadModels;

use super::EPOCH;
use super::letter::{Command, Draft, Letter, Tell};

/// What the front keeps.
#[derive(Debug)]
pub(crate) struct Front {
    config: SchedulerConfig,
    /// Workers that have to connect before anybody is served.
    awaited: BTreeSet<WorkerId>,
    /// The workers that are connected, with their session.
    pub(crate) sessions: Vec<Option<u32>>,
    models: Vec<Family>,
    /// Clients that asked before the awaited workers were there.
    early: Vec<(ClientId, LoadModels)>,
    next_model: u32,
    load_models: u64,
}

/// Copies of one model that were loaded together.
#[derive(Debug)]
struct Family {
    client: ClientId,
    name: String,
    first: ModelId,
    copies: u32,
    input_size: u32,
    output_size: u32,
    /// Workers that have not answered yet.
    waiting: BTreeSet<WorkerId>,
    announced: bool,
}

impl Front {
    /// A front that waits for these workers.
    pub(crate) fn new(
        config: SchedulerConfig,
        workers: usize,
        awaited: BTreeSet<WorkerId>,
    ) -> Self {
        Self {
            config,
            awaited,
            sessions: vec![None; workers],
            models: Vec::new(),
            early: Vec::new(),
            next_model: 0,
            load_models: 0,
        }
    }

    /// Bytes of one input and of one output of a model.
    pub(crate) fn payload_sizes(&self, model: ModelId) -> (u32, u32) {
        let at = self.models.partition_point(|family| family.first <= model);
        let family = at.checked_sub(1).map(|at| &self.models[at]);
        family.map_or((0, 0), |family| (family.input_size, family.output_size))
    }

    /// A worker has connected: says what the scheduler has to know, and asks the worker for the
    /// models that it lacks.
    pub(crate) fn connected(
        &mut self,
        worker: WorkerId,
        session: u32,
        state: WorkerState,
        out: &mut Vec<Draft>,
    ) -> Vec<Input> {
        self.sessions[worker.index()] = Some(session);
        let has = |id: ModelId| state.models.iter().any(|model| model.model == id);
        let lacking = self.models.iter().filter(|family| !has(family.first));
        for family in lacking.map(|f| (f.first, f.copies, f.name.clone())).collect::<Vec<_>>() {
            self.request_load(worker, family, out);
        }
        self.awaited.remove(&worker);
        if self.awaited.is_empty() {
            for (client, load) in std::mem::take(&mut self.early) {
                self.load(client, load, out);
            }
        }
        let mut inputs = vec![Input::WorkerUp { worker, devices: state.devices }];
        inputs.extend(state.models.into_iter().map(|model| Input::ModelUp {
            worker,
            model: model.model,
            profile: model.profile,
        }));
        inputs
    }

    /// A worker is gone; nobody waits for it any longer.
    pub(crate) fn disconnected(&mut self, worker: WorkerId, out: &mut Vec<Draft>) {
        self.sessions[worker.index()] = None;
        for family in &mut self.models {
            family.waiting.remove(&worker);
            family.announce(out);
        }
    }

    /// A client wants copies of a model.
    pub(crate) fn load(&mut self, client: ClientId, load: LoadModels, out: &mut Vec<Draft>) {
        if !self.awaited.is_empty() {
            self.early.push((client, load));
            return;
        }
        let first = ModelId::new(self.next_model);
        self.next_model += load.copies;
        let connected: BTreeSet<_> = (0..self.sessions.len())
            .filter(|&at| self.sessions[at].is_some())
            .map(WorkerId::from_index)
            .collect();
        for &worker in &connected {
            self.request_load(worker, (first, load.copies, load.name.clone()), out);
        }
        let mut family = Family {
            client,
            name: load.name,
            first,
            copies: load.copies,
            input_size: 0,
            output_size: 0,
            waiting: connected,
            announced: false,
        };
        family.announce(out);
        self.models.push(family);
    }

    /// A worker has loaded a model, or has not: says what the scheduler has to know.
    pub(crate) fn loaded(
        &mut self,
        worker: WorkerId,
        loaded: &ModelLoaded,
        out: &mut Vec<Draft>,
    ) -> Vec<Input> {
        let found = self.models.iter_mut().find(|family| family.first == loaded.model);
        let Some(family) = found else { return Vec::new() };
        if let Some(profile) = &loaded.profile {
            family.input_size = profile.input_size;
            family.output_size = profile.output_size;
        }
        family.waiting.remove(&worker);
        family.announce(out);
        let profile = loaded.profile.as_ref();
        let up = |profile: &Arc<ModelProfile>| {
            family.ids().map(|m| model_up(worker, m, profile)).collect()
        };
        profile.map(up).unwrap_or_default()
    }

    fn request_load(
        &mut self,
        worker: WorkerId,
        (model, copies, name): (ModelId, u32, String),
        out: &mut Vec<Draft>,
    ) {
        let Some(session) = self.sessions[worker.index()] else { return };
        let id = ActionId { epoch: EPOCH, shard: 0, counter: self.load_models };
        self.load_models += 1;
        let load = LoadModel {
            id,
            model,
            copies,
            name,
            max_batch: self.config.max_batch,
            max_exec: self.config.max_exec,
            shown: model,
        };
        let command = Command::LoadModel(Box::new(load));
        out.push(Letter::Worker(worker, session, command).into());
    }
}

impl Family {
    fn ids(&self) -> impl Iterator<Item = ModelId> {
        (self.first.get()..self.first.get() + self.copies).map(ModelId::new)
    }

    /// Tells the client once everybody has answered.
    fn announce(&mut self, out: &mut Vec<Draft>) {
        if self.announced || !self.waiting.is_empty() {
            return;
        }
        self.announced = true;
        let tell =
            Tell::Loaded { first: self.first, copies: self.copies, input_size: self.input_size };
        out.push(Letter::Client(self.client, tell).into());
    }
}

fn model_up(worker: WorkerId, model: ModelId, profile: &Arc<ModelProfile>) -> Input {
    Input::ModelUp { worker, model, profile: Arc::clone(profile) }
}
