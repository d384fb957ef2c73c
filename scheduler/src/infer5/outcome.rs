//! What results, and results that never come, change.

use clockwork_wire::{ActionKind, ActionResult, BatchSize, ModelId, Nanos, Span, Status, WorkerId};

use super::Infer5;
use crate::cluster::{CopyStage, DeviceIndex};
use crate::flight::Flight;
use crate::message::Output;

impl Infer5 {
    /// Takes the result of an action in; one that is not in flight (any longer) changes nothing.
    pub(super) fn result(&mut self, worker: WorkerId, result: &ActionResult) {
        let mine = result.id.epoch == self.epoch && result.id.shard == self.shard;
        let flight = self.flights.peek(result.id.counter);
        if !mine || flight.is_none_or(|flight| flight.worker != worker) {
            return;
        }
        self.conclude(result.id.counter, result);
    }

    /// An action whose result did not come in time is lost.
    pub(super) fn expire(&mut self, counter: u64) {
        let flight = self.flights.peek(counter).expect("an expiring action is in flight");
        let result = ActionResult::refused(&flight.action, Status::EXPIRED, self.now);
        self.conclude(counter, &result);
    }

    /// Ends an action that is in flight.
    pub(super) fn conclude(&mut self, counter: u64, result: &ActionResult) {
        let flight = self.flights.remove(counter).expect("an action that ends is in flight");
        let id = flight.action.model;
        let index = flight.device;
        let goodput = match flight.action.kind {
            ActionKind::Infer { batch } => self.infer_done(&flight, index, batch, result),
            ActionKind::Load => self.load_done(id, index, counter, result),
            ActionKind::Evict => self.evict_done(id, index, result),
        };
        self.relist(index);
        let record = flight.record(self.now, *result, goodput);
        self.decided.push_back(Output::Record(record));
    }

    fn infer_done(
        &mut self,
        flight: &Flight,
        index: DeviceIndex,
        batch: BatchSize,
        result: &ActionResult,
    ) -> Span {
        let (id, counter) = (flight.action.model, flight.action.id.counter);
        if result.status.is_ok() {
            self.measure(id, index, batch, result);
            self.devices[index].exec.complete(counter, result.exec.end, result.exec.duration);
        } else {
            self.devices[index].exec.fail(self.now, counter);
        }
        self.use_copy(id, index).in_flight -= 1;
        self.part(id, index);
        let mut in_time: u32 = 0;
        for (part, &slot) in (0u16..).zip(&flight.requests) {
            let output = result.status.is_ok().then_some((result.id, part));
            in_time += u32::from(self.respond(slot, result.status, output).status.is_ok());
        }
        result.exec.duration.scale(f64::from(in_time) / f64::from(batch.get()))
    }

    /// Learns from a measured execution, normalised to the default clock.
    fn measure(
        &mut self,
        id: ModelId,
        index: DeviceIndex,
        batch: BatchSize,
        result: &ActionResult,
    ) {
        let nominal = f64::from(self.config.default_clock);
        let before = if result.clock_before == 0 { nominal } else { result.clock_before.into() };
        let after = if result.clock_after == 0 { nominal } else { result.clock_after.into() };
        let scale =
            if self.config.clock_scaling { f64::midpoint(before, after) / nominal } else { 1.0 };
        let measured = result.exec.duration.scale(scale);
        if result.clock_after > 0 {
            self.devices[index].clock = result.clock_after;
        }
        let model = &mut self.models[id.index()];
        let Some(class) = model.copy_on(index).map(|copy| copy.class) else { return };
        if let Some(estimate) = model.classes[class].estimate(batch) {
            estimate.insert(measured);
        }
    }

    fn load_done(
        &mut self,
        id: ModelId,
        index: DeviceIndex,
        counter: u64,
        result: &ActionResult,
    ) -> Span {
        let device = &mut self.devices[index];
        if !result.status.is_ok() {
            device.load.fail(self.now, counter);
            self.load_failed(id, index, result.status);
            return Span::ZERO;
        }
        device.load.complete(counter, result.exec.end, result.exec.duration);
        let model = &mut self.models[id.index()];
        let copy = model.copy_on(index).expect("a copy that loads exists until its result");
        if copy.stage == CopyStage::Leaving {
            self.part(id, index);
            return result.exec.duration;
        }
        assert_eq!(copy.stage, CopyStage::Loading, "a copy is loaded by one LOAD");
        copy.stage = CopyStage::Loaded;
        let class = copy.class;
        model.copies_loaded += 1;
        model.classes[class].load.insert(result.exec.duration);
        self.use_copy(id, index);
        self.touch(id);
        self.want(id, index);
        result.exec.duration
    }

    /// A LOAD that a worker refused took no pages; one that was lost may have, so that an EVICT must
    /// settle it before the pages are given to others.
    fn load_failed(&mut self, id: ModelId, index: DeviceIndex, status: Status) {
        if status == Status::EXPIRED {
            let copy = self.model(id).copy_on(index).expect("a copy that loads exists");
            copy.stage = CopyStage::Unknown;
            self.order_evict(index, id);
        } else {
            self.drop_copy(index, id);
        }
    }

    /// An EVICT that settles a lost LOAD gives the pages back; one that is lost itself is sent again.
    fn evict_done(&mut self, id: ModelId, index: DeviceIndex, result: &ActionResult) -> Span {
        let unknown = |stage| stage == CopyStage::Unknown;
        if self.model(id).copy_on(index).is_some_and(|copy| unknown(copy.stage)) {
            match result.status {
                Status::EXPIRED => self.order_evict(index, id),
                _ => self.drop_copy(index, id),
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
}
