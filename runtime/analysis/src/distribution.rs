//! How values spread: their quantiles, in memory that does not grow with their number.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::number::{float, float_wide, index};

/// A distribution of durations in nanoseconds.
///
/// Number, mean, smallest and largest value are exact. Quantiles are within 0.1 % of the exact ones;
/// between two values they are interpolated linearly, as numpy and pandas do. It takes at most
/// half a megabyte, and less while all values are small.
#[derive(Clone, Debug)]
pub struct Distribution {
    histogram: Histogram<u64>,
    sum: u128,
    min: u64,
    max: u64,
}

impl Distribution {
    /// A distribution of nothing.
    ///
    /// # Panics
    /// Never: the precision is one that histograms have.
    pub fn new() -> Self {
        let histogram = Histogram::new(DIGITS).expect("histograms have three digits");
        Self { histogram, sum: 0, min: u64::MAX, max: 0 }
    }

    /// Takes in a value. What is beyond 146 years counts as that.
    ///
    /// # Panics
    /// If there is no memory for a wider histogram.
    pub fn record(&mut self, ns: u64) {
        let ns = ns.min(LONGEST);
        self.histogram.record(ns).expect("a histogram grows with its values");
        self.sum += u128::from(ns);
        self.min = self.min.min(ns);
        self.max = self.max.max(ns);
    }

    /// Takes in a value so many times.
    ///
    /// # Panics
    /// As [`record`](Self::record).
    pub fn record_many(&mut self, ns: u64, times: u64) {
        if times == 0 {
            return;
        }
        let ns = ns.min(LONGEST);
        self.histogram.record_n(ns, times).expect("a histogram grows with its values");
        self.sum += u128::from(ns) * u128::from(times);
        self.min = self.min.min(ns);
        self.max = self.max.max(ns);
    }

    /// The values of both.
    ///
    /// # Panics
    /// As [`record`](Self::record).
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.histogram.add(&other.histogram).expect("a histogram grows with its values");
        both.sum += other.sum;
        both.min = both.min.min(other.min);
        both.max = both.max.max(other.max);
        both
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The mean; 0 without values.
    pub fn mean(&self) -> f64 {
        if self.count() == 0 { 0.0 } else { float_wide(self.sum) / float(self.count()) }
    }

    /// The largest value; 0 without values.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that `fraction` (0 to 1) of the values stay within; 0 without values.
    pub fn quantile(&self, fraction: f64) -> f64 {
        self.quantiles(&[fraction])[0]
    }

    /// Several quantiles at once, in one pass over the histogram; all 0 without values.
    pub fn quantiles(&self, fractions: &[f64]) -> Vec<f64> {
        let Some(last) = self.count().checked_sub(1) else {
            return vec![0.0; fractions.len()];
        };
        let places: Vec<Place> = fractions.iter().map(|&q| Place::of(q, last)).collect();
        let values = self.values_at(places.iter().flat_map(|place| [place.below, place.above]));
        let value = |rank: u64| float(values[&rank]);
        let between = |place: &Place| {
            let (below, above) = (value(place.below), value(place.above));
            below + (above - below) * place.part
        };
        places.iter().map(between).collect()
    }

    /// The tail: [`TAIL_POINTS`] quantiles 1 − 10^−x with x evenly spaced from 0 to the largest
    /// that the number of values supports.
    pub fn tail(&self) -> Vec<TailPoint> {
        if self.count() == 0 {
            return Vec::new();
        }
        let end = float(self.count()).log10().max(1.0);
        let xs = (0..TAIL_POINTS).map(|i| end * f64::from(i) / f64::from(TAIL_POINTS - 1));
        let quantiles: Vec<f64> = xs.map(|x| 1.0 - 10_f64.powf(-x)).collect();
        let values = self.quantiles(&quantiles);
        let point = |(&quantile, ns): (&f64, f64)| TailPoint { quantile, ms: ns / 1e6 };
        quantiles.iter().zip(values).map(point).collect()
    }

    /// What there is to say of it, in milliseconds.
    pub fn quantiles_ms(&self) -> Quantiles {
        let at = self.quantiles(&[0.5, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999]);
        let ms = |ns: f64| ns / 1e6;
        let min = if self.count() == 0 { 0 } else { self.min };
        Quantiles {
            count: self.count(),
            min: ms(float(min)),
            mean: ms(self.mean()),
            p50: ms(at[0]),
            p90: ms(at[1]),
            p95: ms(at[2]),
            p99: ms(at[3]),
            p995: ms(at[4]),
            p999: ms(at[5]),
            p9999: ms(at[6]),
            max: ms(float(self.max)),
        }
    }

    /// Median, p99, p99.9 and maximum, in milliseconds.
    pub fn spread_ms(&self) -> Spread {
        let at = self.quantiles(&[0.5, 0.99, 0.999]);
        let [p50, p99, p999] = [at[0], at[1], at[2]].map(|ns| ns / 1e6);
        Spread { p50, p99, p999, max: float(self.max) / 1e6 }
    }

    /// The values at these ranks, counted from 0 in rising order of value.
    fn values_at(&self, ranks: impl Iterator<Item = u64>) -> BTreeMap<u64, u64> {
        let mut values: BTreeMap<u64, u64> = ranks.map(|rank| (rank, 0)).collect();
        let mut wanted = values.iter_mut().peekable();
        let mut passed = 0;
        for step in self.histogram.iter_recorded() {
            passed += step.count_since_last_iteration();
            let value = self.histogram.median_equivalent(step.value_iterated_to());
            while let Some((_, slot)) = wanted.next_if(|(rank, _)| **rank < passed) {
                *slot = value.clamp(self.min, self.max);
            }
        }
        let last = self.count().saturating_sub(1);
        let ends = [(0, self.min), (last, self.max)];
        for (rank, exact) in ends {
            values.entry(rank).and_modify(|value| *value = exact);
        }
        values
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a quantile lies between two ranks.
struct Place {
    below: u64,
    above: u64,
    /// How far from `below` to `above`, 0 to 1.
    part: f64,
}

impl Place {
    fn of(fraction: f64, last: u64) -> Self {
        let at = fraction.clamp(0.0, 1.0) * float(last);
        let below = index(at.floor()).min(last);
        Self { below, above: (below + 1).min(last), part: at - at.floor() }
    }
}

/// What there is to say of a distribution of durations, in milliseconds; all 0 without values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quantiles {
    /// Number of values.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// 90 % stay within.
    pub p90: f64,
    /// 95 % stay within.
    pub p95: f64,
    /// 99 % stay within.
    pub p99: f64,
    /// 99.5 % stay within.
    pub p995: f64,
    /// 99.9 % stay within.
    pub p999: f64,
    /// 99.99 % stay within.
    pub p9999: f64,
    /// The largest.
    pub max: f64,
}

/// A distribution in four numbers, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// 99 % stay within.
    pub p99: f64,
    /// 99.9 % stay within.
    pub p999: f64,
    /// The largest.
    pub max: f64,
}

/// A point of a tail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TailPoint {
    /// The part of the values, 0 to 1, ...
    pub quantile: f64,
    /// ... that stay within this, in milliseconds.
    pub ms: f64,
}

/// Points of a tail.
pub const TAIL_POINTS: u32 = 1_000;

/// Significant digits of a histogram.
const DIGITS: u8 = 3;

/// The longest duration that is told apart.
const LONGEST: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Distribution {
        let mut distribution = Distribution::new();
        for &value in values {
            distribution.record(value);
        }
        distribution
    }

    /// numpy's definition, on all values.
    fn exact(values: &[u64], fraction: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let place = Place::of(fraction, u64::try_from(sorted.len() - 1).unwrap());
        let at = |rank: u64| float(sorted[usize::try_from(rank).unwrap()]);
        at(place.below) + (at(place.above) - at(place.below)) * place.part
    }

    #[test]
    fn small_values_have_exact_quantiles_that_are_interpolated() {
        let four = of(&[10, 40, 20, 30]);
        assert_eq!(four.quantiles(&[0.0, 0.5, 0.9, 1.0]), [10.0, 25.0, 37.0, 40.0]);
        assert_eq!((four.count(), four.mean(), four.max()), (4, 25.0, 40));
    }

    #[test]
    fn two_distributions_together_are_that_of_all_values() {
        let mut many = of(&[10]);
        many.record_many(40, 2);
        many.record_many(7, 0);
        let both = many.with(&of(&[1 << 40, 3]));
        let all = of(&[10, 40, 40, 1 << 40, 3]);
        assert_eq!(both.quantiles_ms(), all.quantiles_ms());
        assert_eq!(of(&[]).with(&all).quantiles_ms(), all.quantiles_ms());
        assert_eq!(all.with(&of(&[])).quantiles_ms(), all.quantiles_ms());
    }

    #[test]
    fn nothing_is_zero_everywhere() {
        let nothing = Distribution::new();
        assert_eq!(nothing.quantiles_ms(), Quantiles::default());
        assert_eq!(nothing.spread_ms(), Spread::default());
        assert!(nothing.tail().is_empty());
    }

    #[test]
    fn a_tail_goes_as_far_as_the_values_do() {
        let values: Vec<u64> = (1..=1_000).map(|ms| ms * 1_000_000).collect();
        let tail = of(&values).tail();
        assert_eq!(tail.len(), 1_000);
        assert_eq!(tail[0], TailPoint { quantile: 0.0, ms: 1.0 });
        assert!((tail[999].quantile - 0.999).abs() < 1e-12);
        assert!((tail[999].ms - 999.0).abs() < 1.0, "{:?}", tail[999]);
        assert!(tail.is_sorted_by_key(|point| point.ms));
    }

    #[test]
    fn the_longest_durations_are_taken() {
        let long = of(&[u64::MAX, 0]);
        assert_eq!((long.count(), long.max()), (2, LONGEST));
        assert!(long.quantile(1.0) >= float(LONGEST) * 0.999);
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_all_values_within_a_thousandth(
            values in prop::collection::vec(0_u64..1 << 40, 1..300),
            fraction in 0.0..=1.0,
        ) {
            let (got, wanted) = (of(&values).quantile(fraction), exact(&values, fraction));
            prop_assert!((got - wanted).abs() <= wanted * 1e-3 + 1.0, "{} and {}", got, wanted);
        }
    }
}
