//! Convolutions with windows of 3 x 3, in fewer multiplications.

use serde::{Deserialize, Serialize};

use super::Activation;
use super::area::{Area, Lengths, product};
use super::matrix::BLOCK;

/// Convolution of images with a window of 3 x 3 at every pixel, computed by Winograd's method: the
/// output is cut into tiles, the inputs of a tile are transformed, multiplied position by position,
/// and the products are transformed back.
///
/// Weights are transformed when a model is compiled: for each of the `(tile + 2)^2` positions the
/// panels (see [`panels`](super::panels)) of a matrix `channels_in x channels_out`. Biases are padded
/// to a multiple of [`BLOCK`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Winograd {
    /// Images in the batch.
    pub images: usize,
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// Pitch of the input.
    pub pitch_in: usize,
    /// Pitch of the output.
    pub pitch_out: usize,
    /// Pitch of the image that is added before the activation, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<usize>,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Padding before the image, 0 or 1.
    pub begin: [usize; 2],
    /// Height and width of the output: at most 2 more than the input has.
    pub output: [usize; 2],
    /// Edge of a tile of output pixels: 2 or 4.
    pub tile: usize,
    /// Applied to the sum.
    pub activation: Activation,
}

impl Winograd {
    /// Tiles down and across.
    pub const fn grid(&self) -> [usize; 2] {
        [self.output[0].div_ceil(self.tile), self.output[1].div_ceil(self.tile)]
    }

    /// Products per channel of a tile.
    pub const fn positions(&self) -> usize {
        (self.tile + 2) * (self.tile + 2)
    }

    /// Tiles of all images.
    pub const fn tiles(&self) -> usize {
        let [high, wide] = self.grid();
        self.images * high * wide
    }

    /// Tiles that are computed together: as many as keep their inputs and products in a cache.
    pub const fn together(&self) -> usize {
        let each = self.positions() * (self.channels_in + self.padded());
        let most = match TOGETHER / each {
            0..24 => 24,
            most => most,
        };
        let tiles = self.tiles();
        tiles.div_ceil(tiles.div_ceil(most))
    }

    /// Zeros that the scratch area begins with: for padding and for sums to begin with.
    pub const fn zeros(&self) -> usize {
        if self.padded() > self.channels_in { self.padded() } else { self.channels_in }
    }

    /// Columns of the weights.
    pub const fn padded(&self) -> usize {
        self.channels_out.next_multiple_of(BLOCK)
    }

    /// Products that the definition sums up, those with padding included.
    pub(super) fn products(&self) -> usize {
        let pixels = self.images.saturating_mul(self.output[0]).saturating_mul(self.output[1]);
        pixels.saturating_mul(9 * self.channels_in).saturating_mul(self.channels_out)
    }

    pub(super) fn lengths(&self) -> Option<Lengths> {
        self.activation.valid()?;
        let columns = self.channels_out.checked_next_multiple_of(BLOCK)?;
        for axis in 0..2 {
            let most = self.input[axis].checked_add(2)?;
            if self.begin[axis] > 1 || self.output[axis] > most {
                return None;
            }
        }
        if self.tile != 2 && self.tile != 4 {
            return None;
        }
        let inputs = product(&[self.images, self.input[0], self.input[1]])?;
        let outputs = product(&[self.images, self.output[0], self.output[1]])?;
        product(&[self.tiles(), self.positions(), self.channels_in])?;
        product(&[self.tiles(), self.positions(), columns])?;
        let mut lengths = Lengths::of(
            [
                Area::new(inputs, self.channels_in, self.pitch_in)?,
                Area::dense(&[self.positions(), self.channels_in, columns])?,
                Area::dense(&[columns])?,
            ],
            Area::new(outputs, self.channels_out, self.pitch_out)?,
        );
        if let Some(pitch) = self.residual {
            lengths.reads[3] = Some(Area::new(outputs, self.channels_out, pitch)?);
        }
        // Transformed inputs, products, and the zeros that sums begin with.
        let each = self.positions() * (self.channels_in + columns);
        lengths.scratch = product(&[self.together(), each])? + self.zeros();
        Some(lengths)
    }
}

/// Elements of inputs and products that are computed together.
const TOGETHER: usize = 512 * 1024;
