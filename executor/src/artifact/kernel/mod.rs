//! The kernels that a plan is made of, and which elements each one reads and writes.
//!
//! An *image* lies channels last: all channels of a pixel side by side, pixels in the order image,
//! row, column. From one pixel to the next it is `pitch` elements, at least as many as there are
//! channels, so that an image can be a slice of the channels of a wider one. Every other tensor is
//! *plain*: row-major, in the order that the model gives its dimensions.

mod activation;
mod area;
mod convolution;
mod matrix;
mod movement;
mod pointwise;
mod pool;
mod window;

use serde::{Deserialize, Serialize};

pub use activation::Activation;
pub use area::{Area, Lengths, READS};
pub use convolution::{Convolution, Depthwise};
pub use matrix::{BLOCK, Linear, PANEL, panels};
pub use movement::Transfer;
pub use pointwise::{Map, Pair, Rows};
pub use pool::{Pool, Reduction};
pub use window::Sliding;

/// One kernel with every shape that it needs; nothing is left to choose when it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kernel", rename_all = "snake_case")]
pub enum Kernel {
    /// Reads an image, weights, bias and perhaps an image that is added to the result.
    Convolution(Convolution),
    /// Reads an image, weights and bias.
    Depthwise(Depthwise),
    /// Reads an image.
    Pool(Pool),
    /// Reads the input, weights and bias.
    Linear(Linear),
    /// Adds two tensors.
    Add(Pair),
    /// Copies a tensor, perhaps through an activation.
    Map(Map),
    /// Reads the input.
    Softmax(Rows),
    /// Brings planes of channels into an image.
    ToPixels(Transfer),
    /// Takes the channels of an image apart into planes.
    ToPlanes(Transfer),
}

impl Kernel {
    /// Which elements it reads and writes; `None` if its shapes contradict each other or are beyond
    /// any memory.
    pub fn lengths(&self) -> Option<Lengths> {
        match self {
            Self::Convolution(convolution) => convolution.lengths(),
            Self::Depthwise(depthwise) => depthwise.lengths(),
            Self::Pool(pool) => pool.lengths(),
            Self::Linear(linear) => linear.lengths(),
            Self::Add(pair) => pair.lengths(),
            Self::Map(map) => map.lengths(),
            Self::Softmax(rows) => rows.lengths(),
            Self::ToPixels(transfer) => transfer.to_pixels(),
            Self::ToPlanes(transfer) => transfer.to_planes(),
        }
    }

    /// Whether it only moves data, so that it may touch io memory.
    pub const fn moves(&self) -> bool {
        matches!(
            self,
            Self::Map(Map { activation: Activation::None, .. })
                | Self::ToPixels(_)
                | Self::ToPlanes(_)
        )
    }
}
