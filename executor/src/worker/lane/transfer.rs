//! LOAD and EVICT: one at a time per device, never under a running INFER of their model.

use clockwork_wire::{
    ActionId, ActionKind, ActionResult, Interval, ModelId, Nanos, Pages, Payload, Span, Status,
};

use super::{Lane, Outbox, result};
use crate::worker::task::{Task, Ticket, late};
use crate::{Completion, Operation, Output};

/// A LOAD or EVICT under way.
#[derive(Debug)]
pub(super) struct Transfer {
    ticket: Ticket,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has made the weights unusable and waits for INFERs of that model to end, because pages
    /// are never written or freed under a running operation.
    Draining,
    /// The device copies weights.
    Loading,
}

impl Transfer {
    /// The model whose weights come or go.
    pub(super) const fn model(&self) -> ModelId {
        self.ticket.action.model
    }
}

impl Lane {
    /// Begins the first waiting LOAD or EVICT, or refuses it.
    pub(super) fn start_transfer(&mut self, now: Nanos, at: Nanos, out: &mut Outbox) {
        assert!(self.transfer.is_none(), "one LOAD or EVICT at a time");
        let task = self.weights.pop().expect("a LOAD or EVICT waits");
        let ticket = task.ticket();
        if let Err(status) = self.admit_transfer(at, &task) {
            out.push_back(ticket.refused(status));
            return;
        }
        let model = ticket.action.model;
        self.residency.retire(model);
        if self.residency.is_executing(model) {
            self.transfer = Some(Transfer { ticket, phase: Phase::Draining });
        } else {
            self.carry_out(now, at, ticket, out);
        }
    }

    fn admit_transfer(&mut self, at: Nanos, task: &Task) -> Result<(), Status> {
        let model = task.action.model;
        if at > task.action.window.latest {
            return Err(late(task.action.kind));
        }
        match task.action.kind {
            ActionKind::Load => self.residency.reserve(model, task.pages, task.action.pages),
            ActionKind::Evict => {
                let pages = task.action.pages.of(task.pages).expect("checked on arrival");
                let holds = self.residency.holds(model, pages);
                if holds { Ok(()) } else { Err(Status::EVICT_ABSENT) }
            }
            ActionKind::Infer { .. } => unreachable!("the queue of transfers holds no INFER"),
        }
    }

    /// Does a LOAD or EVICT whose model is not executing.
    fn carry_out(&mut self, now: Nanos, at: Nanos, ticket: Ticket, out: &mut Outbox) {
        let (id, model) = (ticket.action.id, ticket.action.model);
        assert!(ticket.window().contains(at), "action {id} starts outside its window");
        let total = self.residency.total(model);
        let range = ticket.action.pages.of(total).expect("checked on arrival");
        if ticket.action.kind == ActionKind::Evict {
            self.forget(model, range.start);
            self.transfer_over_at = at;
            let exec = Interval { begin: at, end: at, duration: Span::ZERO };
            let mut result = ActionResult::refused(&ticket.action, Status::OK, ticket.received);
            result.exec = exec;
            out.push_back(Output::Result { result, output: Payload::EMPTY });
        } else {
            let first = range.start;
            let pages = self.residency.frames(model, range);
            self.device.start(now, at, id, model, Operation::Load { first, pages, total });
            self.transfer = Some(Transfer { ticket, phase: Phase::Loading });
        }
    }

    /// Drops what a model that is not executing has on the device, from page `keep` on.
    pub(super) fn forget(&mut self, model: ModelId, keep: u32) {
        self.device.evict(model, Pages::new(keep));
        self.residency.release(model, keep..self.residency.total(model).get());
    }

    /// Takes the LOAD under way, if it is the one that asked for this completion.
    pub(super) fn take_load(&mut self, id: ActionId) -> Option<Ticket> {
        let is_it =
            |load: &mut Transfer| load.phase == Phase::Loading && load.ticket.action.id == id;
        self.transfer.take_if(is_it).map(|load| load.ticket)
    }

    pub(super) fn complete_load(
        &mut self,
        now: Nanos,
        ticket: &Ticket,
        completion: Completion,
        out: &mut Outbox,
    ) {
        let model = ticket.action.model;
        self.transfer_over_at = self.device_time(now, completion.exec.end);
        if completion.status.is_ok() {
            self.residency.settle(model);
        } else if ticket.action.pages.is_whole() {
            self.forget(model, 0);
        } else {
            let pages = ticket.action.pages.of(self.residency.total(model));
            self.residency.release(model, pages.expect("checked on arrival"));
        }
        out.push_back(result(ticket, completion));
    }

    /// Goes on with a LOAD or EVICT that waited for the last INFER of `model`.
    pub(super) fn resume_transfer(
        &mut self,
        now: Nanos,
        at: Nanos,
        model: ModelId,
        out: &mut Outbox,
    ) {
        let executing = self.residency.is_executing(model);
        let is_drained = |waiting: &mut Transfer| {
            waiting.phase == Phase::Draining && waiting.ticket.action.model == model && !executing
        };
        let Some(Transfer { ticket, .. }) = self.transfer.take_if(is_drained) else { return };
        if at > ticket.window().latest {
            // It has touched nothing yet, so the weights are as good as before.
            self.residency.settle(model);
            self.transfer_over_at = at;
            out.push_back(ticket.refused(late(ticket.action.kind)));
        } else {
            self.carry_out(now, at, ticket, out);
        }
    }
}
