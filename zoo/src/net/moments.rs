//! How large the elements of a value will be: their mean and variance, carried from operator to
//! operator as if they were normally distributed. Weights are scaled by it (He's rule, with the
//! value's own power in place of the half that a ReLU leaves), so that activations stay near 1 through
//! any depth although nothing has been trained.

/// Mean and variance of a value's elements over channels, places and inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Moments {
    /// Mean 0 and variance 1.
    pub(crate) const NORMAL: Self = Self { mean: 0.0, variance: 1.0 };

    /// The mean of the squares.
    pub(crate) fn power(self) -> f64 {
        self.mean * self.mean + self.variance
    }

    /// After a function of each element.
    pub(crate) fn through(self, function: impl Fn(f64) -> f64) -> Self {
        let deviation = self.variance.sqrt();
        let mut sums = [0.0; 3];
        for step in 0..STEPS {
            let z = RANGE * ((2.0 * f64::from(step) + 1.0) / f64::from(STEPS) - 1.0);
            let weight = (-z * z / 2.0).exp();
            let value = function(self.mean + deviation * z);
            sums = [sums[0] + weight, sums[1] + weight * value, sums[2] + weight * value * value];
        }
        let [total, first, second] = sums;
        Self::of(first / total, second / total)
    }

    /// The sum of two values.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { mean: self.mean + other.mean, variance: self.variance + other.variance }
    }

    /// The product of two values.
    pub(crate) fn times(self, other: Self) -> Self {
        Self::of(self.mean * other.mean, self.power() * other.power())
    }

    /// Multiplied by a constant.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self { mean: self.mean * factor, variance: self.variance * factor * factor }
    }

    /// The greatest of a few neighbours, which are alike: it lies above the mean and varies less.
    pub(crate) fn greatest(self) -> Self {
        Self { mean: self.mean + 0.9 * self.variance.sqrt(), variance: 0.6 * self.variance }
    }

    /// The average of neighbours, which are alike: what is left of the variance when it is taken over
    /// few or over all of an image.
    pub(crate) fn averaged(self, left: f64) -> Self {
        Self { variance: self.variance * left, ..self }
    }

    /// Several values one behind the other, each with its share of the elements.
    pub(crate) fn joined(parts: &[(f64, Self)]) -> Self {
        let total: f64 = parts.iter().map(|(share, _)| share).sum();
        let mean = parts.iter().map(|(share, part)| share * part.mean).sum::<f64>() / total;
        let power = parts.iter().map(|(share, part)| share * part.power()).sum::<f64>() / total;
        Self::of(mean, power)
    }

    fn of(mean: f64, power: f64) -> Self {
        Self { mean, variance: (power - mean * mean).max(f64::MIN_POSITIVE) }
    }
}

/// Points of the integration over the normal distribution, and how far it goes to either side.
const STEPS: u32 = 128;
const RANGE: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relu_leaves_half_of_the_power_of_what_is_centred_and_all_of_what_is_far_above_zero() {
        let half = Moments::NORMAL.through(|x| x.max(0.0));
        assert!((half.power() - 0.5).abs() < 1e-3, "{half:?}");
        assert!((half.mean - 0.399).abs() < 1e-3, "{half:?}");
        let above = Moments { mean: 6.0, variance: 1.0 };
        let kept = above.through(|x| x.max(0.0));
        assert!((kept.power() - above.power()).abs() < 1e-2, "{kept:?}");
    }

    #[test]
    fn sums_products_and_joints_follow_the_textbook() {
        let a = Moments { mean: 1.0, variance: 2.0 };
        let b = Moments { mean: 3.0, variance: 4.0 };
        assert_eq!(a.plus(b), Moments { mean: 4.0, variance: 6.0 });
        assert_eq!(a.times(b), Moments { mean: 3.0, variance: 30.0 });
        assert_eq!(Moments::joined(&[(1.0, a), (1.0, b)]), Moments { mean: 2.0, variance: 4.0 });
    }
}
