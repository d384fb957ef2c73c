//! Workers and models that come and go.

use clockwork_wire::{DeviceState, ModelId, ModelProfile, Nanos, Pages, Status, WorkerId};

use super::device::{Copy, Device, Stage};
use super::engine::Engine;
use super::kind::Kind;
use super::least::NEVER;
use super::model::{Model, Place};
use super::{Clockwork, index};

impl Clockwork {
    /// A worker is up: its devices join, or come back as they are now.
    pub(super) fn worker_up(&mut self, worker: WorkerId, states: Vec<DeviceState>) {
        if self.devices.iter().any(|device| device.worker == worker && device.up) {
            self.worker_down(worker);
        }
        self.links.worker_up(worker);
        for state in states {
            let same = |d: &Device| d.worker == worker && d.gpu == state.gpu;
            let known = self.devices.iter().position(same);
            let device = Device::new(worker, state, &self.config);
            let at = known.unwrap_or(self.devices.len());
            if at == self.devices.len() {
                self.add_device(device);
            } else {
                self.devices[at] = device;
            }
            self.engines += 1;
            for id in self.devices[at].found.clone() {
                self.find(at, id);
            }
            self.note_room(at);
            self.note_loader(at);
            self.todo.push(at);
        }
    }

    fn add_device(&mut self, device: Device) {
        self.devices.push(device);
        let count = self.devices.len();
        self.desks.resize_with(count, Default::default);
        self.ready.grow(count);
        self.free.grow(count);
        self.near.grow(count);
        self.loaders.grow(count);
        self.rooms.grow(count);
    }

    /// A worker is gone: what was on its way is answered or given to others, what it held is held no
    /// longer.
    pub(super) fn worker_down(&mut self, worker: WorkerId) {
        let of_worker = |d: &Device| d.worker == worker && d.up;
        let gone: Vec<usize> =
            (0..self.devices.len()).filter(|&at| of_worker(&self.devices[at])).collect();
        // Down first: nothing that ends now may order anything there.
        for &at in &gone {
            self.devices[at].up = false;
            self.engines -= 1;
        }
        // And served no longer, so that what is given to others is not given to it.
        let mut orphans = Vec::new();
        for (at, model) in self.models.iter_mut().enumerate() {
            if model.unserve(worker) && !model.is_served() {
                orphans.push(ModelId::from_index(at));
            }
        }
        self.lose(worker);
        for &at in &gone {
            self.abandon(at);
        }
        for id in orphans {
            self.release(id, Status::WORKER_LOST);
        }
    }

    /// Forgets everything that a device held and had to do.
    fn abandon(&mut self, at: usize) {
        let held: Vec<usize> = self.devices[at].copies.iter().map(|(slot, _)| slot).collect();
        for slot in held {
            self.drop_copy(at, slot);
        }
        let device = &mut self.devices[at];
        device.openings.clear();
        device.pages_free += device.rest.take().map_or(Pages::ZERO, |rest| rest.pages());
        self.devices[at].exec = Engine::default();
        self.devices[at].load = Engine::default();
        self.note_room(at);
        self.note_loader(at);
        self.park(at);
    }

    /// A model is servable on a worker.
    pub(super) fn model_up(&mut self, worker: WorkerId, id: ModelId, profile: &ModelProfile) {
        let count = self.models.len().max(id.index() + 1);
        self.models.resize_with(count, Model::default);
        self.due.grow(count);
        self.unmet.grow(count);
        let Some(first) = self.devices.iter().find(|device| device.worker == worker) else {
            return;
        };
        let model = &self.models[id.index()];
        if model.kind_on(worker).is_some() {
            return;
        }
        let class = &first.class;
        let known = self.kinds.iter().position(|kind| kind.is(class, profile));
        let kind = known.unwrap_or(self.kinds.len());
        if kind == self.kinds.len() {
            self.kinds.push(Kind::new(class, profile, &self.config));
        }
        if !self.kinds[kind].is_usable() {
            return;
        }
        let number = u32::try_from(kind).expect("fewer than 2^32 kinds");
        let model = &mut self.models[id.index()];
        model.serve(worker, number, || self.wants.open());
        model.absent = Some(Status::WORKER_LOST);
        for at in 0..self.devices.len() {
            let device = &self.devices[at];
            if device.worker == worker && device.found.contains(&id) {
                self.find(at, id);
            }
        }
    }

    /// A model is not to be used any longer on a worker.
    pub(super) fn model_down(&mut self, worker: WorkerId, id: ModelId) {
        let Some(model) = self.models.get_mut(id.index()) else { return };
        if !model.unserve(worker) {
            return;
        }
        if !model.is_served() {
            model.absent = None;
            self.release(id, Status::UNKNOWN_MODEL);
        }
        for place in self.models[id.index()].copies.clone() {
            let at = index(place.device);
            if self.devices[at].worker == worker {
                self.retire(id, at, index(place.slot));
            }
        }
        for at in 0..self.devices.len() {
            if self.devices[at].up && self.devices[at].worker == worker {
                self.drop_rest(at, id);
            }
        }
    }

    /// Takes over a copy that was on a device before we came.
    fn find(&mut self, at: usize, id: ModelId) {
        let device = &mut self.devices[at];
        let Some(model) = self.models.get_mut(id.index()) else { return };
        let Some(kind) = model.kind_on(device.worker) else { return };
        let pages = self.kinds[kind].pages;
        device.found.retain(|&found| found != id);
        if pages > device.pages_free {
            // The worker holds more than it said it has room for; an EVICT would be refused. Left
            // out, the copy is never used and the worker refuses loads that do not fit.
            return;
        }
        let slot = device.insert(Copy {
            model: id,
            kind,
            stage: Stage::Loading,
            in_flight: 0,
            pages,
            last_used: self.now,
            interval: model.arrivals.interval(),
            ready: Nanos::ZERO,
        });
        model.copies.push(Place::new(at, slot));
        model.loading += 1;
        self.unmet.set(id.index(), NEVER);
        self.note_room(at);
        self.widen(id);
        self.loaded(id, at, slot);
        self.repledge(id);
    }
}
