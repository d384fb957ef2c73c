//! Which of its targets an arrival asks for.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Zipf};

/// How requests spread over targets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Popularity {
    /// Evenly.
    #[default]
    Uniform,
    /// Target `k`, counted from 1, is asked for in proportion to `1 / k^exponent`: 0 is even, 1 is
    /// what catalogues and function traces are like, 10 is nearly only the first. 0 to 10.
    Zipf(f64),
}

/// Draws targets by a [`Popularity`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// Any of so many.
    Uniform(usize),
    /// By rank; a float, because the distribution is.
    Zipf(Zipf<f64>),
}

impl Choice {
    /// A choice among `count` targets.
    ///
    /// # Panics
    /// If there are none, or an exponent is not from 0 to 10.
    pub(super) fn new(popularity: Popularity, count: usize) -> Self {
        assert!(count > 0, "a stream needs a target");
        match popularity {
            Popularity::Uniform => Self::Uniform(count),
            Popularity::Zipf(exponent) => {
                assert!((0.0..=10.0).contains(&exponent), "Zipf's exponent is {exponent}");
                let count = u32::try_from(count).expect("a plan has at most 2^32 models");
                let ranks = Zipf::new(f64::from(count), exponent);
                Self::Zipf(ranks.expect("one target or more, and an exponent of 0 or more"))
            }
        }
    }

    /// The index of the next target.
    pub(super) fn pick(&self, random: &mut impl Rng) -> usize {
        match self {
            Self::Uniform(count) => random.random_range(0..*count),
            Self::Zipf(ranks) => index(ranks.sample(random)),
        }
    }
}

/// A rank from 1 as an index from 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the distribution draws whole numbers from 1 to a count below 2^32"
)]
fn index(rank: f64) -> usize {
    rank as usize - 1
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn shares(popularity: Popularity, count: usize) -> Vec<u32> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let choice = Choice::new(popularity, count);
        let mut shares = vec![0; count];
        for _ in 0..110_000 {
            shares[choice.pick(&mut random)] += 1;
        }
        shares
    }

    #[test]
    fn zipf_shares_fall_with_the_rank() {
        // 1 + 1/2 + 1/3 is 11/6: of 110,000 draws 60,000, 30,000 and 20,000 are expected.
        let shares = shares(Popularity::Zipf(1.0), 3);
        for (share, expected) in shares.into_iter().zip([60_000, 30_000, 20_000]) {
            assert!(share.abs_diff(expected) < 800, "{share} of {expected}");
        }
    }

    #[test]
    fn zipf_with_exponent_0_is_uniform() {
        for popularity in [Popularity::Uniform, Popularity::Zipf(0.0)] {
            assert!(shares(popularity, 11).iter().all(|share| share.abs_diff(10_000) < 500));
        }
    }

    #[test]
    fn a_single_target_is_always_picked() {
        assert_eq!(shares(Popularity::Zipf(1.2), 1), [110_000]);
    }
}
