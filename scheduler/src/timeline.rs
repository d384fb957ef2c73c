//! What one engine of a device (execution, or the copy of weights) still has to do, and when it
//! will be free.

use std::collections::VecDeque;

use clockwork_wire::{Nanos, Span};

/// The outstanding work of one engine, in the order in which it was given
/// (reference/original: `worker_tracker`).
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// How late the head may be before it is no longer believed to finish right now.
    lag: Span,
    /// How long an action takes to reach the worker.
    future: Span,
    work: VecDeque<(u64, Span)>,
    begin: Nanos,
    total: Span,
}

impl Timeline {
    /// An engine without work.
    pub(crate) fn new(lag: Span, future: Span) -> Self {
        Self { lag, future, work: VecDeque::new(), begin: Nanos::ZERO, total: Span::ZERO }
    }

    /// Whether nothing is outstanding.
    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_empty()
    }

    /// When the engine is expected to be free, were the head never late; [`Nanos::ZERO`] when idle,
    /// so that idle engines compare equal.
    pub(crate) fn nominal(&self) -> Nanos {
        if self.work.is_empty() { Nanos::ZERO } else { self.begin + self.total }
    }

    /// When an action given now could start. A head that is more than `lag` late is assumed to end
    /// any moment, with the rest of the work still to come.
    pub(crate) fn available(&self, now: Nanos) -> Nanos {
        let reachable = now + self.future;
        let Some(&(_, head)) = self.work.front() else { return reachable };
        let begin = self.begin.max(now - self.lag - head);
        reachable.max(begin + self.total)
    }

    /// Gives the engine `size` more to do.
    pub(crate) fn add(&mut self, now: Nanos, id: u64, size: Span) {
        if self.work.is_empty() {
            self.begin = now;
        }
        self.work.push_back((id, size));
        self.total += size;
    }

    /// An action is over: it ended at `end` after `duration` on the device.
    pub(crate) fn complete(&mut self, id: u64, end: Nanos, duration: Span) {
        match self.remove(id) {
            Some(0) => self.begin = self.begin.max(end),
            Some(_) => self.begin += duration,
            None => {}
        }
    }

    /// An action will not run.
    pub(crate) fn fail(&mut self, now: Nanos, id: u64) {
        if self.remove(id) == Some(0) {
            self.begin = self.begin.max(now);
        }
    }

    /// Forgets everything: the device is gone.
    pub(crate) fn clear(&mut self) {
        self.work.clear();
        self.total = Span::ZERO;
    }

    fn remove(&mut self, id: u64) -> Option<usize> {
        let at = self.work.iter().position(|&(other, _)| other == id)?;
        let (_, size) = self.work.remove(at).expect("the position was just found");
        self.total -= size;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Span = Span::from_millis(1);

    fn at(ms: u64) -> Nanos {
        Nanos::new(1_000_000_000) + MS.times(ms)
    }

    fn timeline() -> Timeline {
        Timeline::new(MS.times(10), MS)
    }

    #[test]
    fn an_idle_engine_is_available_as_soon_as_it_can_be_reached() {
        assert_eq!(timeline().available(at(5)), at(6));
    }

    #[test]
    fn work_adds_up_and_a_completion_restarts_the_clock_at_its_end() {
        let mut engine = timeline();
        engine.add(at(0), 1, MS.times(4));
        engine.add(at(0), 2, MS.times(4));
        assert_eq!(engine.available(at(0)), at(8));
        engine.complete(1, at(5), MS.times(5));
        assert_eq!(engine.available(at(5)), at(9));
        engine.fail(at(6), 2);
        assert_eq!(engine.available(at(6)), at(7));
        assert!(engine.is_idle());
    }

    #[test]
    fn a_head_that_is_too_late_keeps_the_rest_of_the_work_ahead() {
        let mut engine = timeline();
        engine.add(at(0), 1, MS.times(4));
        engine.add(at(0), 2, MS.times(20));
        // Within the lag the head is believed to have ended on time.
        assert_eq!(engine.available(at(14)), at(24));
        // At 30 the head is 26 late: its end is taken to be 10 ago, and the rest follows.
        assert_eq!(engine.available(at(30)), at(40));
    }

    #[test]
    fn an_unknown_action_changes_nothing() {
        let mut engine = timeline();
        engine.add(at(0), 1, MS.times(4));
        engine.complete(7, at(3), MS);
        engine.fail(at(3), 8);
        assert_eq!(engine.available(at(0)), at(4));
    }
}
