//! Arrivals that know nothing of each other: exponential gaps.

use clockwork_wire::{Nanos, Span};
use rand::RngExt;
use rand_distr::{Distribution, Exp};

use super::Generator;
use crate::{Target, Turn};

/// A Poisson stream of a total rate, spread evenly over its targets.
///
/// It stands for one stream per target with an equal share of the rate each: their superposition
/// is one stream in which every arrival chooses its target uniformly.
#[derive(Debug)]
pub struct PoissonOpenLoop {
    targets: Vec<Target>,
    /// Arrivals per second of all targets together.
    rate: f64,
    /// The part of the rate that is this stream's, if it was divided.
    share: f64,
    /// Gaps in nanoseconds.
    gap: Exp<f64>,
    /// The next arrival.
    next: Nanos,
}

impl PoissonOpenLoop {
    /// A stream of `rate` arrivals per second in all; the first comes after one gap.
    ///
    /// # Panics
    /// If there are no targets, or the rate is not above 0.
    pub fn new(targets: Vec<Target>, rate: f64) -> Self {
        assert!(!targets.is_empty() && rate > 0.0, "a stream needs a target and a rate");
        Self { targets, rate, share: 1.0, gap: gaps(rate), next: Nanos::ZERO }
    }

    /// One of `parts` that are together what this was.
    pub(super) fn part(&self, parts: u32) -> Self {
        let mut part = Self::new(self.targets.clone(), self.rate);
        part.share = self.share / f64::from(parts);
        part.gap = gaps(self.rate * part.share);
        part
    }

    /// From now on there are so many arrivals per second for each target. A gap knows nothing of the
    /// time before, so the one that has begun is drawn anew.
    pub(super) fn set_rate_each(&mut self, rate: f64, turn: &mut Turn<'_>) {
        let targets = u32::try_from(self.targets.len()).expect("a plan has at most 2^32 models");
        self.rate = rate * f64::from(targets);
        self.gap = gaps(self.rate * self.share);
        self.wake_after_a_gap(turn);
    }

    fn wake_after_a_gap(&mut self, turn: &mut Turn<'_>) {
        self.next = turn.now + Span::from_f64(self.gap.sample(turn.random));
        turn.wake_at(self.next);
    }
}

impl Generator for PoissonOpenLoop {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.wake_after_a_gap(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        if turn.now != self.next {
            // Of a rate that holds no more.
            return;
        }
        let target = turn.random.random_range(0..self.targets.len());
        turn.submit(self.targets[target]);
        self.wake_after_a_gap(turn);
    }

    fn share(&self, _part: u32, parts: u32) -> Option<Box<dyn Generator>> {
        Some(Box::new(self.part(parts)))
    }

    fn set_slo_factor(&mut self, factor: f32) {
        self.targets.iter_mut().for_each(|target| target.slo_factor = factor);
    }
}

fn gaps(rate: f64) -> Exp<f64> {
    Exp::new(rate / NANOS_PER_SECOND).expect("a rate above 0 has gaps")
}

const NANOS_PER_SECOND: f64 = 1e9;
