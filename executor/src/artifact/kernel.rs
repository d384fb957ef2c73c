//! The kernels that a plan is made of, and how many elements each one reads and writes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Rows of a matrix that is streamed through vector registers are padded to this many elements, so
/// that a whole register can be read at the end of a row.
pub const LANES: usize = 16;

/// One kernel with every shape that it needs; nothing is left to choose when it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kernel", rename_all = "snake_case")]
pub enum Kernel {
    /// Reads input, weights and bias. Scratch: the columns of one image.
    Convolution(Convolution),
    /// Reads the input.
    Pool(Pool),
    /// Reads input, weights and bias.
    Linear(Linear),
    /// Reads two tensors of the same length.
    Add(Elementwise),
    /// Reads the input.
    Relu(Elementwise),
    /// Reads the input.
    Softmax(Rows),
    /// Reads the input.
    Copy(Elementwise),
}

/// What happens to each element before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// Negative values become zero.
    Relu,
}

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

/// Convolution of images in NCHW, weights in OIHW, one bias per output channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The window.
    pub window: Sliding,
    /// Applied to the sum.
    pub activation: Activation,
}

/// Pooling of planes (every channel of every image by itself).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Images times channels.
    pub planes: usize,
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

/// A fully connected layer: `rows x inner` times `inner x columns`, one bias per column. Rows of
/// the weights are padded to a multiple of [`LANES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Rows of input and output: the batch.
    pub rows: usize,
    /// Elements of an input row.
    pub inner: usize,
    /// Elements of an output row.
    pub columns: usize,
    /// Applied to the sum.
    pub activation: Activation,
}

/// One operation on each element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elementwise {
    /// Elements.
    pub len: usize,
    /// Applied to the result.
    #[serde(default)]
    pub activation: Activation,
}

/// One operation on each row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Rows.
    pub rows: usize,
    /// Elements of a row.
    pub columns: usize,
}

/// How many elements a kernel reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Of each tensor that it reads; `None` past the last.
    pub reads: [Option<usize>; 3],
    /// Of its scratch area; zero if it needs none.
    pub scratch: usize,
    /// Of the tensor that it writes, completely.
    pub write: usize,
}

impl Kernel {
    /// How many elements it reads and writes; `None` if its shapes contradict each other or are
    /// beyond any memory.
    pub fn lengths(&self) -> Option<Lengths> {
        match self {
            Self::Convolution(convolution) => convolution.lengths(),
            Self::Pool(pool) => {
                let [height, width] = pool.window.output()?;
                let read = product(&[pool.planes, pool.window.input[0], pool.window.input[1]])?;
                Some(unary(read, product(&[pool.planes, height, width])?))
            }
            Self::Linear(linear) => linear.lengths(),
            Self::Add(Elementwise { len, .. }) => {
                let len = product(&[*len])?;
                Some(Lengths { reads: [Some(len), Some(len), None], scratch: 0, write: len })
            }
            Self::Relu(Elementwise { len, .. }) | Self::Copy(Elementwise { len, .. }) => {
                product(&[*len]).map(|len| unary(len, len))
            }
            Self::Softmax(Rows { rows, columns }) => {
                product(&[*rows, *columns]).map(|len| unary(len, len))
            }
        }
    }
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

    /// Which of the first `outputs` output pixels along an axis see a pixel through a tap.
    pub fn covered(&self, axis: usize, tap: usize, outputs: usize) -> Range<usize> {
        let (shift, stride) = (tap * self.dilation[axis], self.stride[axis]);
        let begin = self.begin[axis].saturating_sub(shift).div_ceil(stride);
        let behind = (self.input[axis] + self.begin[axis]).saturating_sub(shift);
        let end = behind.div_ceil(stride).min(outputs);
        begin.min(end)..end
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

impl Convolution {
    /// Rows of the column matrix: the inputs of one output element.
    ///
    /// # Panics
    /// If there are no groups; [`Kernel::lengths`] refuses that.
    pub const fn depth(&self) -> usize {
        self.channels_in / self.groups * self.window.kernel[0] * self.window.kernel[1]
    }

    /// Whether the input can be multiplied as it is, without a column matrix.
    pub const fn is_direct(&self, pixels: usize) -> bool {
        matches!(self.window.kernel, [1, 1])
            && matches!(self.window.stride, [1, 1])
            && matches!((self.window.begin, self.window.end), ([0, 0], [0, 0]))
            && pixels.is_multiple_of(LANES)
    }

    fn lengths(&self) -> Option<Lengths> {
        let divides = |channels: usize| channels.checked_rem(self.groups) == Some(0);
        if !divides(self.channels_in) || !divides(self.channels_out) {
            return None;
        }
        let [height, width] = self.window.output()?;
        let [image_height, image_width] = self.window.input;
        let [taps_high, taps_wide] = self.window.kernel;
        let pixels = product(&[height, width])?;
        let depth = product(&[self.channels_in / self.groups, taps_high, taps_wide])?;
        let columns = product(&[depth, pixels.checked_next_multiple_of(LANES)?])?;
        Some(Lengths {
            reads: [
                Some(product(&[self.images, self.channels_in, image_height, image_width])?),
                Some(product(&[self.channels_out, depth])?),
                Some(product(&[self.channels_out])?),
            ],
            scratch: if self.is_direct(pixels) { 0 } else { columns },
            write: product(&[self.images, self.channels_out, pixels])?,
        })
    }
}

impl Linear {
    /// Elements from one row of the weights to the next.
    pub const fn stride(&self) -> usize {
        self.columns.next_multiple_of(LANES)
    }

    fn lengths(&self) -> Option<Lengths> {
        product(&[self.columns])?;
        Some(Lengths {
            reads: [
                Some(product(&[self.rows, self.inner])?),
                Some(product(&[self.inner, self.stride()])?),
                Some(self.columns),
            ],
            scratch: 0,
            write: product(&[self.rows, self.columns])?,
        })
    }
}

fn unary(read: usize, write: usize) -> Lengths {
    Lengths { reads: [Some(read), None, None], scratch: 0, write }
}

/// The product of sizes that are all positive and, as the product, at most [`ELEMENTS_MAX`].
fn product(sizes: &[usize]) -> Option<usize> {
    let within = |size: usize| (1..=ELEMENTS_MAX).contains(&size).then_some(size);
    sizes.iter().try_fold(1_usize, |product, &size| within(product.checked_mul(within(size)?)?))
}

/// No tensor has more elements (64 GiB of f32), so that offsets are computed without overflow.
const ELEMENTS_MAX: usize = 1 << 34;
