//! Which weights are copied to which device next.

use std::cmp::Reverse;
use std::ops::Bound::{Excluded, Unbounded};

use clockwork_wire::{ActionKind, ModelId, Nanos, Span, Window};
use smallvec::SmallVec;

use super::evict::Victims;
use super::{Infer5, Plan, RECHECK};
use crate::cluster::{Copy, CopyStage, DeviceIndex};

impl Infer5 {
    /// Orders weights for models whose demand is unmet, the largest first, on devices whose copy
    /// engine is free within `schedule_ahead`; then lets idle devices help where requests queue.
    pub(super) fn load(&mut self) {
        if self.dirty.is_empty() && self.load_retry.is_none_or(|at| at > self.now) {
            return;
        }
        let changed = self.settle();
        self.load_retry = None;
        self.serve_unmet();
        for id in changed {
            self.relieve(id);
        }
    }

    fn serve_unmet(&mut self) {
        let mut last = None;
        while let Some(place) = self.next_unmet(last) {
            let (_, id) = place;
            last = Some(place);
            // Other models' demand has changed what this one's copies can serve.
            self.rank(id);
            if self.model(id).unmet.is_none() {
                continue;
            }
            match self.place(id) {
                Place::Device(index) => self.order_load(index, id, Victims::Any),
                Place::Nowhere => {}
                Place::Busy => {
                    self.load_retry = self.engine_free();
                    return;
                }
            }
        }
    }

    fn next_unmet(&self, last: Option<(Reverse<u64>, ModelId)>) -> Option<(Reverse<u64>, ModelId)> {
        match last {
            None => self.unmet.first().copied(),
            Some(last) => self.unmet.range((Excluded(last), Unbounded)).next().copied(),
        }
    }

    /// Where another copy of a model should go: the device with the least outstanding demand whose
    /// copy engine is free soon enough; ties go to the fewest pages in use, then by number.
    fn place(&self, id: ModelId) -> Place {
        let horizon = self.now + self.config.schedule_ahead;
        let model = &self.models[id.index()];
        let mut best: Option<(f64, u32, DeviceIndex)> = None;
        let mut any_free = false;
        for (index, device) in self.devices.iter().enumerate() {
            if !device.up || device.load.available(self.now) >= horizon {
                continue;
            }
            any_free = true;
            let Some(class) = model.class_on(device.worker) else { continue };
            let holds = model.copies.iter().any(|copy| copy.device == index);
            if holds || device.pages < model.classes[class].pages {
                continue;
            }
            let rank = (device.demand, (device.pages - device.pages_free).get(), index);
            if best.is_none_or(|best| (rank.0, rank.1) < (best.0, best.1)) {
                best = Some(rank);
            }
        }
        match best {
            Some((.., index)) => Place::Device(index),
            None if any_free => Place::Nowhere,
            None => Place::Busy,
        }
    }

    /// When the first busy copy engine will come within reach.
    fn engine_free(&self) -> Option<Nanos> {
        let up = self.devices.iter().filter(|device| device.up);
        let first = self.just_within_reach(up.map(|device| device.load.nominal()).min()?);
        Some(if first > self.now { first } else { self.now + RECHECK })
    }

    /// Lets an idle device take a copy of a model, if that shortens the wait of its requests: the
    /// load and one batch must take less time than the present copies need for the queue.
    fn relieve(&mut self, id: ModelId) {
        let model = &self.models[id.index()];
        if model.queue.is_empty() || model.copies.is_empty() {
            return;
        }
        let helps = |index: &DeviceIndex| {
            model.class_on(self.devices[*index].worker).is_some()
                && !model.copies.iter().any(|copy| copy.device == *index)
        };
        let pages = |index: &DeviceIndex| {
            let device = &self.devices[*index];
            device.pages - device.pages_free
        };
        let helper = self.idle.iter().copied().filter(helps).min_by_key(pages);
        let Some(index) = helper else { return };
        let class = model.class_on(self.devices[index].worker).expect("the helper serves it");
        let class = &model.classes[class];
        if class.load.value() + class.single() < self.backlog(id) {
            self.order_load(index, id, Victims::Undemanded);
        }
    }

    /// How long the last queued request of a model would wait for its present copies.
    fn backlog(&self, id: ModelId) -> Span {
        let model = &self.models[id.index()];
        let free = |copy: &Copy| {
            let device = &self.devices[copy.device];
            let exec = device.exec.available(self.now);
            match copy.stage {
                CopyStage::Loaded => exec,
                CopyStage::Loading | CopyStage::Unknown | CopyStage::Leaving => {
                    exec.max(device.load.available(self.now))
                }
            }
        };
        let first = model.copies.iter().map(free).min().unwrap_or(self.now);
        let queued = u32::try_from(model.queue.len()).unwrap_or(u32::MAX);
        let class = &model.classes[model.copies[0].class];
        // The largest batch that the queue fills is what it will be served in.
        let fits = class.exec.iter().take_while(|(batch, _)| u32::from(batch.get()) <= queued);
        let (batch, each) = fits
            .last()
            .map_or_else(|| (1, class.single()), |(b, e)| (u32::from(b.get()), e.value()));
        let copies = u32::try_from(model.copies.len()).unwrap_or(u32::MAX);
        let rounds = f64::from(queued) / f64::from(batch) / f64::from(copies);
        (first - self.now) + each.scale(rounds)
    }

    /// Orders a LOAD, with the EVICTs that it needs before it; does nothing if they are not enough.
    fn order_load(&mut self, index: DeviceIndex, id: ModelId, victims: Victims) {
        let worker = self.devices[index].worker;
        let class = self.models[id.index()].class_on(worker).expect("the device serves the model");
        let pages = self.models[id.index()].classes[class].pages;
        if !self.make_room(index, pages, victims) {
            return;
        }
        let now = self.now;
        let last_used = self.next_use();
        let expected = self.models[id.index()].classes[class].load.value();
        let device = &mut self.devices[index];
        let start = device.load.available(now);
        device.pages_free -= pages;
        device.load.add(now, self.flights.next(), expected);
        self.model(id).copies.push(Copy {
            device: index,
            class,
            stage: CopyStage::Loading,
            in_flight: 0,
            last_used,
            share: 0.0,
            noted: None,
        });
        self.distribute(id);
        self.rank(id);
        let latest = (now + self.config.future).max(start) + self.config.latest_delta();
        self.order(Plan {
            device: index,
            model: id,
            kind: ActionKind::Load,
            window: Window::new(now, latest),
            start,
            expected,
            send_by: Nanos::MAX,
            requests: SmallVec::new(),
        });
        self.relist(index);
    }

    /// Orders an EVICT.
    pub(super) fn order_evict(&mut self, index: DeviceIndex, id: ModelId) {
        self.order(Plan {
            device: index,
            model: id,
            kind: ActionKind::Evict,
            window: Window::ALWAYS,
            start: self.now,
            expected: Span::ZERO,
            send_by: Nanos::MAX,
            requests: SmallVec::new(),
        });
    }
}

/// Where another copy could go.
enum Place {
    /// To this device.
    Device(DeviceIndex),
    /// Nowhere for now: every copy engine has enough to do.
    Busy,
    /// Nowhere: every free device that serves the model holds it or is too small.
    Nowhere,
}
