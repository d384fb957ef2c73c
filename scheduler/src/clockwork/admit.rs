//! How a request comes in, and what its time running out does to it.

use clockwork_wire::{ModelId, Nanos, RequestId, Span, Status};

use super::Clockwork;
use super::backlog::{Prospect, Urgency};
use super::least::NEVER;
use super::pending::Pending;
use crate::message::{Request, Response};
use crate::queue::RequestSlot;

impl Clockwork {
    /// Takes a request in, or refuses it at once.
    pub(super) fn admit(&mut self, request: Request) {
        let kind = match self.kind_for(request.model) {
            Ok(kind) => kind,
            Err(status) => return self.refuse(&request, self.slo_of(&request, None), status),
        };
        let slo = self.slo_of(&request, Some(kind));
        let margin = self.pace.margin().min(slo.scale(MARGIN_MOST));
        let due = request.arrival + (slo - margin);
        let urgency = Urgency::of(slo);
        self.offered.note(request.model);
        self.models[request.model.index()].arrivals.note(self.now);
        let large = self.links.counts(request.input_len);
        if large {
            self.note_input(request.model, request.input_len);
        }
        let prospect = self.prospect(request.model, kind, urgency, due);
        if !self.is_feasible(kind, prospect, due) {
            self.unserved(request.model, kind);
            return self.refuse(&request, slo, Status::REFUSED);
        }
        let copies_at_arrival = self.models[request.model.index()].loaded;
        let (retried, link) = (false, None);
        let slot =
            self.table.insert(Pending { request, slo, due, copies_at_arrival, retried, link });
        self.enqueue(slot, due, kind);
        if large {
            self.await_link(slot, prospect.map(|prospect| prospect.device()));
        }
        match prospect {
            Some(prospect) => {
                self.pledge(request.model, prospect);
                self.relieve(request.model, kind, prospect.end);
            }
            None => self.want_copy(request.model, self.kinds[kind].single()),
        }
    }

    /// The kind of a model that can be asked for, or why it cannot.
    fn kind_for(&self, id: ModelId) -> Result<usize, Status> {
        let most = usize::try_from(self.config.max_requests).unwrap_or(usize::MAX);
        let model = self.models.get(id.index()).ok_or(Status::UNKNOWN_MODEL)?;
        let absent = || model.absent.unwrap_or(Status::UNKNOWN_MODEL);
        let kind = model.kind().ok_or_else(absent)?;
        if self.table.count() >= most { Err(Status::OVERLOADED) } else { Ok(kind) }
    }

    fn slo_of(&self, request: &Request, kind: Option<usize>) -> Span {
        match kind {
            Some(kind) if request.slo_factor > 0.0 => {
                self.kinds[kind].unit.scale(f64::from(request.slo_factor))
            }
            _ if request.slo.is_zero() => self.config.default_slo,
            _ => request.slo,
        }
    }

    /// Whether there is a schedule that meets the deadline, as far as can be seen. While there is more
    /// than can be done, a request that is dearer than usual is to wait less.
    fn is_feasible(&mut self, kind: usize, prospect: Option<Prospect>, due: Nanos) -> bool {
        if !self.config.early_refusal {
            return true;
        }
        let cost = prospect.map_or_else(|| self.kinds[kind].cost_of(1), |prospect| prospect.cost);
        let dearness = self.dearness(cost);
        let cold = || (self.now, self.loaded_by(kind));
        let (start, end) = prospect.map_or_else(cold, |prospect| (prospect.start, prospect.end));
        let wait = (start - self.now).scale(dearness) + (end - start);
        self.now + wait.scale(self.pace.caution()) + self.pace.delivery() <= due
    }

    /// How much dearer than usual a request is that costs so much device time, while there is more
    /// than can be done.
    fn dearness(&mut self, cost: f64) -> f64 {
        self.pace.offered(cost);
        if self.config.thrift { self.pace.dearness(self.now, cost) } else { 1.0 }
    }

    /// Puts a request into its model's queue.
    pub(super) fn enqueue(&mut self, slot: RequestSlot, due: Nanos, kind: usize) {
        let id = self.table.at(slot).request.model;
        let model = &mut self.models[id.index()];
        let position = model.queue.insert(due, slot);
        if position == 0 || self.kinds[kind].has_size(model.queue.len()) {
            self.offer(id);
        } else {
            self.freshen(id);
        }
    }

    /// Answers what can be served no longer: by nothing that would start now.
    pub(super) fn time_out(&mut self, id: ModelId) {
        let soonest = self.now + self.soonest(id) + Span::new(1);
        let over = self.models[id.index()].queue.cursor(soonest);
        for _ in 0..over {
            let slot = self.models[id.index()].queue.pop().expect("it was counted");
            self.respond(slot, Status::TIMEOUT, None);
        }
        self.unpledge(id);
        self.offer(id);
    }

    /// The least time in which a model can be executed.
    pub(super) fn soonest(&self, id: ModelId) -> Span {
        let kinds = self.models[id.index()].kinds();
        kinds.map(|kind| self.kinds[kind].single()).min().unwrap_or_default()
    }

    /// Answers a queued request that nobody waits for; one that is ordered completes with its
    /// action.
    pub(super) fn withdraw(&mut self, request: RequestId, id: ModelId) {
        let Some(model) = self.models.get_mut(id.index()) else { return };
        let table = &self.table;
        let found = model.queue.iter().find(|&slot| table.at(slot).request.id == request);
        if let Some(slot) = found {
            model.queue.remove(table.at(slot).due, slot);
            self.respond(slot, Status::CANCELLED, None);
            self.unpledge(id);
            self.offer(id);
        }
    }

    /// Answers everything that waits for a model.
    pub(super) fn release(&mut self, id: ModelId, status: Status) {
        while let Some(slot) = self.models[id.index()].queue.pop() {
            self.respond(slot, status, None);
        }
        self.unpledge(id);
        self.offer(id);
        self.unmet.set(id.index(), NEVER);
    }

    fn refuse(&mut self, request: &Request, slo: Span, status: Status) {
        self.responses.push_back(Response {
            request: request.id,
            status,
            output: None,
            model: request.model,
            arrival: request.arrival,
            departure: self.now,
            slo,
            copies_at_arrival: 0,
            copies_at_departure: 0,
        });
    }
}

/// The most of an SLO that is kept for results that are late.
const MARGIN_MOST: f64 = 0.25;
