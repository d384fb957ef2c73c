//! Which weights are copied to which device next.

use clockwork_wire::{ActionKind, ModelId, Nanos, PageRange, Span, Window};
use smallvec::SmallVec;

use super::device::{Copy, Stage};
use super::evict::Victims;
use super::least::NEVER;
use super::model::{Patience, Place};
use super::{Clockwork, Plan, RECHECK};

/// A device that could take a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    /// When the copy could have served one request, behind all that the device has to do.
    end: Nanos,
    device: usize,
    kind: usize,
    ready: Nanos,
}

impl Clockwork {
    /// A request could not be served by the copies that there are.
    pub(super) fn unserved(&mut self, id: ModelId, kind: usize) {
        self.pace.refused(self.now);
        self.models[id.index()].lacking = true;
        self.want_copy(id, self.kinds[kind].single());
    }

    /// Notes how much work a model has that its copies cannot do.
    pub(super) fn want_copy(&mut self, id: ModelId, work: Span) {
        if self.models[id.index()].patience.holds(self.now) && !self.is_cold(id) {
            return;
        }
        let unmet = self.unmet(id) + work;
        self.unmet.set(id.index(), NEVER - unmet.get().max(1));
    }

    fn unmet(&self, id: ModelId) -> Span {
        Span::new(NEVER - self.unmet.get(id.index()))
    }

    /// Asks for another copy if the queue of a model has grown so long that loading one would
    /// shorten the wait, and if there is room: all that waits is in time without it, for which no other
    /// copy need go.
    pub(super) fn relieve(&mut self, id: ModelId, kind: usize, end: Nanos) {
        let kind = &self.kinds[kind];
        let worth = kind.load.value() + kind.most().exec.value();
        let roomy = self.rooms.most() >= kind.pages;
        if roomy && end - self.now > worth && self.models[id.index()].loading == 0 {
            let single = kind.single();
            self.want_copy(id, single);
        }
    }

    /// Orders weights for models whose work their copies cannot do, the most first, for as long as
    /// copy engines are free.
    pub(super) fn load(&mut self) {
        if self.stalled.is_some_and(|at| at <= self.now) {
            self.stalled = None;
        }
        let mut put_off: SmallVec<[(usize, u64); 8]> = SmallVec::new();
        while !self.loaders.is_empty() && self.stalled.is_none() {
            let Some((key, at)) = self.unmet.first() else { break };
            let id = ModelId::from_index(at);
            self.unmet.set(at, NEVER);
            if self.fetch(id) {
                continue;
            }
            if self.is_cold(id) {
                put_off.push((at, key));
            } else {
                self.models[at].patience.fail(self.now);
            }
            if put_off.len() == PUT_OFF_MOST {
                break;
            }
        }
        if !put_off.is_empty() {
            self.stalled = Some(self.now + RECHECK);
        }
        for (at, key) in put_off {
            self.unmet.set(at, key);
        }
        // What is new and urgent goes before the next piece of what is open.
        while let Some(device) = self.hungry.pop() {
            self.feed(device);
        }
    }

    /// Whether requests wait that no device will serve.
    pub(super) fn is_cold(&self, id: ModelId) -> bool {
        let model = &self.models[id.index()];
        !model.queue.is_empty() && model.copies.is_empty()
    }

    /// Orders a copy of a model where it is of most use; `false` if it is of none.
    fn fetch(&mut self, id: ModelId) -> bool {
        let model = &self.models[id.index()];
        if !model.is_served() || model.loading > 0 {
            return false;
        }
        let urgent = model.copies.is_empty() && !model.queue.is_empty();
        let interval = model.arrivals.interval();
        let lacking = std::mem::take(&mut self.models[id.index()].lacking);
        let limit = self.limit(id);
        let mut sites: SmallVec<[Site; SAMPLE]> = SmallVec::new();
        // Requests that nobody else serves are worth a look at every device.
        let looked_at = if urgent { usize::MAX } else { SAMPLE };
        let mut next = self.rotor;
        for device in self.loaders.around(self.rotor).take(looked_at) {
            next = device + 1;
            if urgent || lacking || self.has_room(id, device) {
                sites.extend(self.site(id, device).filter(|site| site.end < limit));
            }
            if sites.len() == SAMPLE {
                break;
            }
        }
        self.rotor = next;
        sites.sort_unstable();
        let victims = if urgent { Victims::Any } else { Victims::Rarer(interval) };
        for site in sites {
            if self.order_load(id, site, victims) {
                return true;
            }
        }
        self.spread(id, next)
    }

    /// Orders a copy of a model whose requests had to be refused where there is room and nothing else
    /// to copy: it costs nothing, and the next requests may find it.
    fn spread(&mut self, id: ModelId, from: usize) -> bool {
        let copies = &self.models[id.index()].copies;
        if !self.config.spread || self.cold > 0 || copies.is_empty() {
            return false;
        }
        let roomy = |&at: &usize| {
            let device = &self.devices[at];
            self.has_room(id, at) && device.load.len() == 0 && device.openings.is_empty()
        };
        let devices = self.loaders.around(from).take(SAMPLE).filter(roomy);
        let site = devices.filter_map(|device| self.site(id, device)).min();
        site.is_some_and(|site| self.order_load(id, site, Victims::Any))
    }

    /// When a further copy must have served a request to be of use: before the present copies would,
    /// and for a queue that no device serves, before its last request is due.
    fn limit(&self, id: ModelId) -> Nanos {
        let model = &self.models[id.index()];
        let loaded = model.copies.iter().map(|place| self.reached(super::index(place.device)));
        match loaded.min() {
            Some(first) => first,
            None => model.queue.last().unwrap_or(Nanos::MAX),
        }
    }

    fn site(&self, id: ModelId, index: usize) -> Option<Site> {
        let device = &self.devices[index];
        let model = &self.models[id.index()];
        let kind = model.kind_on(device.worker)?;
        let holds = model.copies.iter().any(|place| super::index(place.device) == index);
        if holds || device.pages < self.kinds[kind].pages {
            return None;
        }
        let begin = self.copies_end(index) + self.open_before(index, self.due_of(id))?;
        let ready = begin + self.load_time(index, id, kind);
        let end = ready.max(self.reached(index)) + self.kinds[kind].single();
        Some(Site { end, device: index, kind, ready })
    }

    /// When a request for a model that no device holds would be served, behind the others that wait
    /// for weights.
    pub(super) fn loaded_by(&self, kind: usize) -> Nanos {
        let kind = &self.kinds[kind];
        let ahead = f64::from(self.cold) / f64::from(self.engines.max(1));
        self.now + kind.load.value().scale(ahead + 1.0) + kind.single() + self.pace.delivery()
    }

    /// Opens a copy, with the EVICTs that it needs before it; `false` if they are not enough.
    fn order_load(&mut self, id: ModelId, site: Site, victims: Victims) -> bool {
        let pages = self.kinds[site.kind].pages;
        if !self.make_room(site.device, id, pages, victims) {
            return false;
        }
        let there = self.take_rest(site.device, id);
        let model = &mut self.models[id.index()];
        model.patience = Patience::default();
        let interval = model.arrivals.interval();
        let device = &mut self.devices[site.device];
        let slot = device.insert(Copy {
            model: id,
            kind: site.kind,
            stage: Stage::Loading,
            in_flight: 0,
            pages,
            last_used: self.now,
            interval,
            ready: site.ready,
        });
        model.loading += 1;
        model.copies.push(Place::new(site.device, slot));
        self.note_room(site.device);
        self.open(site.device, slot, there);
        self.widen(id);
        self.moved(id);
        true
    }

    /// Copies a model to the devices that hold another one in whose place it will be asked for.
    pub(super) fn succeed(&mut self, old: ModelId, new: ModelId) {
        if self.models.len() <= old.index().max(new.index()) {
            return;
        }
        let arrivals = self.models[old.index()].arrivals;
        self.models[new.index()].arrivals = arrivals;
        for place in self.models[old.index()].copies.clone() {
            let device = super::index(place.device);
            let model = &self.models[new.index()];
            let holds = model.copies.iter().any(|place| super::index(place.device) == device);
            let Some(kind) = model.kind_on(self.devices[device].worker).filter(|_| !holds) else {
                continue;
            };
            let ready = self.copies_end(device) + self.load_time(device, new, kind);
            let site = Site { end: ready, device, kind, ready };
            // Where there is no room it is loaded when it is asked for, as any other.
            self.order_load(new, site, Victims::Rarer(arrivals.interval()));
        }
    }

    /// A copy's weights are there.
    pub(super) fn loaded(&mut self, id: ModelId, device: usize, slot: usize) {
        self.set_stage(id, device, slot, Stage::Loaded);
        let model = &mut self.models[id.index()];
        let held = &mut self.devices[device];
        held.lanes[slot] = model.lane(held.copies.at(slot).kind);
        model.loading -= 1;
        model.loaded += 1;
        if let Some(wide) = model.wide {
            self.wide.note(wide, device, true);
        }
        self.offer(id);
    }

    /// Notes how far a copy is, where it is and with its model.
    pub(super) fn set_stage(&mut self, id: ModelId, device: usize, slot: usize, stage: Stage) {
        self.devices[device].copies.at_mut(slot).stage = stage;
        let mut places = self.models[id.index()].copies.iter_mut();
        let place = places.find(|place| super::index(place.device) == device);
        place.expect("a copy has its place").stage = stage;
    }

    /// Orders an EVICT of all that a device has of a model.
    pub(super) fn order_evict(&mut self, device: usize, slot: usize, id: ModelId) {
        self.order_evict_range(device, slot, id, PageRange::WHOLE);
    }

    /// Orders an EVICT of a model's last pages.
    pub(super) fn order_evict_range(
        &mut self,
        device: usize,
        slot: usize,
        id: ModelId,
        pages: PageRange,
    ) {
        self.order(Plan {
            device,
            slot,
            model: id,
            kind: ActionKind::Evict,
            pages,
            window: Window::ALWAYS,
            left: self.now,
            start: self.now,
            first: false,
            expected: Span::ZERO,
            send_by: Nanos::MAX,
            queued: self.models[id.index()].queue.len(),
            requests: SmallVec::new(),
        });
    }
}

/// How many devices are compared for a copy.
const SAMPLE: usize = 16;
/// How many models that cannot be loaded now are looked at in one turn.
const PUT_OFF_MOST: usize = 8;
