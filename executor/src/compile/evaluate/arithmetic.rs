//! Functions of single elements.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::artifact::Combination;
use crate::compile::graph::Unary;
use crate::compile::tensor::{Elements, Tensor};
use crate::compile::view::Refusal;

/// A function of each element; none if only a device computes it.
pub(super) fn unary(function: Unary, tensor: &Tensor) -> Result<Option<Tensor>, Refusal> {
    let dims = tensor.dims.clone();
    Ok(match &tensor.elements {
        Elements::Floats(values) => {
            let values = values.iter().map(|&value| float(function, value));
            Some(if matches!(function, Unary::Not | Unary::NotZero) {
                Tensor::from_integers(dims, values.map(|value| i64::from(value != 0.0)).collect())
            } else {
                Tensor::from_floats(dims, values.collect())
            })
        }
        Elements::Integers(values) => {
            let values = values.iter().map(|&value| integer(function, value));
            let values = values.collect::<Option<_>>();
            let unknown = || format!("{function:?} of integers; supported: of floats");
            Some(Tensor::from_integers(dims, values.ok_or_else(unknown)?))
        }
    })
}

fn float(function: Unary, x: f32) -> f32 {
    let truth = |truth: bool| f32::from(u8::from(truth));
    match function {
        Unary::Abs => x.abs(),
        Unary::Ceil => x.ceil(),
        Unary::Clip { min, max } => x.max(min).min(max),
        Unary::Cosine => x.cos(),
        Unary::Elu { alpha } => {
            if x < 0.0 {
                alpha * x.exp_m1()
            } else {
                x
            }
        }
        Unary::Erf => erf(x),
        Unary::Exp => x.exp(),
        Unary::Floor => x.floor(),
        Unary::Gelu => 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2)),
        Unary::GeluTanh => {
            let inner = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh())
        }
        Unary::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
        Unary::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Unary::LeakyRelu { slope } => {
            if x < 0.0 {
                slope * x
            } else {
                x
            }
        }
        Unary::Logarithm => x.ln(),
        Unary::Negative => -x,
        Unary::Not => truth(x == 0.0),
        Unary::NotZero => truth(x != 0.0),
        Unary::Reciprocal => x.recip(),
        Unary::Relu => x.max(0.0),
        Unary::Round => x.round_ties_even(),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Sign => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Unary::Silu => x / (1.0 + (-x).exp()),
        Unary::Sine => x.sin(),
        Unary::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Tanh => x.tanh(),
    }
}

/// The error function, to about 1e-7: the series where it is short, else a continued fraction of
/// its complement.
fn erf(x: f32) -> f32 {
    let (x, magnitude) = (f64::from(x), f64::from(x).abs());
    let two_by_root_pi = std::f64::consts::FRAC_2_SQRT_PI;
    let value = if magnitude < 2.5 {
        let (mut term, mut sum) = (magnitude, magnitude);
        for n in 1..40 {
            let n = f64::from(n);
            term *= -magnitude * magnitude / n;
            sum += term / (2.0 * n + 1.0);
        }
        two_by_root_pi * sum
    } else {
        let fraction = (1..40).rev().fold(0.0, |tail, n| f64::from(n) / 2.0 / (magnitude + tail));
        1.0 - two_by_root_pi / 2.0 * (-magnitude * magnitude).exp() / (magnitude + fraction)
    };
    crate::compile::number::narrow(value.copysign(x))
}

fn integer(function: Unary, x: i64) -> Option<i64> {
    Some(match function {
        Unary::Abs => x.checked_abs()?,
        Unary::Negative => x.checked_neg()?,
        Unary::Not => i64::from(x == 0),
        Unary::NotZero => i64::from(x != 0),
        Unary::Relu => x.max(0),
        Unary::Sign => x.signum(),
        Unary::Ceil | Unary::Floor | Unary::Round => x,
        Unary::Clip { .. }
        | Unary::Cosine
        | Unary::Elu { .. }
        | Unary::Erf
        | Unary::Exp
        | Unary::Gelu
        | Unary::GeluTanh
        | Unary::HardSigmoid { .. }
        | Unary::HardSwish
        | Unary::LeakyRelu { .. }
        | Unary::Logarithm
        | Unary::Reciprocal
        | Unary::Sigmoid
        | Unary::Silu
        | Unary::Sine
        | Unary::Softplus
        | Unary::Sqrt
        | Unary::Tanh => return None,
    })
}

/// A function of two floats; comparisons give 1 or 0.
#[expect(clippy::float_cmp, reason = "the operator asks for equality")]
pub(super) fn floats(kind: Combination, a: f32, b: f32) -> f32 {
    let truth = |truth: bool| f32::from(u8::from(truth));
    match kind {
        Combination::Add => a + b,
        Combination::And => truth(a != 0.0 && b != 0.0),
        Combination::Divide => a / b,
        Combination::Equal => truth(a == b),
        Combination::Greater => truth(a > b),
        Combination::GreaterOrEqual => truth(a >= b),
        Combination::Less => truth(a < b),
        Combination::LessOrEqual => truth(a <= b),
        Combination::Max => a.max(b),
        Combination::Min => a.min(b),
        Combination::Multiply => a * b,
        Combination::Or => truth(a != 0.0 || b != 0.0),
        Combination::Power => a.powf(b),
        Combination::Slope => {
            if a < 0.0 {
                a * b
            } else {
                a
            }
        }
        Combination::Subtract => a - b,
    }
}

/// The elements of a result: those of a comparison are integers.
pub(super) fn typed(kind: Combination, values: Vec<f32>) -> Elements {
    match kind {
        Combination::And
        | Combination::Equal
        | Combination::Greater
        | Combination::GreaterOrEqual
        | Combination::Less
        | Combination::LessOrEqual
        | Combination::Or => {
            Elements::Integers(values.iter().map(|&v| i64::from(v != 0.0)).collect())
        }
        Combination::Add
        | Combination::Divide
        | Combination::Max
        | Combination::Min
        | Combination::Multiply
        | Combination::Power
        | Combination::Slope
        | Combination::Subtract => Elements::Floats(values),
    }
}

/// A function of two integers; none if the result is none.
pub(super) fn integers(kind: Combination, a: i64, b: i64) -> Option<i64> {
    match kind {
        Combination::Add => a.checked_add(b),
        Combination::And => Some(i64::from(a != 0 && b != 0)),
        Combination::Divide => a.checked_div(b),
        Combination::Equal => Some(i64::from(a == b)),
        Combination::Greater => Some(i64::from(a > b)),
        Combination::GreaterOrEqual => Some(i64::from(a >= b)),
        Combination::Less => Some(i64::from(a < b)),
        Combination::LessOrEqual => Some(i64::from(a <= b)),
        Combination::Max => Some(a.max(b)),
        Combination::Min => Some(a.min(b)),
        Combination::Multiply => a.checked_mul(b),
        Combination::Or => Some(i64::from(a != 0 || b != 0)),
        Combination::Power => a.checked_pow(u32::try_from(b).ok()?),
        Combination::Slope => None,
        Combination::Subtract => a.checked_sub(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        let table = [
            (0.0, 0.0),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (2.0, 0.995_322_3),
            (2.49, 0.999_570_7),
            (2.6, 0.999_764),
            (4.0, 1.0),
        ];
        for (x, expected) in table {
            assert!((erf(x) - expected).abs() < 2e-7, "{x}: {}", erf(x));
            assert!((erf(-x) + expected).abs() < 2e-7, "{x}");
        }
    }
}
