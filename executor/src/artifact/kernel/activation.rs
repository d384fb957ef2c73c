//! What happens to each element before it is written.

use serde::{Deserialize, Serialize};

/// What happens to each element before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// Negative values become zero.
    Relu,
    /// What is outside of a range becomes its nearest end.
    Clip {
        /// The range's begin; finite.
        low: f32,
        /// The range's end; finite.
        high: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x * sigmoid(x)`.
    Silu,
    /// `slope * x + offset` between 0 and 1.
    HardSigmoid {
        /// The slope; finite.
        slope: f32,
        /// The value at zero; finite.
        offset: f32,
    },
    /// `x` times (`x / 6 + 1 / 2` between 0 and 1).
    HardSwish,
}

impl Activation {
    /// The range that it cuts values to, if that is all that it does.
    pub const fn bounds(self) -> Option<(f32, f32)> {
        match self {
            Self::None => Some((f32::NEG_INFINITY, f32::INFINITY)),
            Self::Relu => Some((0.0, f32::INFINITY)),
            Self::Clip { low, high } => Some((low, high)),
            Self::Sigmoid | Self::Silu | Self::HardSigmoid { .. } | Self::HardSwish => None,
        }
    }

    /// Itself if its parameters are finite.
    pub(super) fn valid(self) -> Option<Self> {
        let finite = match self {
            Self::Clip { low, high } => low.is_finite() && high.is_finite(),
            Self::HardSigmoid { slope, offset } => slope.is_finite() && offset.is_finite(),
            Self::None | Self::Relu | Self::Sigmoid | Self::Silu | Self::HardSwish => true,
        };
        finite.then_some(self)
    }
}
