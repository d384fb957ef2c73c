//! How a request comes in, and what its time running out does to it.

use std::cmp::Reverse;

use clockwork_wire::{ModelId, Nanos, RequestId, Span, Status};

use super::Infer5;
use crate::cluster::Model;
use crate::message::{Output, Request, Response};
use crate::queue::RequestSlot;
use crate::request::{Pending, Stage};

impl Infer5 {
    /// Takes a request in: queue, demand, timer.
    pub(super) fn admit(&mut self, request: Request) {
        if let Some(status) = self.objection(request.model) {
            self.refuse(&request, status);
            return;
        }
        self.offered.note(request.model);
        let pending = self.appraise(request);
        let (due, weights_due) = (pending.due, self.weights_due(&pending));
        let slot = self.requests.insert(pending);
        let generation = self.requests.generation(slot);
        self.timers.push(Reverse((weights_due.min(due), slot, generation)));

        let model = self.model(request.model);
        model.unanswered += 1;
        model.exec_demand += pending.exec_demand;
        model.load_demand += pending.load_demand;
        let position = model.queue.insert(due, slot);
        self.touch(request.model);
        self.want_after_arrival(request.model, position);
    }

    /// Why a request for this model is not even queued.
    fn objection(&self, model: ModelId) -> Option<Status> {
        let most = usize::try_from(self.config.max_requests).unwrap_or(usize::MAX);
        match self.models.get(model.index()) {
            None => Some(Status::UNKNOWN_MODEL),
            Some(model) if model.classes.is_empty() || model.unloaded => {
                Some(Status::UNKNOWN_MODEL)
            }
            Some(model) if model.workers.is_empty() => Some(Status::WORKER_LOST),
            Some(_) if self.requests.count() >= most => Some(Status::OVERLOADED),
            Some(_) => None,
        }
    }

    /// What a request is worth: its SLO, by when it must be complete, and its demand, which is
    /// larger the tighter the SLO (reference: the original's load tracker).
    fn appraise(&self, request: Request) -> Pending {
        let config = &self.config;
        let model = &self.models[request.model.index()];
        let class = &model.classes[0];
        let slo = if request.slo_factor > 0.0 {
            class.unit.scale(f64::from(request.slo_factor))
        } else if request.slo.is_zero() {
            config.default_slo
        } else {
            request.slo
        };
        let aim = if slo > config.buffer { slo - config.buffer } else { slo };
        let exec_slo = aim.max(config.schedule_ahead + config.buffer);
        let single = class.single();
        let work = single.as_f64() * config.default_slo.as_f64();
        Pending {
            request,
            slo,
            due: request.arrival + exec_slo,
            stage: Stage::Queued,
            copies_at_arrival: model.copies_loaded,
            exec_demand: work / exec_slo.as_f64(),
            load_demand: work / self.weights_slo(request.model, slo).as_f64(),
        }
    }

    /// Within which time a load for a request with this SLO must start to be of use.
    fn weights_slo(&self, model: ModelId, slo: Span) -> Span {
        let config = &self.config;
        let class = &self.models[model.index()].classes[0];
        let floor = config.schedule_ahead + config.buffer;
        let after = class.load.value() + class.single() + floor;
        // The original's subtraction wraps below zero and then picks the cap or the SLO.
        let spare = if slo > after { slo - after } else { slo };
        config.max_load_slo.min(spare).max(floor)
    }

    fn weights_due(&self, pending: &Pending) -> Nanos {
        pending.request.arrival + self.weights_slo(pending.model(), pending.slo)
    }

    /// A queued request's timer: first its load demand expires, then the request itself. While no
    /// device holds the model, the demand lasts for as long as a load could still save the request.
    pub(super) fn due(&mut self, slot: RequestSlot, generation: u32) {
        let pending = *self.requests.at(slot);
        let (model, due) = (pending.model(), pending.due);
        if due > self.now {
            let again =
                if self.models[model.index()].copies_loaded == 0 && self.is_savable(&pending) {
                    due.min(self.now + self.weights_slo(model, pending.slo))
                } else {
                    self.requests.at(slot).load_demand = 0.0;
                    self.model(model).load_demand -= pending.load_demand;
                    due
                };
            self.touch(model);
            self.timers.push(Reverse((again, slot, generation)));
        } else {
            let waited = self.model(model).queue.remove(due, slot);
            assert!(waited, "a queued request waits in its model's queue");
            self.respond(slot, Status::TIMEOUT, None);
        }
    }

    /// Whether a load ordered now could still serve a request in time.
    fn is_savable(&self, pending: &Pending) -> bool {
        let class = &self.models[pending.model().index()].classes[0];
        let needed = class.load.value() + class.single() + self.config.schedule_ahead;
        self.now + needed <= pending.due
    }

    /// A model has lost its last copy: queued requests whose load demand had expired need a load
    /// again.
    pub(super) fn revive(&mut self, id: ModelId) {
        let waiting: Vec<RequestSlot> = self.models[id.index()].queue.iter().collect();
        for slot in waiting {
            let pending = *self.requests.at(slot);
            let revived = self.appraise(pending.request).load_demand;
            if pending.load_demand <= 0.0 && self.is_savable(&pending) {
                self.requests.at(slot).load_demand = revived;
                self.model(id).load_demand += revived;
            }
        }
    }

    /// Answers a queued request that nobody waits for; one that is ordered completes with its
    /// action.
    pub(super) fn withdraw(&mut self, request: RequestId, model: ModelId) {
        let Some(known) = self.models.get(model.index()) else { return };
        let requests = &mut self.requests;
        let found = known.queue.iter().find(|&slot| requests.at(slot).request.id == request);
        if let Some(slot) = found {
            let due = self.requests.at(slot).due;
            self.model(model).queue.remove(due, slot);
            self.respond(slot, Status::CANCELLED, None);
        }
    }

    /// Takes a request's demand out of its model.
    pub(super) fn leave(&mut self, pending: &Pending) -> &mut Model {
        let id = pending.model();
        self.touch(id);
        let model = self.model(id);
        model.unanswered -= 1;
        model.exec_demand -= pending.exec_demand;
        model.load_demand -= pending.load_demand;
        if model.unanswered == 0 {
            // Sums of floats drift; no request means no demand, exactly.
            model.exec_demand = 0.0;
            model.load_demand = 0.0;
        }
        model
    }

    fn refuse(&mut self, request: &Request, status: Status) {
        self.decided.push_back(Output::Respond(Response {
            request: request.id,
            status,
            output: None,
            model: request.model,
            arrival: request.arrival,
            departure: self.now,
            slo: if request.slo.is_zero() { self.config.default_slo } else { request.slo },
            copies_at_arrival: 0,
            copies_at_departure: 0,
        }));
    }
}
