//! What happens next: a heap in the order of (time, rank, sequence).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use clockwork_wire::{Nanos, WorkerId};

use super::Node;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// The letter in this slot arrives.
    Arrive(u32),
    /// The incident with this index begins or ends.
    Incident(u32),
    /// A worker starts, or comes back.
    Return(WorkerId),
    /// A process takes a turn.
    Turn(Node),
}

impl Event {
    /// Among equal times everything arrives first and turns come last, so that a turn takes all
    /// that has been received by then, as in production.
    const fn rank(self) -> u64 {
        match self {
            Self::Arrive(_) | Self::Incident(_) | Self::Return(_) => 0,
            Self::Turn(_) => 1 << 63,
        }
    }
}

/// Events in order.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<(Nanos, u64, Event)>>,
    sequence: u64,
}

impl Agenda {
    /// Adds an event.
    pub(crate) fn push(&mut self, at: Nanos, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((at, event.rank() | self.sequence, event)));
    }

    /// Takes the next event out.
    pub(crate) fn pop(&mut self) -> Option<(Nanos, Event)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_equal_times_turns_come_after_arrivals_and_the_rest_in_order() {
        let mut agenda = Agenda::default();
        let at = Nanos::new(5);
        agenda.push(at, Event::Turn(Node::Controller));
        agenda.push(at, Event::Arrive(1));
        agenda.push(at, Event::Arrive(0));
        agenda.push(Nanos::new(4), Event::Incident(0));
        let events: Vec<_> = std::iter::from_fn(|| agenda.pop()).map(|(_, e)| e).collect();
        assert_eq!(
            events,
            [Event::Incident(0), Event::Arrive(1), Event::Arrive(0), Event::Turn(Node::Controller)]
        );
    }
}
