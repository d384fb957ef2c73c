//! Models on their way in: from a client's wish through the workers' answers to the response.

use std::sync::Arc;

use clockwork_wire::{
    ActionId, ClientId, LoadModel, LoadRequest, LoadResponse, LoadedModel, ModelLoaded,
    ModelProfile, Nanos, Span, Status, WorkerId,
};

use super::group::Group;
use super::jobs::{Job, Purpose};
use super::machine::Controller;
use crate::net::{Answer, Command};
use crate::telemetry::describe::{
    LoadActionText, LoadRequestText, LoadResponseText, LoadResultText,
};

impl Controller {
    /// A client wants a model: every worker that is there loads it.
    pub(super) fn load_requested(&mut self, now: Nanos, client: ClientId, request: LoadRequest) {
        if let Some(startup) = &mut self.startup {
            if !startup.takes_loads() {
                startup.early.push_back((client, request));
                return;
            }
            self.print(format!("Client  --> {}", LoadRequestText(&request)));
        }
        self.load_activity(now);
        let workers: Vec<WorkerId> = self.fleet.known().collect();
        if workers.is_empty() {
            let message = "no worker is connected; try again when one is".to_owned();
            self.load_failed(client, &request, Status::WORKER_LOST, message);
            return;
        }
        let first = self.catalog.reserve(request.copies);
        let group = Group::own(first, request.copies, request.name.as_str().into());
        self.begin_load(Purpose::Asked(client, request), group, &workers);
    }

    /// Orders a group of workers to load a model.
    pub(super) fn begin_load(&mut self, purpose: Purpose, group: Group, workers: &[WorkerId]) {
        let id = self.load_id();
        let most = self.options.controller.loads_in_flight;
        for &worker in workers {
            let order = self.load_order(id, &group);
            if let Some(order) = self.fleet.at(worker).load(order, most) {
                self.send_load(worker, order);
            }
        }
        let waiting = workers.to_vec();
        self.jobs.begin(Job { purpose, group, id, waiting, done: Vec::new() });
    }

    fn send_load(&mut self, worker: WorkerId, order: LoadModel) {
        if self.startup.is_some() {
            self.print(format!("Worker <--  {}", LoadActionText(&order)));
        }
        self.command(worker, Command::LoadModel(order));
    }

    /// A worker answered a load.
    pub(super) fn loaded(&mut self, now: Nanos, worker: WorkerId, loaded: ModelLoaded) {
        if self.startup.is_some() {
            let text = LoadResultText { loaded: &loaded, with_duration: false };
            self.print(format!("Worker  --> {text}"));
        }
        let most = self.options.controller.loads_in_flight;
        if let Some(next) = self.fleet.at(worker).loaded(loaded.id, most) {
            self.send_load(worker, next);
        }
        self.load_activity(now);
        if !self.jobs.awaits(worker, loaded.id) {
            return self.loaded_late(now, worker, &loaded);
        }
        if let Some(job) = self.jobs.answer(worker, loaded) {
            self.finish_load(now, job);
        }
    }

    /// A worker whose link broke meanwhile has loaded what it was not waited for any longer.
    fn loaded_late(&mut self, now: Nanos, worker: WorkerId, loaded: &ModelLoaded) {
        let Some(profile) = &loaded.profile else { return };
        let entry = self.fleet.at(worker);
        let group = Group::own(loaded.model, loaded.copies, profile.name.as_str().into());
        if !entry.known || entry.has_of(&group) {
            return;
        }
        if let Some(known) = self.catalog.model(group.first) {
            let (name, shown) = (Arc::clone(&known.name), known.shown);
            return self.serve_group(now, worker, &Group { name, shown, ..group }, profile);
        }
        if self.catalog.is_gone(group.first) {
            self.order_unload(worker, &group);
        }
        self.replacements.find(worker, &group, profile);
    }

    /// A worker that is gone answers nothing more.
    pub(super) fn load_lost(&mut self, now: Nanos, worker: WorkerId, id: ActionId, group: &Group) {
        let lost = ModelLoaded {
            id,
            status: Status::WORKER_LOST,
            message: format!("worker {worker} was lost while it loaded the model"),
            model: group.first,
            copies: group.copies,
            profile: None,
            duration: Span::ZERO,
        };
        if let Some(job) = self.jobs.answer(worker, lost) {
            self.finish_load(now, job);
        }
    }

    /// Every worker has answered.
    fn finish_load(&mut self, now: Nanos, job: Job) {
        match job.purpose {
            Purpose::Version(number) => self.version_loaded(now, number, job),
            Purpose::Asked(..) | Purpose::Again => self.serve_loaded(now, job),
        }
    }

    /// The model is served where it could be loaded.
    fn serve_loaded(&mut self, now: Nanos, job: Job) {
        let mut served = None;
        for (worker, loaded) in &job.done {
            let Some(profile) = loaded.profile.as_ref().filter(|_| loaded.status.is_ok()) else {
                continue;
            };
            let first = served.get_or_insert_with(|| Arc::clone(profile));
            if (first.input_size, first.output_size) != (profile.input_size, profile.output_size) {
                tracing::warn!(
                    worker = worker.get(), model = %job.group.name,
                    "left out: its inputs or outputs differ in size from the first worker's"
                );
                continue;
            }
            self.catalog.add(&job.group, profile);
            self.serve_group(now, *worker, &job.group, profile);
        }
        let Purpose::Asked(client, request) = job.purpose else { return };
        let Some(profile) = served else {
            let (_, first) = &job.done[0];
            self.load_failed(client, &request, first.status, first.message.clone());
            return;
        };
        let response = LoadResponse {
            id: request.id,
            status: Status::OK,
            message: String::new(),
            model: job.group.first,
            copies: job.group.copies,
            input_size: profile.input_size,
            output_size: profile.output_size,
        };
        self.respond_load(client, response);
    }

    /// A worker serves a group from now on, except what was unloaded while it loaded.
    pub(super) fn serve_group(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        group: &Group,
        profile: &Arc<ModelProfile>,
    ) {
        let (known, gone) = self.catalog.of(group);
        for group in &known {
            let loaded = |model| LoadedModel {
                model,
                shown: group.shown(model),
                profile: Arc::clone(profile),
            };
            if let Some(state) = &mut self.fleet.at(worker).state {
                state.models.extend(group.models().map(loaded));
            }
            if self.startup.is_none() {
                self.introduce_group(now, worker, group, profile);
            }
        }
        for group in &gone {
            self.order_unload(worker, group);
        }
    }

    fn load_failed(
        &mut self,
        client: ClientId,
        request: &LoadRequest,
        status: Status,
        message: String,
    ) {
        let response = LoadResponse { id: request.id, status, message, ..LoadResponse::default() };
        self.respond_load(client, response);
    }

    fn respond_load(&mut self, client: ClientId, response: LoadResponse) {
        if self.startup.is_some() {
            self.print(format!("Client <--  {}", LoadResponseText(&response)));
        }
        self.answer(client, Answer::Load(response));
    }
}
