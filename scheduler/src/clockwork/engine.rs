//! What one engine of a device (execution, or the copy of weights) still has to do.

use clockwork_wire::{Nanos, Span};

/// The outstanding work of one engine, in the order in which it was given. A few actions at most:
/// binding late means that an engine is never given much.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Engine {
    work: [(u64, Span); Self::MOST],
    len: usize,
    /// When the first action is believed to start, or to have started.
    begin: Nanos,
    total: Span,
}

impl Engine {
    /// As many actions as an engine may be given.
    pub(super) const MOST: usize = 4;

    /// How many actions are outstanding.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How long the last action takes; zero if there is none.
    pub(super) fn last(&self) -> Span {
        self.len.checked_sub(1).map_or(Span::ZERO, |at| self.work[at].1)
    }

    /// When the engine will be free: now, if it is idle. A first action is late if its result is out
    /// by more than `lag` after its end, the time that results take; it is then taken to have ended
    /// just so long ago, with the rest still to come.
    pub(super) fn end(&self, now: Nanos, lag: Span) -> Nanos {
        if self.len == 0 {
            return now;
        }
        let rest = self.total - self.work[0].1;
        (self.begin + self.total).max(now - lag + rest)
    }

    /// From when on fewer than `depth` actions are believed to be before the engine, those whose
    /// results are on their way not counted; `None` if that is only known when a result comes.
    pub(super) fn fewer_than(&self, depth: usize, now: Nanos, lag: Span) -> Option<Nanos> {
        if self.len < depth {
            return Some(now);
        }
        let is_late = self.begin + self.work[0].1 + lag < now;
        if self.len == Self::MOST || is_late {
            return None;
        }
        let over: Span = self.work[..=self.len - depth].iter().map(|&(_, size)| size).sum();
        Some(self.begin + over)
    }

    /// Gives the engine an action that takes `size` and starts at `start` if nothing is before it.
    ///
    /// # Panics
    /// If it has as much to do as it may have; the caller asks first.
    pub(super) fn add(&mut self, id: u64, start: Nanos, size: Span) {
        if self.len == 0 {
            self.begin = start;
        }
        self.work[self.len] = (id, size);
        self.len += 1;
        self.total += size;
    }

    /// An action is over, or will not run; `at` is when the engine was done with it.
    pub(super) fn remove(&mut self, id: u64, at: Nanos) {
        let Some(place) = self.work[..self.len].iter().position(|&(other, _)| other == id) else {
            return;
        };
        self.total -= self.work[place].1;
        self.work.copy_within(place + 1..self.len, place);
        self.len -= 1;
        if place == 0 {
            self.begin = self.begin.max(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Span = Span::from_millis(1);

    fn at(ms: u64) -> Nanos {
        Nanos::new(1_000_000_000) + MS.times(ms)
    }

    #[test]
    fn work_adds_up_and_an_end_restarts_the_clock() {
        let mut engine = Engine::default();
        assert_eq!(engine.end(at(5), MS), at(5));
        engine.add(1, at(1), MS.times(4));
        engine.add(2, at(1), MS.times(4));
        assert_eq!(engine.end(at(0), MS), at(9));
        engine.remove(1, at(6));
        assert_eq!(engine.end(at(6), MS), at(10));
        engine.remove(7, at(7));
        assert_eq!(engine.len(), 1);
        engine.remove(2, at(8));
        assert_eq!(engine.end(at(8), MS), at(8));
    }

    #[test]
    fn a_late_head_keeps_the_rest_ahead() {
        let mut engine = Engine::default();
        engine.add(1, at(0), MS.times(4));
        engine.add(2, at(0), MS.times(20));
        assert_eq!(engine.end(at(3), MS), at(24));
        assert_eq!(engine.end(at(5), MS), at(24), "its result is on its way");
        assert_eq!(engine.end(at(30), MS), at(49));
    }

    #[test]
    fn what_is_over_does_not_count_while_its_result_is_on_its_way() {
        let mut engine = Engine::default();
        engine.add(1, at(0), MS.times(4));
        engine.add(2, at(0), MS.times(4));
        assert_eq!(engine.fewer_than(3, at(1), MS), Some(at(1)), "two are fewer than three");
        assert_eq!(engine.fewer_than(2, at(1), MS), Some(at(4)), "when the first is over");
        assert_eq!(engine.fewer_than(1, at(1), MS), Some(at(8)));
        assert_eq!(engine.fewer_than(2, at(5), MS), Some(at(4)));
        assert_eq!(engine.fewer_than(2, at(6), MS), None, "the first is late");
    }

    #[test]
    fn an_engine_that_holds_as_much_as_it_may_waits_for_a_result() {
        let mut engine = Engine::default();
        for id in 0..Engine::MOST {
            assert!(engine.fewer_than(2, at(0), MS.times(9)).is_some());
            engine.add(u64::try_from(id).unwrap(), at(0), MS);
        }
        assert_eq!(engine.fewer_than(2, at(9), MS.times(9)), None);
        engine.remove(0, at(1));
        assert_eq!(engine.fewer_than(2, at(9), MS.times(9)), Some(at(3)));
    }

    #[test]
    fn an_action_that_will_not_run_leaves_the_others_in_order() {
        let mut engine = Engine::default();
        engine.add(1, at(0), MS.times(4));
        engine.add(2, at(0), MS.times(20));
        engine.remove(2, at(1));
        assert_eq!(engine.end(at(1), MS), at(4));
    }
}
