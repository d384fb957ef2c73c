//! Arrivals that know nothing of each other: exponential gaps.

use clockwork_wire::Span;
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
    rate: f64,
    /// Gaps in nanoseconds.
    gap: Exp<f64>,
}

impl PoissonOpenLoop {
    /// A stream of `rate` arrivals per second in all; the first comes after one gap.
    ///
    /// # Panics
    /// If there are no targets, or the rate is not above 0.
    pub fn new(targets: Vec<Target>, rate: f64) -> Self {
        assert!(!targets.is_empty() && rate > 0.0, "a stream needs a target and a rate");
        let gap = Exp::new(rate / NANOS_PER_SECOND).expect("a rate above 0 has gaps");
        Self { targets, rate, gap }
    }

    fn wake_after_a_gap(&self, turn: &mut Turn<'_>) {
        let gap = Span::from_f64(self.gap.sample(turn.random));
        turn.wake_at(turn.now + gap);
    }
}

impl Generator for PoissonOpenLoop {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.wake_after_a_gap(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        let target = turn.random.random_range(0..self.targets.len());
        turn.submit(self.targets[target]);
        self.wake_after_a_gap(turn);
    }

    fn share(&self, parts: u32) -> Option<Box<dyn Generator>> {
        Some(Box::new(Self::new(self.targets.clone(), self.rate / f64::from(parts))))
    }
}

const NANOS_PER_SECOND: f64 = 1e9;
