//! Actions that have been ordered and whose result is still to come.

use std::collections::VecDeque;

use clockwork_wire::{Action, ActionResult, Nanos, Span, WorkerId};
use smallvec::SmallVec;

use super::index;
use crate::message::ActionRecord;
use crate::queue::RequestSlot;

/// An ordered action.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// Where it went.
    pub worker: WorkerId,
    /// To which device, in the scheduler's table.
    pub device: usize,
    /// Where the device's table has the copy.
    pub slot: usize,
    /// What was ordered.
    pub action: Action,
    /// INFER: the requests of the batch.
    pub requests: SmallVec<[RequestSlot; 16]>,
    /// When it was ordered.
    pub sent: Nanos,
    /// When its inputs were to have left; when it was ordered if they are small.
    pub left: Nanos,
    /// When it was expected to start.
    pub start: Nanos,
    /// Whether nothing was before it, so that its start shows how long the way takes.
    pub first: bool,
    /// Device clock that was expected, in MHz.
    pub expected_clock: u32,
    /// Requests queued for the model when it was ordered.
    pub requests_queued: u32,
    /// Copies of the model in device memory when it was ordered.
    pub copies_loaded: u32,
}

impl Flight {
    /// When it was expected to be complete.
    pub(super) fn end(&self) -> Nanos {
        self.start + self.action.expected
    }

    /// The row for the action log.
    pub(super) fn record(&self, now: Nanos, result: ActionResult, goodput: Span) -> ActionRecord {
        ActionRecord {
            worker: self.worker,
            action: self.action,
            result,
            sent: self.sent,
            expected_complete: self.end(),
            expected_clock: self.expected_clock,
            received: now,
            goodput,
            requests_queued: self.requests_queued,
            copies_loaded: self.copies_loaded,
        }
    }
}

/// Actions in flight by their counter. Counters are given out in order, so that a window over them
/// slides; what it points to lies in slots that are used again, the last one first, so that the
/// memory in use stays as small as the number in flight.
#[derive(Debug, Default)]
pub(super) struct Flights {
    base: u64,
    window: VecDeque<u32>,
    slots: Vec<Flight>,
    free: Vec<u32>,
}

impl Flights {
    /// The counter that the next action gets.
    pub(super) fn next(&self) -> u64 {
        self.base + u64::try_from(self.window.len()).expect("a length fits u64")
    }

    /// Puts an action in; its counter is the one that [`Flights::next`] named.
    pub(super) fn push(&mut self, flight: Flight) {
        assert_eq!(flight.action.id.counter, self.next(), "counters are given out in order");
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[index(slot)] = flight;
            slot
        } else {
            self.slots.push(flight);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 actions are in flight")
        };
        self.window.push_back(slot);
    }

    /// The action with this counter, if its result is still to come.
    pub(super) fn peek(&self, counter: u64) -> Option<&Flight> {
        let slot = *self.window.get(self.position(counter)?)?;
        (slot != OVER).then(|| &self.slots[index(slot)])
    }

    /// Takes the action with this counter out.
    pub(super) fn remove(&mut self, counter: u64) -> Option<Flight> {
        let position = self.position(counter)?;
        let slot = std::mem::replace(self.window.get_mut(position)?, OVER);
        if slot == OVER {
            return None;
        }
        while self.window.front() == Some(&OVER) {
            self.window.pop_front();
            self.base += 1;
        }
        self.free.push(slot);
        Some(self.slots[index(slot)].clone())
    }

    /// The counters of everything that went to `worker`, in order.
    pub(super) fn of_worker(&self, worker: WorkerId) -> Vec<u64> {
        let flights = self.window.iter().filter(|&&slot| slot != OVER);
        flights
            .map(|&slot| &self.slots[index(slot)])
            .filter(|flight| flight.worker == worker)
            .map(|flight| flight.action.id.counter)
            .collect()
    }

    /// How many are in flight.
    pub(super) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn position(&self, counter: u64) -> Option<usize> {
        usize::try_from(counter.checked_sub(self.base)?).ok()
    }
}

/// Stands in the window for an action that is over.
const OVER: u32 = u32::MAX;
