//! Between planes and pixels.

use serde::{Deserialize, Serialize};

use super::area::{Area, Lengths, product};

/// A tensor of channels that is brought from planes (all pixels of a channel side by side) to
/// pixels (all channels of a pixel side by side) or back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Images in the batch.
    pub images: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Elements from the planes of one image to those of the next.
    pub stride: usize,
    /// Elements from one pixel to the next.
    pub pitch: usize,
    /// Channels of zeros that are written behind those of each pixel, for kernels that read channels
    /// in groups of several; only towards pixels.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub zeros: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Transfer {
    /// Planes, then pixels.
    fn areas(&self) -> Option<[Area; 2]> {
        let planes = product(&[self.channels, self.pixels])?;
        let pixels = product(&[self.images, self.pixels])?;
        Some([
            Area::new(self.images, planes, self.stride)?,
            Area::new(pixels, self.channels.checked_add(self.zeros)?, self.pitch)?,
        ])
    }

    pub(super) fn to_pixels(&self) -> Option<Lengths> {
        let [planes, pixels] = self.areas()?;
        Some(Lengths::of([planes], pixels))
    }

    pub(super) fn to_planes(&self) -> Option<Lengths> {
        let [planes, pixels] = self.areas().filter(|_| self.zeros == 0)?;
        Some(Lengths::of([pixels], planes))
    }
}
