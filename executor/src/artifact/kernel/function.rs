//! Functions of single elements.

use serde::{Deserialize, Serialize};

use super::area::{Area, Lengths};

/// A function of one element.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// The magnitude.
    Abs,
    /// The nearest whole number that is not below.
    Ceil,
    /// The cosine.
    Cosine,
    /// `alpha * (exp(x) - 1)` below zero.
    Elu {
        /// The limit's negative; finite.
        alpha: f32,
    },
    /// The error function.
    Erf,
    /// The exponential function.
    Exp,
    /// The nearest whole number that is not above.
    Floor,
    /// `x / 2 * (1 + erf(x / sqrt 2))`.
    Gelu,
    /// The same with a hyperbolic tangent in place of the error function.
    GeluTanh,
    /// Negative elements are multiplied.
    LeakyRelu {
        /// The factor; finite.
        slope: f32,
    },
    /// The natural logarithm.
    Logarithm,
    /// The element with the other sign.
    Negative,
    /// 1 for zero, else 0.
    Not,
    /// 0 for zero, else 1.
    NotZero,
    /// `1 / x`.
    Reciprocal,
    /// The nearest whole number, the even one of two.
    Round,
    /// -1, 0 or 1.
    Sign,
    /// The sine.
    Sine,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// The square root.
    Sqrt,
    /// The hyperbolic tangent.
    Tanh,
}

/// A function of two elements; comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combination {
    /// The sum.
    Add,
    /// Neither is zero.
    And,
    /// The quotient.
    Divide,
    /// They are equal.
    Equal,
    /// The first is larger.
    Greater,
    /// The first is not smaller.
    GreaterOrEqual,
    /// The first is smaller.
    Less,
    /// The first is not larger.
    LessOrEqual,
    /// The larger one.
    Max,
    /// The smaller one.
    Min,
    /// The product.
    Multiply,
    /// One of them is not zero.
    Or,
    /// The first to the power of the second.
    Power,
    /// The first one; times the second if it is negative.
    Slope,
    /// The difference.
    Subtract,
}

impl Combination {
    /// Whether the result is a truth value.
    pub const fn is_comparison(self) -> bool {
        match self {
            Self::And
            | Self::Equal
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Or => true,
            Self::Add
            | Self::Divide
            | Self::Max
            | Self::Min
            | Self::Multiply
            | Self::Power
            | Self::Slope
            | Self::Subtract => false,
        }
    }
}

/// A function of the elements of a tensor: rows of `width` elements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elementwise {
    /// What is done.
    pub function: Function,
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Elements from one row to the next: of the input, of the result.
    pub pitches: [usize; 2],
}

impl Elementwise {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let finite = match self.function {
            Function::Elu { alpha: number } | Function::LeakyRelu { slope: number } => {
                number.is_finite()
            }
            Function::Abs
            | Function::Ceil
            | Function::Cosine
            | Function::Erf
            | Function::Exp
            | Function::Floor
            | Function::Gelu
            | Function::GeluTanh
            | Function::Logarithm
            | Function::Negative
            | Function::Not
            | Function::NotZero
            | Function::Reciprocal
            | Function::Round
            | Function::Sign
            | Function::Sine
            | Function::Softplus
            | Function::Sqrt
            | Function::Tanh => true,
        };
        let area = |pitch: usize| Area::new(self.rows, self.width, pitch);
        let [read, write] = self.pitches;
        Some(Lengths::of([area(read)?], area(write)?)).filter(|_| finite)
    }
}
