//! The kernels that a plan is made of, and which elements each one reads and writes.
//!
//! An *image* lies channels last: all channels of a pixel side by side, pixels in the order image,
//! row, column. From one pixel to the next it is `pitch` elements, at least as many as there are
//! channels, so that an image can be a slice of the channels of a wider one. Every other tensor is
//! *plain*: row-major, in the order that the model gives its dimensions.

mod activation;
mod area;
mod batched;
mod convolution;
mod function;
mod matrix;
mod movement;
mod pointwise;
mod pool;
mod range;
mod resize;
mod strided;
mod table;
mod window;
mod winograd;

use serde::{Deserialize, Serialize};

use super::Target;

pub use activation::Activation;
pub use area::{Area, Lengths, READS};
pub use batched::{Matmul, Walk};
pub use convolution::{Convolution, Depthwise};
pub use function::{Combination, Elementwise, Function};
pub use matrix::{BLOCK, Linear, PANEL, panels};
pub use movement::Transfer;
pub use pointwise::{Map, Pair, Rows};
pub use pool::{Pool, Reduction};
pub use range::{Affine, Gather, Normalize, Ranges, Reduce, Shares, Summary};
pub use resize::{Resize, Sample};
pub use strided::{Border, Broadcast, DIMENSIONS, Grid, Select, Strided};
pub use table::{Embedding, Integers, Lookup};
pub use window::Sliding;
pub use winograd::Winograd;

/// One kernel with every shape that it needs; nothing is left to choose when it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kernel", rename_all = "snake_case")]
pub enum Kernel {
    /// Reads an image, weights, bias and perhaps an image that is added to the result.
    Convolution(Convolution),
    /// Reads what a convolution reads.
    Winograd(Winograd),
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
    /// Reads the input.
    Elementwise(Elementwise),
    /// Reads two tensors.
    Broadcast(Broadcast),
    /// Reads a condition and two tensors.
    Select(Select),
    /// Reads the input.
    Strided(Strided),
    /// Reads the input.
    Border(Border),
    /// Reads the input.
    Gather(Gather),
    /// Reads a table and indices.
    Lookup(Lookup),
    /// Reads integers of io memory.
    Integers(Integers),
    /// Reads integers of io memory and a table.
    Embedding(Embedding),
    /// Reads the input.
    Reduce(Reduce),
    /// Reads the input.
    Shares(Shares),
    /// Reads the input, and perhaps a factor and a summand per column.
    Normalize(Normalize),
    /// Reads the input, a factor and a summand per column.
    Affine(Affine),
    /// Reads an image.
    Resize(Resize),
    /// Reads two tensors.
    Matmul(Matmul),
    /// Brings planes of channels into an image.
    ToPixels(Transfer),
    /// Takes the channels of an image apart into planes.
    ToPlanes(Transfer),
}

impl Kernel {
    /// Which elements it reads and writes on this target; `None` if its shapes contradict each other or are beyond
    /// any memory.
    pub fn lengths(&self, target: Target) -> Option<Lengths> {
        let lengths = match self {
            Self::Convolution(convolution) => convolution.lengths(target),
            Self::Winograd(winograd) => winograd.lengths().filter(|_| target == Target::Cpu),
            Self::Depthwise(depthwise) => depthwise.lengths(),
            Self::Pool(pool) => pool.lengths(),
            Self::Linear(linear) => linear.lengths(target),
            Self::Add(pair) => pair.lengths(),
            Self::Map(map) => map.lengths(),
            Self::Softmax(rows) => rows.lengths(),
            Self::Elementwise(shape) => shape.lengths(),
            Self::Broadcast(shape) => shape.lengths(),
            Self::Select(shape) => shape.lengths(),
            Self::Strided(shape) => shape.lengths(),
            Self::Border(shape) => shape.lengths(),
            Self::Gather(shape) => shape.lengths(),
            Self::Lookup(shape) => shape.lengths(),
            Self::Integers(shape) => shape.lengths(),
            Self::Embedding(shape) => shape.lengths(),
            Self::Reduce(shape) => shape.lengths(),
            Self::Shares(shape) => shape.lengths(),
            Self::Normalize(shape) => shape.lengths(),
            Self::Affine(shape) => shape.lengths(),
            Self::Resize(shape) => shape.lengths(),
            Self::Matmul(shape) => shape.lengths(),
            Self::ToPixels(transfer) => transfer.to_pixels(),
            Self::ToPlanes(transfer) => transfer.to_planes(),
        };
        lengths.map(|lengths| match target {
            Target::Cpu => lengths,
            Target::Cuda(_) => Lengths { scratch: 0, ..lengths },
        })
    }

    /// Multiplications and additions of its definition, however it is computed; those of anything but
    /// sums of products do not count.
    pub fn operations(&self) -> u64 {
        let products = if let Self::Convolution(shape) = self {
            shape.products()
        } else if let Self::Winograd(shape) = self {
            shape.products()
        } else if let Self::Depthwise(shape) = self {
            shape.products()
        } else if let Self::Linear(shape) = self {
            shape.products()
        } else if let Self::Matmul(shape) = self {
            shape.products()
        } else {
            0
        };
        2 * u64::try_from(products).unwrap_or(u64::MAX / 2)
    }

    /// Whether it only moves data, so that it may touch io memory.
    pub const fn moves(&self) -> bool {
        matches!(
            self,
            Self::Map(Map { activation: Activation::None, .. })
                | Self::Strided(_)
                | Self::Integers(_)
                | Self::Embedding(_)
                | Self::ToPixels(_)
                | Self::ToPlanes(_)
        )
    }
}
