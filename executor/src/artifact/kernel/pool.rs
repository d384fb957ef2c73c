//! Pooling of images.

use serde::{Deserialize, Serialize};

use super::Sliding;
use super::area::{Area, Lengths, product};

/// Pooling of images, every channel by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Images in the batch.
    pub images: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Pitch of the input.
    pub pitch_in: usize,
    /// Pitch of the output.
    pub pitch_out: usize,
    /// The window.
    pub window: Sliding,
    /// What is taken of a window.
    pub reduction: Reduction,
}

/// What pooling takes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// The largest element; padding does not count.
    Max,
    /// The mean of the elements that lie in the image.
    Average,
    /// The sum divided by the taps of the window, padding included.
    AveragePadded,
}

impl Pool {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let [high, wide] = self.window.output()?;
        let [image_high, image_wide] = self.window.input;
        let inputs = product(&[self.images, image_high, image_wide])?;
        let outputs = product(&[self.images, high, wide])?;
        let mut lengths = Lengths::of(
            [Area::new(inputs, self.channels, self.pitch_in)?],
            Area::new(outputs, self.channels, self.pitch_out)?,
        );
        // What a tap in the padding sees.
        lengths.scratch = self.channels;
        Some(lengths)
    }
}
