//! The requests that wait for one model, by deadline.

use std::collections::VecDeque;

use clockwork_wire::Nanos;

/// Where a request lies in the scheduler's table of requests.
pub(crate) type RequestSlot = u32;

/// Requests of one model in the order of their deadlines, each stored once.
///
/// Every batch size has its own cursor into the queue: the first request that a batch of that size
/// could still save. A larger batch takes longer, so its cursor lies further back; what it skips
/// stays available to smaller ones. The cursor is found by bisection when a device asks, because
/// each device would start the batch at another time. (In the original every batch size has a queue
/// of its own, and taking a batch drops all older requests from every queue.)
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<(Nanos, RequestSlot)>,
}

impl Queue {
    /// How many requests wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The earliest deadline.
    pub(crate) fn head(&self) -> Option<Nanos> {
        self.waiting.front().map(|&(deadline, _)| deadline)
    }

    /// The latest deadline.
    pub(crate) fn last(&self) -> Option<Nanos> {
        self.waiting.back().map(|&(deadline, _)| deadline)
    }

    /// The deadline at `position`.
    pub(crate) fn deadline(&self, position: usize) -> Option<Nanos> {
        self.waiting.get(position).map(|&(deadline, _)| deadline)
    }

    /// Adds a request behind those with the same deadline; returns its position.
    pub(crate) fn insert(&mut self, deadline: Nanos, request: RequestSlot) -> usize {
        // Deadlines mostly rise with arrival, so the place is nearly always at the end.
        let mut at = self.waiting.len();
        while at > 0 && self.waiting[at - 1].0 > deadline {
            at -= 1;
        }
        self.waiting.insert(at, (deadline, request));
        at
    }

    /// The cursor of a batch that would end at `end`: the first request whose deadline it meets.
    pub(crate) fn cursor(&self, end: Nanos) -> usize {
        self.waiting.partition_point(|&(deadline, _)| deadline < end)
    }

    /// Takes `count` requests out, from `cursor` on.
    ///
    /// # Panics
    /// If there are fewer; the caller has chosen the batch by the queue's length.
    pub(crate) fn take(
        &mut self,
        cursor: usize,
        count: usize,
    ) -> impl Iterator<Item = RequestSlot> {
        self.waiting.drain(cursor..cursor + count).map(|(_, request)| request)
    }

    /// Takes the first request out.
    pub(crate) fn pop(&mut self) -> Option<RequestSlot> {
        self.waiting.pop_front().map(|(_, request)| request)
    }

    /// Takes out one request with its deadline; `false` if it does not wait here.
    pub(crate) fn remove(&mut self, deadline: Nanos, request: RequestSlot) -> bool {
        let from = self.waiting.partition_point(|&(other, _)| other < deadline);
        let found = (from..self.waiting.len())
            .take_while(|&at| self.waiting[at].0 == deadline)
            .find(|&at| self.waiting[at].1 == request);
        found.and_then(|at| self.waiting.remove(at)).is_some()
    }

    /// The requests in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RequestSlot> {
        self.waiting.iter().map(|&(_, request)| request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(deadlines: &[u64]) -> Queue {
        let mut queue = Queue::default();
        for (slot, &deadline) in (0..).zip(deadlines) {
            queue.insert(Nanos::new(deadline), slot);
        }
        queue
    }

    #[test]
    fn order_is_by_deadline_and_ties_keep_arrival_order() {
        let queue = queue(&[30, 10, 20, 10]);
        assert_eq!(queue.iter().collect::<Vec<_>>(), [1, 3, 2, 0]);
        assert_eq!(queue.head(), Some(Nanos::new(10)));
    }

    #[test]
    fn a_cursor_skips_what_the_batch_cannot_save_and_the_skipped_stay() {
        let mut queue = queue(&[10, 20, 30, 40]);
        let cursor = queue.cursor(Nanos::new(21));
        assert_eq!(cursor, 2);
        assert_eq!(queue.take(cursor, 2).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(queue.iter().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_deadline_at_the_very_end_is_met_and_one_earlier_is_not() {
        let queue = queue(&[10]);
        assert_eq!(queue.cursor(Nanos::new(10)), 0);
        assert_eq!(queue.cursor(Nanos::new(11)), 1);
    }

    #[test]
    fn removal_finds_the_request_among_equal_deadlines() {
        let mut queue = queue(&[10, 10, 10]);
        assert!(queue.remove(Nanos::new(10), 1));
        assert!(!queue.remove(Nanos::new(10), 1));
        assert!(!queue.remove(Nanos::new(11), 0));
        assert_eq!(queue.iter().collect::<Vec<_>>(), [0, 2]);
    }
}
