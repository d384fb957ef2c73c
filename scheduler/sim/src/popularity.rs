//! Which models are asked for how much, and how that changes while a run goes on.

use std::sync::Arc;

use clockwork_wire::{Nanos, Span};
use clockwork_workload::generator::Generator;
use clockwork_workload::{Target, Turn};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp};

/// A Poisson stream of a total rate over targets of unequal popularity, which changes in phases.
#[derive(Debug)]
pub(crate) struct Popular {
    targets: Vec<Target>,
    /// Gaps in nanoseconds.
    gap: Exp<f64>,
    phases: Arc<[Popularity]>,
    /// How long a phase lasts; the last one lasts for ever.
    each: Span,
    start: Nanos,
}

/// How often each model is asked for, as rising sums that end at 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Popularity {
    sums: Box<[f64]>,
}

impl Popularity {
    /// Models in proportion to these weights.
    ///
    /// # Panics
    /// If no weight is above 0.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        assert!(total > 0.0, "something must be asked for");
        let mut sum = 0.0;
        let mut upto = |weight: &f64| {
            sum += weight / total;
            sum
        };
        Self { sums: weights.iter().map(&mut upto).collect() }
    }

    /// A model, drawn.
    fn draw(&self, random: &mut impl Rng) -> usize {
        let place = random.random::<f64>();
        // Rounding may leave the last sum a little below 1.
        self.sums.partition_point(|&sum| sum <= place).min(self.sums.len() - 1)
    }
}

impl Popular {
    /// A stream of `rate` arrivals per second in all over `targets`, one for each weight of each of
    /// the phases.
    ///
    /// # Panics
    /// If the rate is not above 0 or there is no phase; the scenarios have both.
    pub(crate) fn new(
        targets: Vec<Target>,
        rate: f64,
        phases: Arc<[Popularity]>,
        each: Span,
    ) -> Self {
        assert!(!phases.is_empty(), "a stream has a first phase");
        let gap = Exp::new(rate / 1e9).expect("a rate above 0 has gaps");
        Self { targets, gap, phases, each, start: Nanos::ZERO }
    }

    fn phase(&self, now: Nanos) -> &Popularity {
        let passed = (now - self.start).get() / self.each.get().max(1);
        let at = usize::try_from(passed).unwrap_or(usize::MAX);
        &self.phases[at.min(self.phases.len() - 1)]
    }

    fn wake_after_a_gap(&self, turn: &mut Turn<'_>) {
        let gap = Span::from_f64(self.gap.sample(turn.random));
        turn.wake_at(turn.now + gap);
    }
}

impl Generator for Popular {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.start = turn.now;
        self.wake_after_a_gap(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        let target = self.phase(turn.now).draw(turn.random);
        turn.submit(self.targets[target]);
        self.wake_after_a_gap(turn);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::streams::Random;

    #[test]
    fn models_are_drawn_by_weight_and_never_without_one() {
        let popularity = Popularity::new(&[3.0, 0.0, 1.0]);
        let mut random = Random::seed_from_u64(1);
        let mut counts = [0_u32; 3];
        for _ in 0..4_000 {
            counts[popularity.draw(&mut random)] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(counts[0].abs_diff(3_000) < 120, "{counts:?}");
    }

    #[test]
    fn phases_follow_each_other_and_the_last_one_stays() {
        let phases: Vec<_> =
            [[1.0, 0.0], [0.0, 1.0]].iter().map(|weights| Popularity::new(weights)).collect();
        let popular = Popular::new(Vec::new(), 1.0, phases.into(), Span::new(10));
        let mut random = Random::seed_from_u64(1);
        let mut drawn = |at| popular.phase(Nanos::new(at)).draw(&mut random);
        assert_eq!([drawn(0), drawn(9), drawn(10), drawn(1_000)], [0, 0, 1, 1]);
    }
}
