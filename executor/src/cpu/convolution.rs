//! Convolution of images: where the inputs of each output pixel lie.
#![expect(unsafe_code, reason = "the table of a microkernel's inputs has raw pointers")]

use std::ops::Range;

use super::isa::Kernels;
use super::product::{Inputs, Part, Product, TAPS};
use super::run::Operands;
use super::tile::{STRIP, Sources};
use crate::artifact::{BLOCK, Convolution, Sliding};

pub(super) fn convolve(kernels: Kernels, convolution: &Convolution, operands: Operands<'_>) {
    if convolution.merges_taps() {
        convolve_padded(kernels, convolution, operands);
    } else {
        convolve_groups(kernels, convolution, operands);
    }
}

/// Every tap by itself; padding is a row of zeros in the scratch area.
fn convolve_groups(kernels: Kernels, convolution: &Convolution, operands: Operands<'_>) {
    let Operands { reads: [image, weights, bias, residual], scratch, write } = operands;
    scratch.fill(0.0);
    let channels = convolution.channels_in / convolution.groups;
    let columns = convolution.channels_out / convolution.groups;
    let padded = columns.next_multiple_of(BLOCK);
    for group in 0..convolution.groups {
        let view = View {
            elements: &image[group * channels..],
            pitch: convolution.pitch_in,
            window: &convolution.window,
            zeros: scratch,
        };
        let product = Product {
            pixels: convolution.images * pixels(&convolution.window),
            taps: convolution.window.taps(),
            channels,
            columns,
            weights: &weights[group * padded * convolution.depth()..],
            bias: &bias[group * padded..],
            output: &mut write[group * columns..],
            pitch: convolution.pitch_out,
            residual: convolution.residual.map(|pitch| (&residual[group * columns..], pitch)),
            activation: convolution.activation,
        };
        product.compute(kernels, &view);
    }
}

/// The taps of a row as one; each image is copied with its padding around it.
fn convolve_padded(kernels: Kernels, convolution: &Convolution, operands: Operands<'_>) {
    let Operands { reads: [image, weights, bias, residual], scratch, write } = operands;
    let Sliding { input: [high, wide], kernel, stride, dilation, .. } = convolution.window;
    let channels = convolution.channels_in;
    let [padded_high, padded_wide] = convolution.padded();
    // A pixel of this image is a row of taps: pixels overlap.
    let window = Sliding {
        input: [padded_high, padded_wide],
        kernel: [kernel[0], 1],
        stride,
        dilation,
        begin: [0; 2],
        end: [0; 2],
    };
    let [out_high, out_wide] = convolution.window.output().expect("a checked window fits");
    let outputs = out_high * out_wide;
    for index in 0..convolution.images {
        pad(convolution, &image[index * high * wide * convolution.pitch_in..], scratch);
        let view = View { elements: scratch, pitch: channels, window: &window, zeros: &[] };
        let view = Merged { view, outputs: [out_high, out_wide] };
        let residual =
            convolution.residual.map(|pitch| (&residual[index * outputs * pitch..], pitch));
        let product = Product {
            pixels: outputs,
            taps: kernel[0],
            channels: kernel[1] * channels,
            columns: convolution.channels_out,
            weights,
            bias,
            output: &mut write[index * outputs * convolution.pitch_out..],
            pitch: convolution.pitch_out,
            residual,
            activation: convolution.activation,
        };
        product.compute(kernels, &view);
    }
}

/// Copies an image into the middle of zeros.
fn pad(convolution: &Convolution, image: &[f32], padded: &mut [f32]) {
    let Sliding { input: [high, wide], begin: [top, left], .. } = convolution.window;
    let (channels, pitch) = (convolution.channels_in, convolution.pitch_in);
    let [_, padded_wide] = convolution.padded();
    for (row, line) in padded.chunks_exact_mut(padded_wide * channels).enumerate() {
        let Some(y) = row.checked_sub(top).filter(|&y| y < high) else {
            line.fill(0.0);
            continue;
        };
        let (before, rest) = line.split_at_mut(left * channels);
        let (line, behind) = rest.split_at_mut(wide * channels);
        before.fill(0.0);
        behind.fill(0.0);
        let source = &image[y * wide * pitch..];
        if pitch == channels {
            line.copy_from_slice(&source[..wide * channels]);
        } else {
            for (to, from) in line.chunks_exact_mut(channels).zip(source.chunks(pitch)) {
                to.copy_from_slice(&from[..channels]);
            }
        }
    }
}

fn pixels(window: &Sliding) -> usize {
    let [high, wide] = window.output().expect("a checked window fits its image");
    high * wide
}

/// Images and the window that slides over them.
pub(super) struct View<'a> {
    /// From the first channel of the first pixel.
    pub(super) elements: &'a [f32],
    pub(super) pitch: usize,
    pub(super) window: &'a Sliding,
    /// What a tap in the padding sees.
    pub(super) zeros: &'a [f32],
}

/// Where the windows of some output pixels begin, for a whole strip.
struct Origins {
    /// Of the image, in pixels.
    image: [usize; STRIP],
    /// Row and column, with padding counted: those inside begin at the window's `begin`.
    corner: [[usize; 2]; STRIP],
}

impl Origins {
    fn new(window: &Sliding, [high, wide]: [usize; 2], pixels: Range<usize>) -> Self {
        let mut origins = Self { image: [0; STRIP], corner: [[0; 2]; STRIP] };
        let (mut x, lines) = (pixels.start % wide, pixels.start / wide);
        let (mut y, mut image) = (lines % high, lines / high);
        for slot in 0..pixels.len() {
            origins.image[slot] = image * window.input[0] * window.input[1];
            origins.corner[slot] = [y * window.stride[0], x * window.stride[1]];
            x += 1;
            if x == wide {
                (x, y) = (0, y + 1);
            }
            if y == high {
                (y, image) = (0, image + 1);
            }
        }
        origins
    }

    /// Which pixel of the input a tap sees; `None` if it is padding.
    fn source(&self, window: &Sliding, slot: usize, tap: [usize; 2]) -> Option<usize> {
        let [y, x] = self.corner[slot];
        let y = (y + tap[0] * window.dilation[0]).wrapping_sub(window.begin[0]);
        let x = (x + tap[1] * window.dilation[1]).wrapping_sub(window.begin[1]);
        let inside = y < window.input[0] && x < window.input[1];
        inside.then(|| self.image[slot] + y * window.input[1] + x)
    }

    /// Which pixel of the input the first tap sees, if no tap is padding.
    fn whole(&self, window: &Sliding, slot: usize) -> Option<usize> {
        let last = [window.kernel[0] - 1, window.kernel[1] - 1];
        self.source(window, slot, last)?;
        self.source(window, slot, [0; 2])
    }
}

impl View<'_> {
    /// Fills a strip's table.
    pub(super) fn fill(
        &self,
        outputs: [usize; 2],
        pixels: Range<usize>,
        part: &Part,
        table: &mut [Sources],
    ) {
        if self.window.is_point() && outputs == self.window.input {
            for (slot, pixel) in pixels.enumerate() {
                let from = &self.elements[pixel * self.pitch + part.channels.start..];
                table[0][slot] = from[..part.channels.len()].as_ptr();
            }
            return;
        }
        let slots = 0..pixels.len();
        let origins = Origins::new(self.window, outputs, pixels);
        let taps = part.taps.len();
        let mut shifts = [0; TAPS];
        for (tap, shift) in part.taps.clone().zip(&mut shifts) {
            *shift = self.shift(tap);
        }
        // The last tap is the farthest.
        let reach = shifts[taps - 1] + part.channels.len();
        for slot in slots {
            let Some(pixel) = origins.whole(self.window, slot) else {
                self.fill_slot(&origins, slot, part, table);
                continue;
            };
            let from = &self.elements[pixel * self.pitch + part.channels.start..][..reach];
            for (sources, shift) in table.iter_mut().zip(&shifts[..taps]) {
                sources[slot] = from[*shift..].as_ptr();
            }
        }
    }

    /// Where each tap of one pixel sees its channels, if some are padding.
    fn fill_slot(&self, origins: &Origins, slot: usize, part: &Part, table: &mut [Sources]) {
        let (first, count) = (part.channels.start, part.channels.len());
        let wide = self.window.kernel[1];
        for (tap, sources) in part.taps.clone().zip(table) {
            let from = match origins.source(self.window, slot, [tap / wide, tap % wide]) {
                Some(pixel) => &self.elements[pixel * self.pitch + first..][..count],
                None => &self.zeros[..count],
            };
            sources[slot] = from.as_ptr();
        }
    }

    /// Elements from what the first tap sees to what this one does, where neither is padding.
    fn shift(&self, tap: usize) -> usize {
        let Sliding { input, kernel, dilation, .. } = self.window;
        let (y, x) = (tap / kernel[1], tap % kernel[1]);
        (y * dilation[0] * input[1] + x * dilation[1]) * self.pitch
    }
}

// SAFETY: every pointer is that of a slice of `channels` elements that the view borrows.
unsafe impl Inputs for View<'_> {
    fn look_up(&self, pixels: Range<usize>, part: &Part, table: &mut [Sources]) {
        let outputs = self.window.output().expect("a checked window fits its image");
        self.fill(outputs, pixels, part, table);
    }
}

/// A view whose pixels overlap: each is a row of taps.
struct Merged<'a> {
    view: View<'a>,
    /// Height and width of the output, which the window alone does not give.
    outputs: [usize; 2],
}

// SAFETY: every pointer is that of a slice of `channels` elements that the view borrows.
unsafe impl Inputs for Merged<'_> {
    fn look_up(&self, pixels: Range<usize>, part: &Part, table: &mut [Sources]) {
        self.view.fill(self.outputs, pixels, part, table);
    }
}
