//! The table of unanswered requests.

use clockwork_wire::{Nanos, Span, WorkerId};

use super::index;
use crate::message::Request;
use crate::queue::RequestSlot;

/// An unanswered request: one cache line, because by the time that it is ordered, and once more when
/// it is answered, so many others have come that it has left the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Pending {
    /// What was asked.
    pub request: Request,
    /// The SLO that holds.
    pub slo: Span,
    /// By when its INFER must be expected to be over; before the deadline by what results were late
    /// by.
    pub due: Nanos,
    /// Copies of the model in device memory at arrival.
    pub copies_at_arrival: u32,
    /// Whether an action that carried it was lost: it is given to one other at most.
    pub retried: bool,
    /// Which worker's link its input is expected to take, while that waits and is large.
    pub link: Option<WorkerId>,
}

impl Pending {
    /// The deadline that the client was promised.
    pub(super) fn deadline(&self) -> Nanos {
        self.request.arrival + self.slo
    }
}

/// Unanswered requests by slot; slots are used again, the last one first.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Pending>,
    free: Vec<RequestSlot>,
}

impl Table {
    /// Puts a request in.
    ///
    /// # Panics
    /// If 2^32 requests are unanswered; the configured limit is below.
    pub(super) fn insert(&mut self, pending: Pending) -> RequestSlot {
        if let Some(slot) = self.free.pop() {
            self.slots[index(slot)] = pending;
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 requests are pending");
        self.slots.push(pending);
        slot
    }

    /// The request in a slot that is in use.
    pub(super) fn at(&self, slot: RequestSlot) -> &Pending {
        &self.slots[index(slot)]
    }

    /// The request in a slot that is in use, to be changed.
    pub(super) fn at_mut(&mut self, slot: RequestSlot) -> &mut Pending {
        &mut self.slots[index(slot)]
    }

    /// Takes a request out: it is being answered.
    pub(super) fn remove(&mut self, slot: RequestSlot) -> Pending {
        self.free.push(slot);
        self.slots[index(slot)]
    }

    /// How many are unanswered.
    pub(super) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
