//! Functions of one element, written so that a compiler can do many at once.
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

/// `exp(x)` to a relative error of about 1e-7: 0 where it would be smaller than the smallest normal
/// number, at most about 2e38.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let cut = if x > 88.0 { 88.0 } else { x };
    // The nearest whole number of doublings: what is added shifts fractions out.
    let shifted = cut * std::f32::consts::LOG2_E + SHIFT;
    let doublings = shifted - SHIFT;
    let rest = cut - doublings * 0.693_359_4;
    let rest = rest + doublings * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * rest + coefficient;
    }
    let value = sum * rest * rest + rest + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { value * scale }
}

/// The hyperbolic tangent: a polynomial near zero, where its relative error would grow.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut sum = -5.704_989e-3;
    for coefficient in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1] {
        sum = sum * square + coefficient;
    }
    let near = x + x * square * sum;
    let far = 1.0 - 2.0 / (1.0 + exp(2.0 * x));
    if x.abs() < 0.625 { near } else { far }
}

/// The error function, to about 2e-7.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let square = x * x;
    let mut sum = 7.853_861e-5;
    for coefficient in
        [-8.010_194e-4, 5.188_328e-3, -2.685_381_2e-2, 1.128_358_5e-1, -3.761_262_6e-1]
    {
        sum = sum * square + coefficient;
    }
    let near = x * (sum * square + std::f32::consts::FRAC_2_SQRT_PI);
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let mut tail = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        tail = tail * t + coefficient;
    }
    let far = (1.0 - tail * t * exp(-square)).copysign(x);
    if magnitude < 1.0 { near } else { far }
}

/// `x / 2 * (1 + erf(x / sqrt 2))`.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The sum of elements in an order that depends on their number alone: sixteen sums side by side.
#[inline(always)]
pub(super) fn sum(elements: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = elements.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for block in blocks {
        for (sum, &element) in sums.iter_mut().zip(block) {
            *sum += of(element);
        }
    }
    for (sum, &element) in sums.iter_mut().zip(rest) {
        *sum += of(element);
    }
    sums.iter().sum()
}

/// The largest element; NaN does not count.
#[inline(always)]
pub(super) fn largest(elements: &[f32]) -> f32 {
    let (blocks, rest) = elements.as_chunks::<16>();
    let mut maxima = [f32::NEG_INFINITY; 16];
    let larger = |maximum: f32, element: f32| if element > maximum { element } else { maximum };
    for block in blocks {
        for (maximum, &element) in maxima.iter_mut().zip(block) {
            *maximum = larger(*maximum, element);
        }
    }
    maxima.iter().chain(rest).fold(f32::NEG_INFINITY, |maximum, &element| larger(maximum, element))
}

/// The nearest f32.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "that is what is wanted")]
pub(super) fn float(number: usize) -> f32 {
    number as f32
}

/// 1.5 * 2^23: a sum with it has no fraction bits left.
const SHIFT: f32 = 12_582_912.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error of a function beside another, each relative to `1` or to the value.
    fn worst(of: fn(f32) -> f32, exact: fn(f64) -> f64, from: i16, to: i16) -> f64 {
        let error = |step: i16| {
            let x = f32::from(step) / 64.0;
            let exact = exact(f64::from(x));
            (f64::from(of(x)) - exact).abs() / exact.abs().max(1e-3)
        };
        (from..to).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_as_exact_as_f32_allows() {
        assert!(worst(exp, f64::exp, -5000, 5600) < 3e-7);
        assert!(worst(tanh, f64::tanh, -1000, 1000) < 5e-7);
        // The derivative's integral, step by step.
        let mut integral = 0.0_f64;
        let slope = |x: f64| std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp();
        for step in 0..4000_i16 {
            let (x, h) = (f64::from(step) / 1000.0, 1e-3);
            integral += h / 6.0 * (slope(x) + 4.0 * slope(x + h / 2.0) + slope(x + h));
            let at = f32::from(step + 1) / 1000.0;
            assert!((f64::from(erf(at)) - integral).abs() < 4e-7, "{at}");
            assert!((f64::from(erf(-at)) + integral).abs() < 4e-7, "{at}");
        }
    }

    #[test]
    fn extremes_stay_what_they_are() {
        assert_eq!(exp(-1000.0).to_bits(), 0);
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && erf(f32::NAN).is_nan());
        assert!(exp(1000.0) > 1e38 && exp(f32::NEG_INFINITY) == 0.0);
        assert!((tanh(100.0) - 1.0).abs() < 1e-6 && (erf(-9.0) + 1.0).abs() < 1e-6);
        assert!((gelu(-10.0)).abs() < 1e-6 && (gelu(10.0) - 10.0).abs() < 1e-5);
    }

    #[test]
    fn sums_and_maxima_take_every_element_once() {
        for len in 0..70_u8 {
            let elements: Vec<f32> = (0..len).map(f32::from).collect();
            let expected = u16::from(len) * u16::from(len.saturating_sub(1)) / 2;
            assert!((sum(&elements, |x| x) - f32::from(expected)).abs() < 1e-3);
            let last = elements.last().copied().unwrap_or(f32::NEG_INFINITY);
            assert_eq!(largest(&elements).to_bits(), last.to_bits());
        }
    }
}
