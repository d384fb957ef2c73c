//! Windows that slide over images.

use serde::{Deserialize, Serialize};

use super::area::product;

/// A window that slides over an image; pairs are height, width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sliding {
    /// The image.
    pub input: [usize; 2],
    /// The window, in taps.
    pub kernel: [usize; 2],
    /// Steps between windows.
    pub stride: [usize; 2],
    /// Steps between taps.
    pub dilation: [usize; 2],
    /// Padding before the image.
    pub begin: [usize; 2],
    /// Padding behind the image.
    pub end: [usize; 2],
}

impl Sliding {
    /// Height and width of the output; `None` if the window does not fit the padded image or is
    /// made of impossible numbers.
    pub fn output(&self) -> Option<[usize; 2]> {
        Some([self.along(0)?, self.along(1)?])
    }

    /// Which pixel along an axis a tap of an output pixel sees; `None` if it is padding.
    pub fn source(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        let padded = output * self.stride[axis] + tap * self.dilation[axis];
        padded.checked_sub(self.begin[axis]).filter(|&pixel| pixel < self.input[axis])
    }

    /// Taps in all.
    pub const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether each output pixel sees the one input pixel at its own place.
    pub const fn is_point(&self) -> bool {
        matches!((self.kernel, self.stride, self.begin, self.end), ([1, 1], [1, 1], [0, 0], [0, 0]))
    }

    fn along(&self, axis: usize) -> Option<usize> {
        let sizes = [self.input[axis], self.kernel[axis], self.stride[axis], self.dilation[axis]];
        product(&sizes)?;
        let reach = (self.kernel[axis] - 1).checked_mul(self.dilation[axis])? + 1;
        if self.begin[axis] >= reach || self.end[axis] >= reach + self.stride[axis] {
            return None;
        }
        let padded = self.input[axis] + self.begin[axis] + self.end[axis];
        Some(padded.checked_sub(reach)? / self.stride[axis] + 1)
    }
}
