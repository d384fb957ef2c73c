//! Actions that wait for their window: in order of `earliest`, first come first served among equals.

use std::collections::VecDeque;

use clockwork_wire::{ActionId, ModelId, Nanos};

use crate::worker::Task;

/// A bounded queue of tasks in order of `earliest`.
///
/// A controller sends actions in about the order of their windows, so that a sorted ring, filled
/// from the back, beats a heap: pushing and popping touch one end, and a cancelled task is taken
/// out of the middle.
#[derive(Debug)]
pub(crate) struct Queue {
    tasks: VecDeque<Task>,
    limit: usize,
}

impl Queue {
    /// A queue of at most `limit` tasks.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { tasks: VecDeque::new(), limit }
    }

    /// Puts a task in its place, unless the queue [is full](Self::is_full).
    pub(crate) fn push(&mut self, task: Task) {
        assert!(!self.is_full(), "a queue of {} tasks overflows", self.limit);
        let earliest = task.earliest();
        let place = match self.tasks.back() {
            Some(last) if last.earliest() > earliest => {
                self.tasks.partition_point(|queued| queued.earliest() <= earliest)
            }
            Some(_) | None => self.tasks.len(),
        };
        self.tasks.insert(place, task);
    }

    /// Whether it takes no more tasks.
    pub(crate) fn is_full(&self) -> bool {
        self.tasks.len() >= self.limit
    }

    /// The next task.
    pub(crate) fn first(&self) -> Option<&Task> {
        self.tasks.front()
    }

    /// When the next task could start at the soonest: it has arrived and its window has begun.
    pub(crate) fn eligible_at(&self) -> Option<Nanos> {
        self.first().map(|task| task.received.max(task.earliest()))
    }

    /// Takes the next task out.
    pub(crate) fn pop(&mut self) -> Option<Task> {
        self.tasks.pop_front()
    }

    /// The models of all tasks, in their order.
    pub(crate) fn models(&self) -> impl Iterator<Item = ModelId> {
        self.tasks.iter().map(|task| task.action.model)
    }

    /// Whether a certain task waits here.
    pub(crate) fn contains(&self, id: ActionId) -> bool {
        self.tasks.iter().any(|task| task.action.id == id)
    }

    /// Takes a certain task out.
    pub(crate) fn remove(&mut self, id: ActionId) -> Option<Task> {
        let place = self.tasks.iter().position(|task| task.action.id == id)?;
        self.tasks.remove(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tests::task;

    fn counters(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).map(|task| task.action.id.counter).collect()
    }

    #[test]
    fn tasks_leave_in_order_of_earliest_and_ties_in_order_of_arrival() {
        let mut queue = Queue::new(8);
        for (counter, earliest) in [(0, 20), (1, 10), (2, 20), (3, 10), (4, 30)] {
            queue.push(task(counter, earliest));
        }
        assert_eq!(counters(&mut queue), [1, 3, 0, 2, 4]);
    }

    #[test]
    fn a_queue_is_full_at_its_limit() {
        let mut queue = Queue::new(1);
        assert!(!queue.is_full());
        queue.push(task(0, 1));
        assert!(queue.is_full());
        queue.pop();
        assert!(!queue.is_full());
    }

    #[test]
    fn a_task_can_be_taken_out_of_the_middle() {
        let mut queue = Queue::new(8);
        for counter in 0..3 {
            queue.push(task(counter, counter));
        }
        let id = queue.tasks[1].action.id;
        assert!(queue.remove(id).is_some());
        assert!(queue.remove(id).is_none());
        assert_eq!(counters(&mut queue), [0, 2]);
    }
}
