//! Workers and models that come and go.

use clockwork_wire::{DeviceState, ModelId, ModelProfile, Status, WorkerId};

use super::Infer5;
use crate::cluster::{Class, Copy, CopyStage, Device, DeviceIndex, Model};
use crate::queue::RequestSlot;

impl Infer5 {
    /// A worker is up: its devices join, or come back as they are now.
    pub(super) fn worker_up(&mut self, worker: WorkerId, states: Vec<DeviceState>) {
        if self.devices.iter().any(|device| device.worker == worker && device.up) {
            self.worker_down(worker);
        }
        let hosts = self.hosts.len().max(worker.index() + 1);
        self.hosts.resize(hosts, 0);
        self.hosts[worker.index()] = states.len();
        for state in states {
            let same = |d: &Device| d.worker == worker && d.gpu == state.gpu;
            let known = self.devices.iter().position(same);
            let device = Device::new(worker, state, &self.config);
            let index = known.unwrap_or(self.devices.len());
            if index == self.devices.len() {
                self.devices.push(device);
            } else {
                self.devices[index] = device;
            }
            for id in self.devices[index].found.clone() {
                self.find(index, id);
            }
            self.relist(index);
        }
    }

    /// A worker is gone: what was on its way is answered, what it held is held no longer.
    pub(super) fn worker_down(&mut self, worker: WorkerId) {
        // Down first: nothing that ends now may order anything there.
        for index in 0..self.devices.len() {
            if self.devices[index].worker == worker {
                self.devices[index].up = false;
            }
        }
        self.lose(worker);
        for index in 0..self.devices.len() {
            if self.devices[index].worker == worker {
                self.abandon(index);
            }
        }
        for at in 0..self.models.len() {
            let model = &mut self.models[at];
            model.workers.retain(|(served, _)| *served != worker);
            if model.workers.is_empty() {
                self.release(ModelId::from_index(at), Status::WORKER_LOST);
            }
        }
    }

    /// Answers the requests of a model that no worker serves any longer.
    fn release(&mut self, id: ModelId, status: Status) {
        let queue = &mut self.model(id).queue;
        let waiting: Vec<RequestSlot> = queue.take(0, queue.len()).collect();
        for slot in waiting {
            self.respond(slot, status, None);
        }
    }

    /// Forgets everything that a device held and had to do.
    fn abandon(&mut self, index: DeviceIndex) {
        let holds = |model: &Model| model.copies.iter().any(|copy| copy.device == index);
        let held = (0..self.models.len()).filter(|&at| holds(&self.models[at]));
        for at in held.collect::<Vec<_>>() {
            self.drop_copy(index, ModelId::from_index(at));
        }
        let device = &mut self.devices[index];
        device.exec.clear();
        device.load.clear();
        device.wanted.clear();
        self.relist(index);
    }

    /// A model is servable on a worker.
    pub(super) fn model_up(&mut self, worker: WorkerId, id: ModelId, profile: &ModelProfile) {
        if self.models.len() <= id.index() {
            self.models.resize_with(id.index() + 1, Model::default);
        }
        let Some(first) = self.devices.iter().find(|device| device.worker == worker) else {
            return;
        };
        let name = first.class.clone();
        let config = &self.config;
        let model = &mut self.models[id.index()];
        if model.class_on(worker).is_some() {
            return;
        }
        let known = model.classes.iter().position(|class| class.matches(&name, profile, config));
        let class = known.unwrap_or_else(|| {
            model.classes.push(Class::new(&name, profile, config));
            model.classes.len() - 1
        });
        model.workers.push((worker, class));
        model.unloaded = false;
        for index in 0..self.devices.len() {
            let device = &self.devices[index];
            if device.worker == worker && device.found.contains(&id) {
                self.find(index, id);
            }
        }
        self.touch(id);
    }

    /// A model is not to be used any longer on a worker.
    pub(super) fn model_down(&mut self, worker: WorkerId, id: ModelId) {
        let Some(model) = self.models.get_mut(id.index()) else { return };
        if model.class_on(worker).is_none() {
            return;
        }
        model.workers.retain(|(served, _)| *served != worker);
        for index in 0..self.devices.len() {
            if self.devices[index].worker == worker {
                self.retire(id, index);
            }
        }
        if self.models[id.index()].workers.is_empty() {
            self.model(id).unloaded = true;
            self.release(id, Status::UNKNOWN_MODEL);
        }
        self.touch(id);
    }

    /// Takes a copy out of use.
    fn retire(&mut self, id: ModelId, index: DeviceIndex) {
        let model = &mut self.models[id.index()];
        let Some(copy) = model.copy_on(index) else { return };
        let (stage, last_used) = (copy.stage, copy.last_used);
        match stage {
            CopyStage::Loaded => {
                copy.stage = CopyStage::Leaving;
                model.copies_loaded -= 1;
                self.devices[index].recency.remove(&(last_used, id));
                self.part(id, index);
            }
            CopyStage::Loading => copy.stage = CopyStage::Leaving,
            // Its EVICT is on its way already.
            CopyStage::Unknown | CopyStage::Leaving => {}
        }
    }

    /// Evicts a copy that leaves, once its last action is over.
    pub(super) fn part(&mut self, id: ModelId, index: DeviceIndex) {
        let up = self.devices[index].up;
        let leaves = |copy: &mut Copy| copy.stage == CopyStage::Leaving && copy.in_flight == 0;
        if self.model(id).copy_on(index).is_some_and(leaves) && up {
            self.drop_copy(index, id);
            self.order_evict(index, id);
        }
    }

    /// Takes over a copy that was on a device before we came.
    fn find(&mut self, index: DeviceIndex, id: ModelId) {
        let worker = self.devices[index].worker;
        let Some(model) = self.models.get(id.index()) else { return };
        let Some(class) = model.class_on(worker) else { return };
        let pages = model.classes[class].pages;
        let last_used = self.next_use();
        let device = &mut self.devices[index];
        device.found.retain(|&found| found != id);
        if pages > device.pages_free {
            // The worker holds more than it said it has room for; an EVICT would be refused. Left
            // out, the copy is never used and the worker refuses loads that do not fit.
            return;
        }
        device.pages_free -= pages;
        device.recency.insert((last_used, id));
        let model = self.model(id);
        model.copies_loaded += 1;
        model.copies.push(Copy {
            device: index,
            class,
            stage: CopyStage::Loaded,
            in_flight: 0,
            last_used,
            share: 0.0,
            noted: None,
        });
        self.touch(id);
        self.want(id, index);
    }
}
