//! The table of unanswered requests.

use clockwork_wire::{ModelId, Nanos, Span};

use crate::message::Request;
use crate::queue::RequestSlot;

/// Where a request is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In its model's queue.
    Queued,
    /// In an INFER that has been ordered.
    Ordered,
}

/// One unanswered request and its share of its model's demand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    /// What was asked.
    pub request: Request,
    /// The SLO that holds.
    pub slo: Span,
    /// By when an INFER must be complete for the request to be worth ordering; before the deadline
    /// by the configured buffer.
    pub due: Nanos,
    /// Where it is.
    pub stage: Stage,
    /// Copies of the model in device memory at arrival.
    pub copies_at_arrival: u32,
    /// Its part of the model's outstanding execution demand.
    pub exec_demand: f64,
    /// Its part of the model's outstanding demand for loaded weights; zero once it is ordered, or
    /// once a load would come too late for it.
    pub load_demand: f64,
}

impl Pending {
    /// The deadline that the client was promised.
    pub(crate) fn deadline(&self) -> Nanos {
        self.request.arrival + self.slo
    }

    /// The model asked for.
    pub(crate) fn model(&self) -> ModelId {
        self.request.model
    }
}

/// A table of pending requests with stable slots; a slot carries a generation, so that a timer set
/// for a request that has been answered is recognised.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    slots: Vec<(u32, Option<Pending>)>,
    free: Vec<RequestSlot>,
}

impl Requests {
    /// Puts a request in.
    ///
    /// # Panics
    /// If more than 2^32 requests are pending; credits keep them far below.
    pub(crate) fn insert(&mut self, pending: Pending) -> RequestSlot {
        if let Some(slot) = self.free.pop() {
            self.slots[index(slot)].1 = Some(pending);
            return slot;
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 requests are pending");
        self.slots.push((0, Some(pending)));
        slot
    }

    /// The request in `slot`.
    ///
    /// # Panics
    /// If it has been answered.
    pub(crate) fn at(&mut self, slot: RequestSlot) -> &mut Pending {
        self.slots[index(slot)].1.as_mut().expect("an unanswered request")
    }

    /// The generation of `slot`, to recognise the request later.
    pub(crate) fn generation(&self, slot: RequestSlot) -> u32 {
        self.slots[index(slot)].0
    }

    /// The request in `slot`, if it is still the one of that generation.
    pub(crate) fn current(&mut self, slot: RequestSlot, generation: u32) -> Option<&mut Pending> {
        let (now, pending) = &mut self.slots[index(slot)];
        if *now == generation { pending.as_mut() } else { None }
    }

    /// Takes the request out: it is being answered.
    ///
    /// # Panics
    /// If it has been answered already: one request gets one response.
    pub(crate) fn remove(&mut self, slot: RequestSlot) -> Pending {
        let (generation, pending) = &mut self.slots[index(slot)];
        *generation = generation.wrapping_add(1);
        self.free.push(slot);
        pending.take().expect("one request gets one response")
    }

    /// How many are pending.
    pub(crate) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

fn index(slot: RequestSlot) -> usize {
    usize::try_from(slot).expect("a slot fits usize")
}
