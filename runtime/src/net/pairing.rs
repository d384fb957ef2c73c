//! Brings messages of the control connection and bodies of the bulk connection together.

use std::collections::{HashMap, VecDeque};

use clockwork_wire::codec::BodyId;
use clockwork_wire::{Nanos, Payload};

/// Messages that wait for their body and bodies that wait for their message, by key. Either may
/// come first.
#[derive(Debug)]
pub(super) struct Pairing<T> {
    messages: HashMap<BodyId, Waiting<T>>,
    /// The messages in the order in which they came, and some that wait no longer.
    order: VecDeque<(u32, BodyId)>,
    bodies: HashMap<BodyId, Unclaimed>,
    unclaimed_bytes: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    message: T,
    /// The frame that brought the message: not acknowledged before the body is here.
    sequence: u32,
    until: Nanos,
}

#[derive(Debug)]
struct Unclaimed {
    body: Payload,
    until: Nanos,
}

impl<T> Pairing<T> {
    pub(super) fn new() -> Self {
        Self {
            messages: HashMap::new(),
            order: VecDeque::new(),
            bodies: HashMap::new(),
            unclaimed_bytes: 0,
        }
    }

    /// A message whose body travels apart. Gives both if the body is here, else keeps the message
    /// until `until`. A second message of the same key replaces the first.
    pub(super) fn message(
        &mut self,
        key: BodyId,
        message: T,
        sequence: u32,
        until: Nanos,
    ) -> Option<(T, Payload)> {
        if let Some(unclaimed) = self.bodies.remove(&key) {
            self.unclaimed_bytes -= unclaimed.body.len();
            return Some((message, unclaimed.body));
        }
        self.messages.insert(key, Waiting { message, sequence, until });
        self.order.push_back((sequence, key));
        None
    }

    /// A body. Gives both if its message is here, else keeps the body until `until`, or less long
    /// if unclaimed bodies come to more than `limit` bytes.
    pub(super) fn body(
        &mut self,
        key: BodyId,
        body: Payload,
        until: Nanos,
        limit: usize,
    ) -> Option<(T, Payload)> {
        if let Some(waiting) = self.messages.remove(&key) {
            return Some((waiting.message, body));
        }
        self.unclaimed_bytes += body.len();
        if let Some(old) = self.bodies.insert(key, Unclaimed { body, until }) {
            self.unclaimed_bytes -= old.body.len();
        }
        while self.unclaimed_bytes > limit {
            // Rare, and bounded by the limit: not worth an index.
            let oldest = self.bodies.iter().min_by_key(|(_, b)| b.until).map(|(k, _)| *k);
            let oldest = oldest.and_then(|k| self.bodies.remove(&k));
            self.unclaimed_bytes -= oldest.expect("bytes belong to bodies").body.len();
        }
        None
    }

    /// The oldest frame with a message that still waits.
    pub(super) fn oldest_sequence(&mut self) -> Option<u32> {
        while let Some((sequence, key)) = self.order.front() {
            if self.messages.get(key).is_some_and(|waiting| waiting.sequence == *sequence) {
                return Some(*sequence);
            }
            self.order.pop_front();
        }
        None
    }

    /// Discards bodies whose time is over and gives the messages whose bodies did not come in
    /// time.
    pub(super) fn expire(&mut self, now: Nanos) -> Vec<T> {
        self.bodies.retain(|_, b| b.until > now);
        self.unclaimed_bytes = self.bodies.values().map(|b| b.body.len()).sum();
        let late: Vec<BodyId> =
            self.messages.iter().filter(|(_, w)| w.until <= now).map(|(k, _)| *k).collect();
        late.iter().filter_map(|k| self.messages.remove(k)).map(|w| w.message).collect()
    }
}

#[cfg(test)]
mod tests {
    use clockwork_wire::RequestId;

    use super::*;

    fn id(id: u64) -> BodyId {
        BodyId::Request(RequestId::new(id))
    }

    fn payload(n: usize) -> Payload {
        Payload::new(vec![0; n])
    }

    #[test]
    fn either_may_come_first() {
        let mut pairing = Pairing::new();
        assert_eq!(pairing.message(id(1), "one", 5, Nanos::MAX), None);
        assert_eq!(pairing.body(id(1), payload(3), Nanos::MAX, 100), Some(("one", payload(3))));
        assert_eq!(pairing.body(id(2), payload(4), Nanos::MAX, 100), None);
        assert_eq!(pairing.message(id(2), "two", 6, Nanos::MAX), Some(("two", payload(4))));
        assert_eq!(pairing.unclaimed_bytes, 0);
    }

    #[test]
    fn unclaimed_bodies_are_bounded_in_bytes_and_time() {
        let mut pairing = Pairing::<&str>::new();
        pairing.body(id(1), payload(60), Nanos::new(10), 100);
        pairing.body(id(2), payload(60), Nanos::new(20), 100);
        assert_eq!(pairing.unclaimed_bytes, 60);
        assert_eq!(pairing.message(id(1), "gone", 1, Nanos::new(30)), None);
        assert_eq!(pairing.expire(Nanos::new(20)), Vec::<&str>::new());
        assert_eq!(pairing.unclaimed_bytes, 0);
    }

    #[test]
    fn a_message_without_a_body_is_given_back_in_time_and_holds_its_acknowledgement_until_then() {
        let mut pairing = Pairing::new();
        pairing.message(id(1), "late", 7, Nanos::new(10));
        pairing.message(id(2), "later", 9, Nanos::new(20));
        assert_eq!(pairing.oldest_sequence(), Some(7));
        assert_eq!(pairing.expire(Nanos::new(10)), ["late"]);
        assert_eq!(pairing.oldest_sequence(), Some(9));
    }
}
