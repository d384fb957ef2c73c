//! How much room devices have for weights without evicting a copy.
//!
//! Whether any has room is asked whenever a queue grows long, and in a cluster that has been up for a while
//! the answer is no: it takes one look, however many devices there are.

use clockwork_wire::{ModelId, Pages};

use super::Clockwork;
use super::least::{Least, NEVER};

/// Pages by device, the most first: [`NEVER`] less their number. Those of a rest count, for it gives way.
#[derive(Debug)]
pub(super) struct Rooms(Least);

impl Rooms {
    /// No devices.
    pub(super) fn new() -> Self {
        Self(Least::new())
    }

    /// Makes room for devices below `count`.
    pub(super) fn grow(&mut self, count: usize) {
        self.0.grow(count);
    }

    /// The pages of the device that has most.
    pub(super) fn most(&self) -> Pages {
        pages(self.0.least())
    }

    /// The pages of a device.
    fn of(&self, device: usize) -> Pages {
        pages(self.0.get(device))
    }

    fn set(&mut self, device: usize, pages: Pages) {
        self.0.set(device, NEVER - u64::from(pages.get()));
    }
}

fn pages(key: u64) -> Pages {
    Pages::new(u32::try_from(NEVER - key).expect("it was made of 32 bits"))
}

impl Clockwork {
    /// Notes how much room a device has, whenever it takes a copy in or gives one up.
    pub(super) fn note_room(&mut self, index: usize) {
        let device = &self.devices[index];
        let rest = device.rest.map_or(Pages::ZERO, |rest| rest.pages());
        let room = if device.up { device.pages_free + rest } else { Pages::ZERO };
        self.rooms.set(index, room);
    }

    /// Whether a model fits on a device without another's copy giving way.
    pub(super) fn has_room(&self, id: ModelId, index: usize) -> bool {
        let kind = self.models[id.index()].kind_on(self.devices[index].worker);
        kind.is_some_and(|kind| self.rooms.of(index) >= self.kinds[kind].pages)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clockwork_config::SchedulerConfig;
    use clockwork_wire::{
        Action, ActionKind, BatchProfile, BatchSize, DeviceState, GpuId, ModelProfile, Nanos,
        RequestId, Span, WorkerId,
    };

    use super::*;
    use crate::Scheduler;
    use crate::message::{Input, Output, Request};

    const MS: Span = Span::from_millis(1);

    /// Two models of 7 pages on a device each, of which the second has so many pages.
    fn two_devices(pages: u32) -> Clockwork {
        let mut scheduler = Clockwork::new(SchedulerConfig::default(), 1, 0);
        let device = |(gpu, pages)| DeviceState {
            gpu: GpuId::new(gpu),
            pages: Pages::new(pages),
            loaded: vec![ModelId::new(gpu)],
            ..DeviceState::default()
        };
        let worker = WorkerId::new(0);
        let devices = [(0, 7), (1, pages)].into_iter().map(device).collect();
        scheduler.handle(START, Input::WorkerUp { worker, devices });
        let profile = Arc::new(ModelProfile {
            name: "any".to_owned(),
            input_size: 1,
            output_size: 1,
            weights_size: 1,
            pages: Pages::new(7),
            load: MS.times(3),
            batches: vec![BatchProfile { batch: BatchSize::ONE, exec: MS.times(10) }],
        });
        for model in [0, 1].map(ModelId::new) {
            let profile = Arc::clone(&profile);
            scheduler.handle(START, Input::ModelUp { worker, model, profile });
        }
        scheduler
    }

    /// Asks for the first model once per millisecond; which actions on weights that led to.
    fn ask(scheduler: &mut Clockwork, from: Nanos, slo: Span, times: u64) -> Vec<Action> {
        let mut moved = Vec::new();
        for count in 0..times {
            let now = from + MS.times(count);
            let (id, model) = (RequestId::new(now.get()), ModelId::new(0));
            let request = Request { id, model, slo_factor: 0.0, slo, arrival: now, input_len: 0 };
            scheduler.handle(now, Input::Request(request));
            let outputs = std::iter::from_fn(|| scheduler.poll(now));
            moved.extend(outputs.filter_map(|output| match output {
                Output::Action(order) => order.requests.is_empty().then_some(order.action),
                Output::Respond(_) | Output::Record(_) => None,
            }));
        }
        moved
    }

    const START: Nanos = Nanos::new(1_000_000_000);
    const PATIENT: Span = Span::from_secs(10);

    #[test]
    fn another_copy_displaces_one_only_after_a_refusal() {
        let mut scheduler = two_devices(7);
        assert_eq!(ask(&mut scheduler, START + MS, PATIENT, 100), []);
        let moved = ask(&mut scheduler, START + MS.times(101), MS.times(5), 1);
        let kinds: Vec<_> = moved.iter().map(|action| (action.kind, action.model.get())).collect();
        assert_eq!(kinds, [(ActionKind::Evict, 1), (ActionKind::Load, 0)]);
    }

    #[test]
    fn another_copy_is_made_at_once_where_there_is_room() {
        let mut scheduler = two_devices(14);
        let moved = ask(&mut scheduler, START + MS, PATIENT, 100);
        let kinds: Vec<_> = moved.iter().map(|action| (action.kind, action.model.get())).collect();
        assert_eq!(kinds, [(ActionKind::Load, 0)]);
    }

    #[test]
    fn the_most_room_is_known_while_it_changes() {
        let mut rooms = Rooms::new();
        assert_eq!(rooms.most(), Pages::ZERO);
        rooms.grow(20);
        rooms.set(3, Pages::new(7));
        rooms.set(17, Pages::new(9));
        assert_eq!(
            (rooms.most(), rooms.of(3), rooms.of(4)),
            (Pages::new(9), Pages::new(7), Pages::ZERO)
        );
        rooms.set(17, Pages::ZERO);
        assert_eq!(rooms.most(), Pages::new(7));
    }
}
