//! Arrivals like clockwork: equal gaps.

use clockwork_wire::{Nanos, Span};

use super::Generator;
use crate::{Target, Turn};

/// A stream of equal gaps over its targets in rotation.
#[derive(Debug)]
pub struct FixedRate {
    targets: Vec<Target>,
    /// Nanoseconds, with their fraction.
    gap: f64,
    start: Nanos,
    /// Arrivals so far; a float because it scales the gap, and exact up to 2^53 of them.
    arrivals: f64,
    next: usize,
}

impl FixedRate {
    /// A stream of `rate` arrivals per second in all; the first comes after one gap.
    ///
    /// # Panics
    /// If there are no targets, or the rate is not above 0.
    pub fn new(targets: Vec<Target>, rate: f64) -> Self {
        assert!(!targets.is_empty() && rate > 0.0, "a stream needs a target and a rate");
        Self { targets, gap: 1e9 / rate, start: Nanos::ZERO, arrivals: 0.0, next: 0 }
    }

    /// Counts from the start, so that a gap that is no whole number of nanoseconds does not drift.
    fn wake_for_next(&mut self, turn: &mut Turn<'_>) {
        self.arrivals += 1.0;
        turn.wake_at(self.start + Span::from_f64(self.arrivals * self.gap));
    }
}

impl Generator for FixedRate {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.start = turn.now;
        self.wake_for_next(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        turn.submit(self.targets[self.next]);
        self.next = (self.next + 1) % self.targets.len();
        self.wake_for_next(turn);
    }
}
