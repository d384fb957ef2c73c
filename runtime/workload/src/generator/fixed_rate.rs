//! Arrivals like clockwork: equal gaps.

use clockwork_wire::{Nanos, Span};

use super::Generator;
use crate::{Target, Turn};

/// A stream of equal gaps over its targets, in rotation or all at a time.
#[derive(Clone, Debug)]
pub struct FixedRate {
    targets: Vec<Target>,
    /// Nanoseconds, with their fraction.
    gap: f64,
    start: Nanos,
    /// Gaps from the start to the next arrival; a float because it scales the gap, and exact up to
    /// 2^53 of them.
    gaps: f64,
    /// Gaps from arrival to arrival, and targets that the rotation moves on by.
    stride: u32,
    next: usize,
    /// Whether an arrival asks for every target at once.
    together: bool,
}

impl FixedRate {
    /// A stream of `rate` arrivals per second in all over its targets in rotation; the first comes
    /// after one gap.
    ///
    /// # Panics
    /// If there are no targets, or the rate is not above 0.
    pub fn new(targets: Vec<Target>, rate: f64) -> Self {
        assert!(!targets.is_empty() && rate > 0.0, "a stream needs a target and a rate");
        let (gap, start) = (1e9 / rate, Nanos::ZERO);
        Self { targets, gap, start, gaps: 1.0, stride: 1, next: 0, together: false }
    }

    /// Such a stream for each target, of `rate` arrivals per second each, all in step: they ask at the
    /// same time.
    ///
    /// # Panics
    /// As [`FixedRate::new`].
    pub fn in_step(targets: Vec<Target>, rate: f64) -> Self {
        Self { together: true, ..Self::new(targets, rate) }
    }

    /// Counts from the start, so that a gap that is no whole number of nanoseconds does not drift.
    fn wake_for_next(&self, turn: &mut Turn<'_>) {
        turn.wake_at(self.start + Span::from_f64(self.gaps * self.gap));
    }

    fn submit_one(&mut self, turn: &mut Turn<'_>) {
        turn.submit(self.targets[self.next]);
        let stride = usize::try_from(self.stride).expect("a u32 fits usize");
        self.next = (self.next + stride) % self.targets.len();
    }
}

impl Generator for FixedRate {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.start = turn.now;
        self.wake_for_next(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        if self.together {
            self.targets.iter().for_each(|&target| turn.submit(target));
        } else {
            self.submit_one(turn);
        }
        self.gaps += f64::from(self.stride);
        self.wake_for_next(turn);
    }

    fn share(&self, part: u32, parts: u32) -> Option<Box<dyn Generator>> {
        let (first, step) = (usize::try_from(part).ok()?, usize::try_from(parts).ok()?);
        let shared = if self.together {
            let targets = self.targets.iter().copied().skip(first).step_by(step).collect();
            Self { targets, ..self.clone() }
        } else {
            let next = first % self.targets.len();
            Self { gaps: f64::from(part) + 1.0, stride: parts, next, ..self.clone() }
        };
        Some(Box::new(shared))
    }

    fn set_slo_factor(&mut self, factor: f32) {
        self.targets.iter_mut().for_each(|target| target.slo_factor = factor);
    }
}
