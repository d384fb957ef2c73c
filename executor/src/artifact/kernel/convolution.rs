//! Convolutions of images.

use serde::{Deserialize, Serialize};

use super::area::{Area, Lengths, product};
use super::matrix::BLOCK;
use super::{Activation, Sliding, Target};

/// Convolution of images.
///
/// On a processor the weights of each group are *panels* of output channels (see
/// [`panels`](super::panels)), each `[tap row][tap column][channel][width]`, and the biases of each
/// group are padded to a multiple of [`BLOCK`]. On a GPU weights are `[output channel][tap row]
/// [tap column][channel of the group]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Images in the batch.
    pub images: usize,
    /// Channels of the input, all groups together.
    pub channels_in: usize,
    /// Channels of the output, all groups together.
    pub channels_out: usize,
    /// Independent groups of channels; divides both numbers of channels.
    pub groups: usize,
    /// Pitch of the input.
    pub pitch_in: usize,
    /// Pitch of the output.
    pub pitch_out: usize,
    /// Pitch of the image that is added before the activation, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<usize>,
    /// The window.
    pub window: Sliding,
    /// Applied to the sum.
    pub activation: Activation,
}

/// Convolution of each channel by itself, weights `[tap row][tap column][channel]`, one bias per
/// channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Depthwise {
    /// Images in the batch.
    pub images: usize,
    /// Channels of input and output.
    pub channels: usize,
    /// Pitch of the input.
    pub pitch_in: usize,
    /// Pitch of the output.
    pub pitch_out: usize,
    /// The window.
    pub window: Sliding,
    /// Applied to the sum.
    pub activation: Activation,
}

impl Convolution {
    /// Inputs of one output element.
    ///
    /// # Panics
    /// If there are no groups; [`Kernel::lengths`](super::Kernel::lengths) refuses that.
    pub const fn depth(&self) -> usize {
        self.channels_in / self.groups * self.window.taps()
    }

    /// Whether the taps of a row are to be read as one run of elements, out of a copy of the image
    /// with its padding around it: better where there are few channels.
    ///
    /// # Panics
    /// If there are no groups.
    pub const fn merges_taps(&self) -> bool {
        self.groups == 1
            && self.channels_in < BLOCK
            && self.window.dilation[1] == 1
            && self.window.kernel[1] > 1
    }

    /// Height and width of an image with its padding.
    pub const fn padded(&self) -> [usize; 2] {
        let Sliding { input, begin, end, .. } = &self.window;
        [input[0] + begin[0] + end[0], input[1] + begin[1] + end[1]]
    }

    /// Products that are summed up, those with padding included.
    pub(super) fn products(&self) -> usize {
        let outputs = self.lengths(Target::Cpu).map_or(0, |lengths| lengths.write.rows);
        outputs.saturating_mul(self.channels_out).saturating_mul(self.depth())
    }

    pub(super) fn lengths(&self, target: Target) -> Option<Lengths> {
        let divides = |channels: usize| channels.checked_rem(self.groups) == Some(0);
        if !divides(self.channels_in) || !divides(self.channels_out) {
            return None;
        }
        self.activation.valid()?;
        let outputs = product(&[self.images, product(&self.window.output()?)?])?;
        let [high, wide] = self.window.input;
        let inputs = product(&[self.images, high, wide])?;
        let channels = self.channels_in / self.groups;
        let depth = product(&[channels, self.window.kernel[0], self.window.kernel[1]])?;
        let columns = match target {
            Target::Cpu => {
                let filters = (self.channels_out / self.groups).checked_next_multiple_of(BLOCK)?;
                product(&[self.groups, filters])?
            }
            Target::Cuda(_) => self.channels_out,
        };
        let mut lengths = Lengths::of(
            [
                Area::new(inputs, self.channels_in, self.pitch_in)?,
                Area::dense(&[columns, depth])?,
                Area::dense(&[columns])?,
            ],
            Area::new(outputs, self.channels_out, self.pitch_out)?,
        );
        if let Some(pitch) = self.residual {
            lengths.reads[3] = Some(Area::new(outputs, self.channels_out, pitch)?);
        }
        let [high, wide] = self.padded();
        lengths.scratch =
            if self.merges_taps() { product(&[high, wide, channels])? } else { channels };
        Some(lengths)
    }
}

impl Depthwise {
    /// Products that are summed up, those with padding included.
    pub(super) fn products(&self) -> usize {
        let outputs = self.lengths().map_or(0, |lengths| lengths.write.rows);
        outputs.saturating_mul(self.channels).saturating_mul(self.window.taps())
    }

    pub(super) fn lengths(&self) -> Option<Lengths> {
        self.activation.valid()?;
        let [high, wide] = self.window.output()?;
        let [image_high, image_wide] = self.window.input;
        let inputs = product(&[self.images, image_high, image_wide])?;
        let outputs = product(&[self.images, high, wide])?;
        let [taps_high, taps_wide] = self.window.kernel;
        let mut lengths = Lengths::of(
            [
                Area::new(inputs, self.channels, self.pitch_in)?,
                Area::dense(&[taps_high, taps_wide, self.channels])?,
                Area::dense(&[self.channels])?,
            ],
            Area::new(outputs, self.channels, self.pitch_out)?,
        );
        // What a tap in the padding sees.
        lengths.scratch = self.channels;
        Some(lengths)
    }
}
