//! The table of actions that have been ordered and whose result is still to come.

use std::collections::VecDeque;

use clockwork_wire::{Action, ActionResult, Nanos, Span, WorkerId};
use smallvec::SmallVec;

use crate::cluster::DeviceIndex;
use crate::message::ActionRecord;
use crate::queue::RequestSlot;

/// An ordered action.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// Where it went.
    pub worker: WorkerId,
    /// To which device, in the scheduler's table.
    pub device: DeviceIndex,
    /// What was ordered.
    pub action: Action,
    /// INFER: the requests of the batch.
    pub requests: SmallVec<[RequestSlot; 8]>,
    /// When it was ordered.
    pub sent: Nanos,
    /// When it was expected to be complete.
    pub expected_complete: Nanos,
    /// Device clock that was expected, in MHz.
    pub expected_clock: u32,
    /// Requests queued for the model when it was ordered.
    pub requests_queued: u32,
    /// Copies of the model in device memory when it was ordered.
    pub copies_loaded: u32,
}

impl Flight {
    /// The row for the action log.
    pub(crate) fn record(&self, now: Nanos, result: ActionResult, goodput: Span) -> ActionRecord {
        ActionRecord {
            worker: self.worker,
            action: self.action,
            result,
            sent: self.sent,
            expected_complete: self.expected_complete,
            expected_clock: self.expected_clock,
            received: now,
            goodput,
            requests_queued: self.requests_queued,
            copies_loaded: self.copies_loaded,
        }
    }
}

/// Actions in flight by their counter. Counters are given out in order, so the table is a window
/// that slides: constant time, no hashing.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    base: u64,
    window: VecDeque<Option<Flight>>,
    len: usize,
}

impl Flights {
    /// The counter that the next action gets.
    pub(crate) fn next(&self) -> u64 {
        self.base + u64::try_from(self.window.len()).expect("a length fits u64")
    }

    /// Puts an action in; its counter is the one that [`Flights::next`] named.
    pub(crate) fn push(&mut self, flight: Flight) {
        assert_eq!(flight.action.id.counter, self.next(), "counters are given out in order");
        self.window.push_back(Some(flight));
        self.len += 1;
    }

    /// The action with this counter, if its result is still to come.
    pub(crate) fn peek(&self, counter: u64) -> Option<&Flight> {
        self.window.get(self.position(counter)?)?.as_ref()
    }

    /// Takes the action with this counter out.
    pub(crate) fn remove(&mut self, counter: u64) -> Option<Flight> {
        let position = self.position(counter)?;
        let flight = self.window.get_mut(position)?.take()?;
        self.len -= 1;
        while let Some(None) = self.window.front() {
            self.window.pop_front();
            self.base += 1;
        }
        Some(flight)
    }

    /// The counters of everything that went to `worker`, in order.
    pub(crate) fn of_worker(&self, worker: WorkerId) -> Vec<u64> {
        let flights = self.window.iter().flatten();
        flights.filter(|f| f.worker == worker).map(|f| f.action.id.counter).collect()
    }

    /// How many are in flight.
    pub(crate) fn count(&self) -> usize {
        self.len
    }

    fn position(&self, counter: u64) -> Option<usize> {
        usize::try_from(counter.checked_sub(self.base)?).ok()
    }
}
