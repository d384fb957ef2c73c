//! Models on their way out: from a client's wish through the workers' answers to the response.
//!
//! From the request on no inference for the models is taken in: their ids are unknown, and are never
//! given again. The scheduler answers what waits ([`Status::UNKNOWN_MODEL`]) and what is under way
//! ends. Every worker that has the models forgets them; when all have, the client is answered. A
//! worker that is lost meanwhile is not waited for: when it comes back and still has the models, it
//! is told again.

use clockwork_wire::{
    ActionId, ClientId, ModelUnloaded, Nanos, Status, UnloadModel, UnloadRequest, UnloadResponse,
    WorkerId,
};

use super::group::Group;
use super::machine::Controller;
use crate::net::{Answer, Command};

/// Unloads that workers are at work on.
#[derive(Debug, Default)]
pub(super) struct Unloads(Vec<Unload>);

/// What a client asked to be unloaded.
#[derive(Debug)]
struct Unload {
    client: ClientId,
    /// The answer as far as it is known.
    response: UnloadResponse,
    /// Orders that are not answered.
    waiting: Vec<(WorkerId, ActionId)>,
}

impl Unloads {
    /// Notes a worker's answer; the response, if it was the last one.
    fn answer(
        &mut self,
        worker: WorkerId,
        unloaded: &ModelUnloaded,
    ) -> Option<(ClientId, UnloadResponse)> {
        let order = (worker, unloaded.id);
        let at = self.0.iter().position(|unload| unload.waiting.contains(&order))?;
        let unload = &mut self.0[at];
        unload.waiting.retain(|waiting| *waiting != order);
        if !unloaded.status.is_ok() {
            unload.response.status = unloaded.status;
            unload.response.message.clone_from(&unloaded.message);
        }
        self.take_done(at)
    }

    /// A worker that is gone answers nothing more; the responses that waited for it alone.
    fn lost(&mut self, worker: WorkerId) -> Vec<(ClientId, UnloadResponse)> {
        for unload in &mut self.0 {
            unload.waiting.retain(|(waiting, _)| *waiting != worker);
        }
        (0..self.0.len()).rev().filter_map(|at| self.take_done(at)).collect()
    }

    fn take_done(&mut self, at: usize) -> Option<(ClientId, UnloadResponse)> {
        if !self.0[at].waiting.is_empty() {
            return None;
        }
        let unload = self.0.remove(at);
        Some((unload.client, unload.response))
    }
}

impl Controller {
    /// A client wants models removed.
    pub(super) fn unload_requested(
        &mut self,
        now: Nanos,
        client: ClientId,
        request: UnloadRequest,
    ) {
        let UnloadRequest { id, model, copies, .. } = request;
        let refused = |status, message| UnloadResponse { id, status, message };
        if self.startup.is_some() {
            let message = "models can be unloaded when start-up is over".to_owned();
            return self.respond_unload(client, refused(Status::INITIALIZING, message));
        }
        if copies == 0 {
            let message = "no model is named: `copies` is 0".to_owned();
            return self.respond_unload(client, refused(Status::INVALID_REQUEST, message));
        }
        let groups = match self.catalog.remove(model, copies) {
            Ok(groups) => groups,
            Err(missing) => {
                let message =
                    format!("of {copies} models from {model} on, {missing} is not loaded");
                return self.respond_unload(client, refused(Status::UNKNOWN_MODEL, message));
            }
        };
        let response = refused(Status::OK, String::new());
        let waiting = self.unload(now, &groups);
        if waiting.is_empty() {
            self.respond_unload(client, response);
        } else {
            self.unloads.0.push(Unload { client, response, waiting });
        }
    }

    /// Takes models from schedulers and workers; gives the orders that are to be answered.
    pub(super) fn unload(&mut self, now: Nanos, groups: &[Group]) -> Vec<(WorkerId, ActionId)> {
        let mut waiting = Vec::new();
        let workers: Vec<WorkerId> = self.fleet.known().collect();
        for worker in workers {
            let leaving = |group: &Group| self.fleet.at(worker).unload(group.first, group.copies);
            let leaving: Vec<Group> = groups.iter().flat_map(leaving).collect();
            for group in leaving {
                self.retract_group(now, worker, &group);
                waiting.push((worker, self.order_unload(worker, &group)));
            }
        }
        waiting
    }

    /// Orders a worker to forget models.
    pub(super) fn order_unload(&mut self, worker: WorkerId, group: &Group) -> ActionId {
        let id = self.load_id();
        let order = UnloadModel { id, model: group.first, copies: group.copies };
        self.command(worker, Command::UnloadModel(order));
        id
    }

    /// A worker has forgotten models, or cannot.
    pub(super) fn unloaded(&mut self, worker: WorkerId, unloaded: &ModelUnloaded) {
        if let Some((client, response)) = self.unloads.answer(worker, unloaded) {
            self.respond_unload(client, response);
        }
    }

    /// A worker is gone.
    pub(super) fn unload_lost(&mut self, worker: WorkerId) {
        for (client, response) in self.unloads.lost(worker) {
            self.respond_unload(client, response);
        }
    }

    /// Tells the schedulers that a worker is not to be used for these models.
    fn retract_group(&mut self, now: Nanos, worker: WorkerId, group: &Group) {
        if !self.announce_models_down(now, worker, group) {
            self.tell_models_down(now, worker, group);
        }
    }

    /// Tells this shard's scheduler of models that a worker is not to be used for any longer.
    pub(super) fn tell_models_down(&mut self, now: Nanos, worker: WorkerId, group: &Group) {
        for model in group.models() {
            let input = clockwork_scheduler::Input::ModelDown { worker, model };
            self.scheduler.handle(now, input);
        }
    }

    /// What another shard's machine hears of it.
    pub(super) fn hear_models_down(&mut self, now: Nanos, worker: WorkerId, group: &Group) {
        self.catalog.forget(group);
        if self.owns(worker) {
            self.tell_models_down(now, worker, group);
        }
    }

    fn respond_unload(&mut self, client: ClientId, response: UnloadResponse) {
        self.answer(client, Answer::Unload(response));
    }
}
