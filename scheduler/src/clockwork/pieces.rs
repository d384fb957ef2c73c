//! Loads in pieces: what is urgent need not wait for all of what is large.
//!
//! A copy that is to be made is *opened*: its pages are set aside and what must give way is evicted. A
//! copy engine is then given its pages in pieces that take about a quantum each, two at a time, always
//! of the opened copy whose first request is due first. The copy is loaded when all its pages are
//! there. A load that is not longer than a quantum is one piece.
//!
//! If a piece is not done, nothing more of its copy is ordered; when the results of the others are in,
//! what is there is evicted and the copy given up.

use clockwork_wire::{
    ActionKind, ActionResult, ModelId, Nanos, PageRange, Pages, Span, Status, Window, part_of_load,
    whole_of_load,
};
use smallvec::SmallVec;

use super::device::{Copy, Stage};
use super::flight::Flight;
use super::{Clockwork, Plan};

/// A copy whose pages are on their way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    slot: usize,
    /// The first page that is neither there nor ordered.
    next: Pages,
    /// How many pages are there.
    there: Pages,
    /// Pieces whose result is still to come.
    under_way: u32,
    /// What became of a piece that was not done.
    failed: Option<Status>,
}

/// The opened copies of a device.
pub(super) type Openings = SmallVec<[Opening; 3]>;

impl Clockwork {
    /// Begins to load a copy of which `there` pages are there already.
    pub(super) fn open(&mut self, device: usize, slot: usize, there: Pages) {
        let opening = Opening { slot, next: there, there, under_way: 0, failed: None };
        self.devices[device].openings.push(opening);
        self.feed(device);
    }

    /// Gives a copy engine pieces of what is open, the most urgent first, for as long as it takes more.
    pub(super) fn feed(&mut self, index: usize) {
        while self.devices[index].up && self.devices[index].load.len() < LOADS {
            let Some(place) = self.most_urgent_opening(index) else { break };
            self.order_piece(index, place);
        }
        self.note_loader(index);
        if self.devices[index].openings.len() > 1 {
            self.expect_openings(index);
        }
    }

    /// Notes whether the copy engine of a device can be given more.
    pub(super) fn note_loader(&mut self, index: usize) {
        let device = &self.devices[index];
        let takes_more = device.load.len() < LOADS && device.openings.len() < OPEN_MOST;
        if device.up && takes_more {
            self.loaders.insert(index);
        } else {
            self.loaders.remove(index);
        }
    }

    /// How long the pieces take that are to be ordered on a device before those of a copy that is due at
    /// `due`; `None` if it is early enough to open that when another copy is done.
    pub(super) fn open_before(&self, device: usize, due: Nanos) -> Option<Span> {
        let device = &self.devices[device];
        let (mut before, mut first) = (Span::ZERO, true);
        for opening in &device.openings {
            let copy = device.copies.at(opening.slot);
            let goes_before = self.due_of(copy.model) <= due;
            first &= !goes_before;
            before += if goes_before { self.rest(copy, opening) } else { Span::ZERO };
        }
        (first || device.openings.len() < LOADS).then_some(before)
    }

    /// When a copy engine can begin what it is given now.
    pub(super) fn copies_end(&self, index: usize) -> Nanos {
        let end = self.devices[index].load.end(self.now, self.pace.margin());
        end.max(self.now + self.pace.delivery())
    }

    /// When the first request of a model is due; last of all if none waits.
    pub(super) fn due_of(&self, id: ModelId) -> Nanos {
        self.models[id.index()].queue.head().unwrap_or(Nanos::MAX)
    }

    /// How long the pages take that are still to be ordered.
    fn rest(&self, copy: &Copy, opening: &Opening) -> Span {
        if opening.next == copy.pages {
            return Span::ZERO;
        }
        part_of_load(self.kinds[copy.kind].load.value(), copy.pages - opening.next, copy.pages)
    }

    /// The opened copy that is due first, of those that have pages to be ordered.
    fn most_urgent_opening(&self, index: usize) -> Option<usize> {
        let device = &self.devices[index];
        let open = device.openings.iter().enumerate().filter(|(_, opening)| {
            let copy = device.copies.at(opening.slot);
            let goes_on = copy.stage == Stage::Loading && opening.failed.is_none();
            goes_on && opening.next < copy.pages
        });
        let due =
            |(_, opening): &(usize, &Opening)| self.due_of(device.copies.at(opening.slot).model);
        open.min_by_key(due).map(|(place, _)| place)
    }

    /// Notes when each of several opened copies is expected to be there.
    fn expect_openings(&mut self, index: usize) {
        let mut open = self.devices[index].openings.clone();
        open.sort_by_key(|opening| self.due_of(self.devices[index].copies.at(opening.slot).model));
        let mut at = self.copies_end(index);
        for opening in open {
            let rest = self.rest(self.devices[index].copies.at(opening.slot), &opening);
            if !rest.is_zero() {
                at += rest;
                self.devices[index].copies.at_mut(opening.slot).ready = at;
            }
        }
    }

    fn order_piece(&mut self, index: usize, place: usize) {
        let device = &self.devices[index];
        let opening = device.openings[place];
        let copy = *device.copies.at(opening.slot);
        let whole = self.kinds[copy.kind].load.value();
        let count = piece(whole, copy.pages - opening.next, copy.pages, self.config.load_quantum);
        let expected = part_of_load(whole, count, copy.pages);
        let start = self.copies_end(index);
        let first = device.load.len() == 0;
        let device = &mut self.devices[index];
        device.load.add(self.flights.next(), start, expected);
        device.openings[place].next += count;
        device.openings[place].under_way += 1;
        self.order(Plan {
            device: index,
            slot: opening.slot,
            model: copy.model,
            kind: ActionKind::Load,
            pages: range(opening.next, count, copy.pages),
            window: Window::new(self.now, start + self.slack() + expected),
            left: self.now,
            start,
            first,
            expected,
            send_by: Nanos::MAX,
            queued: self.models[copy.model.index()].queue.len(),
            requests: SmallVec::new(),
        });
    }

    /// A piece is there, or was not done.
    pub(super) fn piece_done(&mut self, flight: &Flight, result: &ActionResult) -> Span {
        let (index, slot) = (flight.device, flight.slot);
        let ok = result.status.is_ok();
        let end = if ok { result.exec.end } else { self.now };
        let device = &mut self.devices[index];
        device.load.remove(flight.action.id.counter, end);
        let copy = device.copies.at(slot);
        let (kind, all) = (copy.kind, copy.pages);
        let part = count_of(flight.action.pages, all);
        let open = device.openings.iter_mut().find(|opening| opening.slot == slot);
        let opening = open.expect("a copy that is loaded in pieces is open");
        opening.under_way -= 1;
        if ok {
            opening.there += part;
            let load = &mut self.kinds[kind].load;
            load.insert(whole_of_load(result.exec.duration, part, all, load.value()));
        } else if opening.failed.is_none_or(is_plain) {
            opening.failed = Some(result.status);
        }
        self.close(flight.action.model, index, slot);
        self.hungry.push(index);
        self.note_loader(index);
        if ok { result.exec.duration } else { Span::ZERO }
    }

    /// Closes an opened copy if that is all: it is loaded, given up, or leaves.
    fn close(&mut self, id: ModelId, index: usize, slot: usize) {
        let device = &mut self.devices[index];
        let found = device.openings.iter().position(|opening| opening.slot == slot);
        let Some(place) = found else { return };
        let (opening, copy) = (device.openings[place], *device.copies.at(slot));
        if opening.failed.is_some() {
            self.give_up(id, index, slot);
        }
        let complete = opening.there == copy.pages && copy.stage == Stage::Loading;
        let ends = complete || opening.failed.is_some() || copy.stage == Stage::Leaving;
        if opening.under_way > 0 || !ends {
            return;
        }
        self.devices[index].openings.remove(place);
        let settled = opening.there == Pages::ZERO && opening.failed.is_none_or(is_plain);
        match (opening.failed, copy.stage) {
            (Some(_), _) if settled || !self.devices[index].up => self.drop_copy(index, slot),
            (Some(_), _) => self.order_evict(index, slot, id),
            (None, Stage::Leaving) => self.part(id, index, slot),
            (None, _) => self.loaded(id, index, slot),
        }
    }

    /// A copy will not come to be: what is there must be settled before its pages are given to others.
    fn give_up(&mut self, id: ModelId, index: usize, slot: usize) {
        let stage = self.devices[index].copies.at(slot).stage;
        if stage == Stage::Unknown {
            return;
        }
        self.set_stage(id, index, slot, Stage::Unknown);
        self.models[id.index()].loading -= u32::from(stage == Stage::Loading);
        self.unpledge_device(id, index);
    }

    /// A copy leaves that was about to be loaded: it goes when none of its pieces is on its way.
    pub(super) fn leave_open(&mut self, id: ModelId, index: usize, slot: usize) {
        self.close(id, index, slot);
        self.hungry.push(index);
        self.note_loader(index);
    }
}

/// Whether a piece that was not done has certainly left nothing behind: one that was lost may have, and
/// one that found its pages taken shows that the worker has more than it should.
fn is_plain(status: Status) -> bool {
    status != Status::EXPIRED && status != Status::CONCURRENT_MODIFICATION
}

/// How many of the `rest` of a model's pages to order at once: all that take a `quantum` (zero: any
/// time), or even parts of what takes longer.
fn piece(whole: Span, rest: Pages, all: Pages, quantum: Span) -> Pages {
    let time = part_of_load(whole, rest, all);
    if quantum.is_zero() || time <= quantum || u16::try_from(all.get()).is_err() {
        return rest;
    }
    let parts = time.get().div_ceil(quantum.get());
    let parts = u32::try_from(parts).unwrap_or(u32::MAX);
    Pages::new(rest.get().div_ceil(parts).max(1))
}

/// `count` pages from `first` on, of `all`.
pub(super) fn range(first: Pages, count: Pages, all: Pages) -> PageRange {
    let narrow = |pages: Pages| u16::try_from(pages.get()).ok();
    let part = narrow(first).zip(narrow(count)).filter(|_| count < all);
    part.and_then(|(first, count)| PageRange::new(first, count)).unwrap_or(PageRange::WHOLE)
}

fn count_of(range: PageRange, all: Pages) -> Pages {
    if range.is_whole() { all } else { Pages::new(range.count().into()) }
}

/// How many pieces a copy engine is given at once.
const LOADS: usize = 2;
/// How many copies a device may have open. More would set pages aside too early.
const OPEN_MOST: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Span = Span::from_millis(1);

    #[test]
    fn a_load_is_cut_into_even_pieces_that_take_a_quantum() {
        let all = Pages::new(20);
        assert_eq!(piece(MS.times(27), all, all, Span::ZERO), all);
        assert_eq!(piece(MS.times(27), all, all, MS.times(27)), all);
        assert_eq!(piece(MS.times(27), all, all, MS.times(5)), Pages::new(4));
        assert_eq!(piece(MS.times(27), Pages::new(3), all, MS.times(5)), Pages::new(3));
        assert_eq!(piece(MS.times(27), all, all, Span::new(1)), Pages::new(1));
    }

    #[test]
    fn all_pages_are_no_range() {
        let all = Pages::new(7);
        assert_eq!(range(Pages::ZERO, all, all), PageRange::WHOLE);
        assert_eq!(range(Pages::new(3), Pages::new(4), all), PageRange::new(3, 4).unwrap());
    }
}
