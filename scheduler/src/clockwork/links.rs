//! Links to workers, and copies into devices, as resources with a timeline like execution.
//!
//! A large input leaves after all that was ordered for its worker before, and is copied to its device
//! after all that was ordered for that; a batch starts when the device is free *and* its inputs are there.
//! So inputs travel while earlier work runs, and what a link cannot carry in time is refused when it comes.
//! While a link is busy, no more is ordered over it than keeps it busy: requests wait where they can
//! still be put into the best batch.
//!
//! How fast a link is shows in the time stamps of results: how long inputs were on their way, against how
//! long they should have been. Small inputs travel beside everything else and cost nothing here but a
//! look at their length.

use clockwork_wire::{ActionResult, ModelId, Nanos, Span, Status, WorkerId};

use super::flight::Flight;
use super::least::NEVER;
use super::pending::Pending;
use super::{Clockwork, index};
use crate::queue::RequestSlot;

/// Bytes that go one after the other.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// When it will have carried what it was given.
    free: Nanos,
    /// Nanoseconds per byte.
    pace: f64,
}

impl Line {
    const fn new(pace: f64) -> Self {
        Self { free: Nanos::ZERO, pace }
    }

    fn time(&self, bytes: u64) -> Span {
        Span::from_f64(Span::new(bytes).as_f64() * self.pace)
    }

    /// When it would have carried `bytes` that it is given at `at`.
    fn end(&self, at: Nanos, bytes: u64) -> Nanos {
        self.free.max(at) + self.time(bytes)
    }

    /// So many bytes took so long, or less: what was before them on the way may not have been seen yet.
    /// So what is faster than believed counts much, and what is slower little.
    fn measure(&mut self, bytes: u64, time: Span) {
        let seen = time.as_f64() / Span::new(bytes).as_f64();
        if seen < self.pace {
            self.pace += (seen.max(self.pace / 2.0) - self.pace) / STEPS;
        } else {
            self.pace += (seen - self.pace).min(self.pace) / STEPS_UP;
        }
    }
}

/// The way to one worker.
#[derive(Clone, Copy, Debug)]
struct Link {
    line: Line,
    /// Bytes of requests that wait and are expected to go this way.
    waiting: u64,
    /// How long what carries no input is on its way.
    base: Option<Span>,
    /// How long the inputs of the last batch took.
    last: Span,
    /// When the last few batches arrived, in any order.
    arrivals: [Nanos; SEEN],
    next: usize,
}

impl Link {
    fn new(pace: f64) -> Self {
        Self {
            line: Line::new(pace),
            waiting: 0,
            base: None,
            last: Span::ZERO,
            arrivals: [Nanos::ZERO; SEEN],
            next: 0,
        }
    }

    /// The inputs of a batch arrived that was ordered at `sent`: nothing else was on the way after that and
    /// after the batch before it had arrived.
    fn arrived(&mut self, bytes: u64, sent: Nanos, at: Nanos) {
        let before = self.arrivals.iter().copied().filter(|&before| before < at).max();
        let begin = (sent + self.base.unwrap_or_default()).max(before.unwrap_or_default());
        self.line.measure(bytes, at - begin);
        self.arrivals[self.next] = at;
        self.next = (self.next + 1) % SEEN;
    }
}

/// The copies of inputs into one device.
#[derive(Clone, Copy, Debug)]
struct CopyEngine {
    line: Line,
    /// How long the inputs of the last batch take.
    last: Span,
}

/// Every link, and every device's copy engine for inputs.
#[derive(Debug)]
pub(super) struct Links {
    /// Nanoseconds per byte before anything is known; zero: there are no timelines.
    guess: f64,
    /// Whether any input was large.
    used: bool,
    /// By worker.
    ways: Vec<Link>,
    /// By device.
    copies: Vec<CopyEngine>,
    /// Bytes of one input by model, of those whose inputs are large.
    inputs: Vec<u32>,
}

impl Links {
    /// Links of which is believed that they carry so many bytes per second; zero: any number.
    pub(super) fn new(bandwidth: u64) -> Self {
        let guess = if bandwidth == 0 { 0.0 } else { 1e9 / Span::new(bandwidth).as_f64() };
        let (ways, copies, inputs) = (Vec::new(), Vec::new(), Vec::new());
        Self { guess, used: false, ways, copies, inputs }
    }

    /// Whether an input of this length counts.
    pub(super) fn counts(&self, input_len: u32) -> bool {
        input_len >= LARGE && self.guess > 0.0
    }

    /// A worker is up: nothing is on its way to it.
    pub(super) fn worker_up(&mut self, worker: WorkerId) {
        let link = Link::new(self.guess);
        let count = self.ways.len().max(worker.index() + 1);
        self.ways.resize(count, link);
        self.ways[worker.index()].line.free = Nanos::ZERO;
    }

    /// Bytes of `count` inputs of a model; zero if they are small.
    fn bytes(&self, id: ModelId, count: usize) -> u64 {
        if !self.used {
            return 0;
        }
        let each = self.inputs.get(id.index()).copied().unwrap_or_default();
        u64::from(each) * u64::try_from(count).expect("a batch fits 64 bits")
    }

    fn note_input(&mut self, id: ModelId, input_len: u32) {
        self.used = true;
        let count = self.inputs.len().max(id.index() + 1);
        self.inputs.resize(count, 0);
        self.inputs[id.index()] = input_len;
    }

    /// How long the inputs of a batch take to a worker and into its device, as the last ones did.
    pub(super) fn transfer(&self, worker: WorkerId, device: usize) -> Span {
        if !self.used {
            return Span::ZERO;
        }
        let copied = self.copies.get(device).map_or(Span::ZERO, |copy| copy.last);
        self.ways[worker.index()].last + copied
    }

    /// How long the inputs of `count` requests are copied into a device.
    pub(super) fn copied_in(&self, id: ModelId, device: usize, count: usize) -> Span {
        let bytes = self.bytes(id, count);
        self.copies
            .get(device)
            .filter(|_| bytes > 0)
            .map_or(Span::ZERO, |copy| copy.line.time(bytes))
    }

    /// Nanoseconds at which a link can be given more, `lead` before it is free; [`NEVER`] if it can now.
    pub(super) fn opens(&self, worker: WorkerId, now: Nanos, lead: Span) -> u64 {
        if !self.used {
            return NEVER;
        }
        let at = self.ways[worker.index()].line.free - lead;
        if at > now { at.get() } else { NEVER }
    }

    /// Nobody waits any longer for a request to be sent.
    pub(super) fn forget(&mut self, pending: &mut Pending) {
        if let Some(worker) = pending.link.take() {
            self.ways[worker.index()].waiting -= u64::from(pending.request.input_len);
        }
    }
}

impl Clockwork {
    /// When a device's worker would have the inputs of a batch of a model, behind all that waits for the
    /// same link; now if they are small.
    pub(super) fn carried_by(&self, id: ModelId, device: usize, count: usize) -> Nanos {
        let bytes = self.links.bytes(id, count);
        if bytes == 0 {
            return self.now;
        }
        let link = &self.links.ways[self.devices[device].worker.index()];
        // Requests that come later overtake in batches that are closed before: it takes longer than what
        // waits by now.
        link.line.end(self.now, bytes + link.waiting * OVERTAKEN)
    }

    /// A request with a large input waits, and will probably go to this device.
    pub(super) fn await_link(&mut self, slot: RequestSlot, device: Option<usize>) {
        let pending = self.table.at_mut(slot);
        let worker = device.map(|device| self.devices[device].worker);
        if let Some(worker) = worker {
            pending.link = Some(worker);
            self.links.ways[worker.index()].waiting += u64::from(pending.request.input_len);
        }
    }

    /// Notes how large the inputs of a model are.
    pub(super) fn note_input(&mut self, id: ModelId, input_len: u32) {
        self.links.note_input(id, input_len);
    }

    /// Whether a model's inputs would only wait for a link that is busy: they wait here.
    pub(super) fn is_held_up(&self, id: ModelId, device: usize) -> bool {
        let links = &self.links;
        if links.bytes(id, 1) == 0 {
            return false;
        }
        links.opens(self.devices[device].worker, self.now, self.pace.delivery()) != NEVER
    }

    /// Whether what a device should do first has large inputs that would only wait for a link.
    pub(super) fn waits_for_link(&self, index: usize) -> bool {
        if !self.links.used {
            return false;
        }
        let device = &self.devices[index];
        let first = self.wants.first(&device.lanes, None);
        first.is_some_and(|urgent| self.is_held_up(device.copies.at(urgent.slot).model, index))
    }

    /// If a model's large inputs wait for links that are busy, has a ready device come back to it when the
    /// first of them can carry more.
    pub(super) fn await_opening(&mut self, id: ModelId) {
        let model = &self.models[id.index()];
        if self.links.bytes(id, 1) == 0 || model.queue.is_empty() {
            return;
        }
        let ready = |&device: &usize| self.free.contains(device) || self.near.contains(device);
        let lead = self.pace.delivery();
        let opens =
            |device: usize| (self.links.opens(self.devices[device].worker, self.now, lead), device);
        let first = if let Some(wide) = model.wide {
            let holders = self.wide.holders(wide).around(self.rotor);
            holders.filter(ready).take(SAMPLE).map(opens).min()
        } else {
            let holders = model.copies.iter().map(|place| index(place.device));
            holders.filter(ready).map(opens).min()
        };
        if let Some((at, device)) = first.filter(|&(at, _)| at != NEVER) {
            self.ready.set(device, at.min(self.ready.get(device)));
        }
    }

    /// When a batch can start on a device that is free at `start`.
    pub(super) fn input_there(
        &self,
        id: ModelId,
        device: usize,
        count: usize,
        start: Nanos,
    ) -> Nanos {
        let bytes = self.links.bytes(id, count);
        if bytes == 0 {
            return start;
        }
        let (_, copied) = self.way(device, bytes);
        start.max(copied + self.pace.delivery())
    }

    /// When the last of some bytes has left, and when it has been copied to its device.
    fn way(&self, device: usize, bytes: u64) -> (Nanos, Nanos) {
        let link = &self.links.ways[self.devices[device].worker.index()];
        let left = link.line.end(self.now, bytes);
        let copied = self.links.copies.get(device).map_or(left, |copy| copy.line.end(left, bytes));
        (left, copied)
    }

    /// Sends the inputs of a batch on their way; returns when the last of them will have left.
    pub(super) fn carry(&mut self, id: ModelId, device: usize, requests: &[RequestSlot]) -> Nanos {
        let bytes = self.links.bytes(id, requests.len());
        if bytes == 0 {
            return self.now;
        }
        for &slot in requests {
            self.links.forget(self.table.at_mut(slot));
        }
        let (left, copied) = self.way(device, bytes);
        let link = &mut self.links.ways[self.devices[device].worker.index()];
        link.last = link.line.time(bytes);
        link.line.free = left;
        if self.links.copies.len() <= device {
            let idle = CopyEngine { line: Line::new(0.0), last: Span::ZERO };
            self.links.copies.resize(device + 1, idle);
        }
        let copy = &mut self.links.copies[device];
        copy.line.free = copied;
        copy.last = copy.line.time(bytes);
        left
    }

    /// Learns from how long an action was on its way.
    pub(super) fn arrived(&mut self, flight: &Flight, result: &ActionResult) {
        if !self.links.used {
            return;
        }
        let bytes = self.links.bytes(flight.action.model, flight.requests.len());
        let Some(link) = self.links.ways.get_mut(flight.worker.index()) else { return };
        let way = result.received - flight.sent;
        if bytes == 0 || flight.left == flight.sent {
            let base = link.base.map_or(way, |base| base + Span::new(base.get() / BASES));
            link.base = result.status.is_ok().then(|| base.min(way)).or(link.base);
        } else if result.status == Status::SEND_LATE {
            // It stayed where it was.
            link.line.free = link.line.free - link.line.time(bytes);
        } else if result.status.is_ok() {
            link.arrived(bytes, flight.sent, result.received);
            if let Some(copy) = self.links.copies.get_mut(flight.device) {
                let pace = result.copy_input.duration.as_f64() / Span::new(bytes).as_f64();
                copy.line.pace += (pace - copy.line.pace) / STEPS;
            }
        }
    }
}

/// How many times as long as what waits before it an input waits for its link.
const OVERTAKEN: u64 = 2;
/// How many devices are compared for a model that many devices hold.
const SAMPLE: usize = 16;
/// Inputs below this travel with their headers.
const LARGE: u32 = 16 << 10;
/// Over about how many measurements a line's pace is averaged if they are faster, and if they are slower.
const STEPS: f64 = 4.0;
const STEPS_UP: f64 = 64.0;
/// How many arrivals are remembered: about as many as results that can be out at once.
const SEEN: usize = 16;
/// The part by which the shortest way grows with each that is longer.
const BASES: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_one_after_the_other() {
        let mut line = Line::new(2.0);
        line.free = Nanos::new(100);
        assert_eq!(line.end(Nanos::new(40), 10), Nanos::new(120));
        assert_eq!(line.end(Nanos::new(400), 10), Nanos::new(420));
    }

    #[test]
    fn a_link_finds_its_pace_from_either_side() {
        for guess in [0.1, 10.0] {
            let mut link = Link::new(guess);
            let mut at = Nanos::new(1_000_000_000);
            for batch in 0..1_000_u64 {
                let before = at;
                at += Span::from_micros(800);
                // Every third result comes before that of the batch before it.
                if batch % 3 > 0 {
                    link.arrived(1_000_000, before, at);
                }
            }
            assert!((link.line.pace - 0.8).abs() < 0.05, "{link:?}");
        }
    }

    #[test]
    fn small_inputs_and_unlimited_links_do_not_count() {
        assert!(Links::new(1).counts(LARGE) && !Links::new(1).counts(LARGE - 1));
        assert!(!Links::new(0).counts(u32::MAX));
    }
}
