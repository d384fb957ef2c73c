//! Poisson arrivals that come in bursts.

use clockwork_wire::{Nanos, Span};
use rand_distr::{Distribution, Exp};

use super::Generator;
use crate::{Target, Turn};

/// A Poisson stream during bursts of random length, with idle times of random length between them.
/// It begins with a burst; both lengths are exponential.
#[derive(Debug)]
pub struct BurstyOpenLoop {
    target: Target,
    /// Gaps, bursts and idle times in nanoseconds.
    gap: Exp<f64>,
    burst: Exp<f64>,
    idle: Exp<f64>,
    /// When the burst ends.
    until: Nanos,
}

impl BurstyOpenLoop {
    /// `rate` arrivals per second during bursts of this mean length, with this mean idle time between.
    ///
    /// # Panics
    /// If the rate is not above 0 or a mean is zero.
    pub fn new(target: Target, rate: f64, burst: Span, idle: Span) -> Self {
        let gap = Exp::new(rate / 1e9).expect("a rate above 0 has gaps");
        Self { target, gap, burst: lengths(burst), idle: lengths(idle), until: Nanos::ZERO }
    }

    /// Wakes at the next arrival after `from`, in this burst or a later one. A gap that reaches
    /// beyond the burst is drawn anew in the next: it knows nothing of the time before.
    fn wake_after(&mut self, mut from: Nanos, turn: &mut Turn<'_>) {
        loop {
            let at = from + Span::from_f64(self.gap.sample(turn.random));
            if at < self.until {
                return turn.wake_at(at);
            }
            from = self.until + Span::from_f64(self.idle.sample(turn.random));
            self.begin(from, turn);
        }
    }

    fn begin(&mut self, at: Nanos, turn: &mut Turn<'_>) {
        self.until = at + Span::from_f64(self.burst.sample(turn.random));
    }
}

impl Generator for BurstyOpenLoop {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.begin(turn.now, turn);
        self.wake_after(turn.now, turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        turn.submit(self.target);
        self.wake_after(turn.now, turn);
    }

    fn set_slo_factor(&mut self, factor: f32) {
        self.target.slo_factor = factor;
    }
}

/// Lengths of this mean.
pub(super) fn lengths(mean: Span) -> Exp<f64> {
    assert!(!mean.is_zero(), "a length has a mean above 0");
    Exp::new(1.0 / mean.as_f64()).expect("it is above 0")
}
