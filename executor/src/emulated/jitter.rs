//! Noise on an emulated device's durations.

use clockwork_wire::Span;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

/// How much durations scatter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Evenly, by at most this fraction to either side; 0 to 1.
    Uniform(f64),
    /// By a log-normal factor with median 1 and this sigma; at least 0. A sigma of 0.01 moves 99 %
    /// of the durations by less than 2.6 %.
    LogNormal(f64),
}

/// A seeded source of [`Jitter`].
#[derive(Debug)]
pub(super) struct Noise {
    shape: Shape,
    random: Xoshiro256PlusPlus,
}

#[derive(Debug)]
enum Shape {
    None,
    Uniform(f64),
    LogNormal(LogNormal<f64>),
}

impl Noise {
    pub(super) fn new(jitter: Jitter, seed: u64) -> Self {
        let shape = match jitter {
            Jitter::Uniform(fraction) if fraction > 0.0 => Shape::Uniform(fraction.min(1.0)),
            Jitter::LogNormal(sigma) if sigma > 0.0 => {
                LogNormal::new(0.0, sigma).map_or(Shape::None, Shape::LogNormal)
            }
            Jitter::None | Jitter::Uniform(_) | Jitter::LogNormal(_) => Shape::None,
        };
        Self { shape, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    pub(super) fn apply(&mut self, exact: Span) -> Span {
        match &self.shape {
            Shape::None => exact,
            Shape::Uniform(fraction) => {
                exact.scale(1.0 + self.random.random_range(-fraction..=*fraction))
            }
            Shape::LogNormal(factor) => exact.scale(factor.sample(&mut self.random)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Span = Span::from_millis(10);

    fn sample(jitter: Jitter, seed: u64) -> Vec<Span> {
        let mut noise = Noise::new(jitter, seed);
        (0..1_000).map(|_| noise.apply(EXACT)).collect()
    }

    #[test]
    fn no_jitter_is_exact_and_so_is_a_meaningless_one() {
        for jitter in [Jitter::None, Jitter::Uniform(f64::NAN), Jitter::LogNormal(-1.0)] {
            assert!(sample(jitter, 1).iter().all(|&span| span == EXACT));
        }
    }

    #[test]
    fn uniform_jitter_stays_within_its_fraction_and_uses_it() {
        let spans = sample(Jitter::Uniform(0.1), 1);
        let (low, high) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
        assert!(*low >= EXACT.scale(0.9) && *high <= EXACT.scale(1.1));
        assert!(*low < EXACT.scale(0.91) && *high > EXACT.scale(1.09));
    }

    #[test]
    fn log_normal_jitter_has_the_profiled_time_as_its_median() {
        let mut spans = sample(Jitter::LogNormal(0.05), 1);
        spans.sort_unstable();
        let median = spans[500];
        assert!(median > EXACT.scale(0.99) && median < EXACT.scale(1.01), "median {median}");
    }

    #[test]
    fn the_same_seed_gives_the_same_noise() {
        let jitter = Jitter::LogNormal(0.05);
        assert_eq!(sample(jitter, 7), sample(jitter, 7));
        assert_ne!(sample(jitter, 7), sample(jitter, 8));
    }
}
