//! What results, and results that never come, change.

use clockwork_wire::{
    ActionId, ActionKind, ActionResult, BatchSize, Nanos, Span, Status, WorkerId,
};

use super::Clockwork;
use super::device::Stage;
use super::flight::Flight;
use crate::message::Response;
use crate::queue::RequestSlot;

impl Clockwork {
    /// Takes the result of an action in; one that is not in flight (any longer) changes nothing.
    pub(super) fn result(&mut self, worker: WorkerId, result: &ActionResult) {
        let mine = result.id.epoch == self.epoch && result.id.shard == self.shard;
        let flight = self.flights.peek(result.id.counter);
        if mine && flight.is_some_and(|flight| flight.worker == worker) {
            self.conclude(result.id.counter, result);
        }
    }

    /// Actions whose result did not come in time are lost.
    pub(super) fn expire(&mut self) {
        while let Some(&(at, counter)) = self.expiries.front() {
            let Some(flight) = self.flights.peek(counter) else {
                self.expiries.pop_front();
                continue;
            };
            if at > self.now {
                return;
            }
            let result = ActionResult::refused(&flight.action, Status::EXPIRED, self.now);
            self.conclude(counter, &result);
        }
    }

    /// Ends an action that is in flight.
    pub(super) fn conclude(&mut self, counter: u64, result: &ActionResult) {
        let flight = self.flights.remove(counter).expect("an action that ends is in flight");
        let goodput = match flight.action.kind {
            ActionKind::Infer { batch } => self.infer_done(&flight, batch, result),
            ActionKind::Load => self.piece_done(&flight, result),
            ActionKind::Evict => self.evict_done(&flight, result),
        };
        self.arrived(&flight, result);
        self.records.push_back(flight.record(self.now, *result, goodput));
        self.todo.push(flight.device);
    }

    fn infer_done(&mut self, flight: &Flight, batch: BatchSize, result: &ActionResult) -> Span {
        let (id, index, slot) = (flight.action.model, flight.device, flight.slot);
        let counter = flight.action.id.counter;
        if result.status.is_ok() {
            self.measure(flight, batch, result);
            self.devices[index].exec.remove(counter, result.exec.end);
        } else {
            self.devices[index].exec.remove(counter, self.now);
        }
        self.devices[index].copies.at_mut(slot).in_flight -= 1;
        self.models[id.index()].in_flight -= 1;
        self.part(id, index, slot);
        let mut in_time: u32 = 0;
        for (part, &request) in (0u16..).zip(&flight.requests) {
            if !result.status.is_ok() && self.retry(request, result.status) {
                continue;
            }
            let output = result.status.is_ok().then_some((result.id, part));
            in_time += u32::from(self.respond(request, result.status, output).is_ok());
        }
        if in_time == u32::from(batch.get()) {
            return result.exec.duration;
        }
        result.exec.duration.scale(f64::from(in_time) / f64::from(batch.get()))
    }

    /// Learns from a measured execution, normalised to the default clock.
    fn measure(&mut self, flight: &Flight, batch: BatchSize, result: &ActionResult) {
        let nominal = self.config.default_clock;
        let known = |clock: u32| if clock == 0 { nominal } else { clock };
        let (before, after) = (known(result.clock_before), known(result.clock_after));
        let device = &mut self.devices[flight.device];
        device.clock = if result.clock_after == 0 { device.clock } else { result.clock_after };
        let same = before == nominal && after == nominal;
        let measured = if same || !self.config.clock_scaling {
            result.exec.duration
        } else {
            let mean = f64::midpoint(before.into(), after.into());
            result.exec.duration.scale(mean / f64::from(nominal))
        };
        let kind = &mut self.kinds[device.copies.at(flight.slot).kind];
        if let Some(size) = kind.sizes.iter_mut().find(|size| size.batch == batch) {
            size.exec.insert(measured);
        }
        self.pace.completed(self.now, self.now - flight.end());
        // Behind others an action starts when they are over, but its order came when it came.
        let there = if flight.first {
            result.exec.begin
        } else {
            result.received + result.copy_input.duration
        };
        self.pace.delivered(there - flight.left);
    }

    /// Gives a request whose action was lost to another one, if its deadline allows; once, and only
    /// if its input is not gone with the first.
    fn retry(&mut self, slot: RequestSlot, status: Status) -> bool {
        let again = matches!(
            status,
            Status::EXPIRED
                | Status::WORKER_LOST
                | Status::SEND_LATE
                | Status::EXEC_LATE
                | Status::INPUT_LATE
                | Status::WEIGHTS_MISSING
        );
        let pending = *self.table.at(slot);
        let id = pending.request.model;
        if !again || pending.retried || pending.request.input_len > 0 {
            return false;
        }
        let Some(kind) = self.models[id.index()].kind() else { return false };
        if self.now + self.kinds[kind].single() + self.pace.delivery() > pending.due {
            return false;
        }
        self.table.at_mut(slot).retried = true;
        self.enqueue(slot, pending.due, kind);
        if self.models[id.index()].copies.is_empty() {
            self.want_copy(id, self.kinds[kind].single());
        }
        true
    }

    /// An EVICT that settles a lost LOAD gives the pages back; one that is lost itself is sent again.
    fn evict_done(&mut self, flight: &Flight, result: &ActionResult) -> Span {
        let (index, slot, id) = (flight.device, flight.slot, flight.action.model);
        let copy = self.devices[index].copies.get(slot);
        if copy.is_some_and(|copy| copy.stage == Stage::Unknown && copy.model == id) {
            match result.status {
                Status::EXPIRED => self.order_evict(index, slot, id),
                _ => self.drop_copy(index, slot),
            }
        }
        Span::ZERO
    }

    /// Ends everything that was on its way to a worker that is gone.
    pub(super) fn lose(&mut self, worker: WorkerId) {
        for counter in self.flights.of_worker(worker) {
            let flight = self.flights.peek(counter).expect("it was just listed");
            let result = ActionResult::refused(&flight.action, Status::WORKER_LOST, Nanos::ZERO);
            self.conclude(counter, &result);
        }
    }

    /// Answers a request, once: it leaves the table. Returns the status that it was answered with.
    pub(super) fn respond(
        &mut self,
        slot: RequestSlot,
        status: Status,
        output: Option<(ActionId, u16)>,
    ) -> Status {
        self.links.forget(self.table.at_mut(slot));
        let pending = self.table.remove(slot);
        let counted = status.has_output() || status == Status::TIMEOUT;
        let in_time = self.now <= pending.deadline();
        let status = if status.is_ok() && !in_time { Status::LATE } else { status };
        if counted {
            self.pace.answered(self.now, status.is_ok());
        }
        let model = &self.models[pending.request.model.index()];
        self.responses.push_back(Response {
            request: pending.request.id,
            status,
            output,
            model: pending.request.model,
            arrival: pending.request.arrival,
            departure: self.now,
            slo: pending.slo,
            copies_at_arrival: pending.copies_at_arrival,
            copies_at_departure: if counted { model.loaded } else { 0 },
        });
        status
    }
}
