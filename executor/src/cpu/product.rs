//! Matrix products of panels of weights and the inputs of pixels, on microkernels.
//!
//! Blocks are chosen so that the weights of a pass stay in the second-level cache while all pixels
//! pass by, and the inputs of a strip of pixels in the first while all panels pass by. An output
//! element is summed in an order that depends on the depth alone: a batch gives the very bits that
//! its members give alone.
#![expect(unsafe_code, reason = "microkernels take raw pointers")]

use std::ops::Range;
use std::ptr;

use super::activation::finish;
use super::isa::Kernels;
use super::tile::{STRIP, Set, Sources, Tile};
use crate::artifact::{Activation, BLOCK, panels};

/// Where the inputs of output pixels lie.
///
/// # Safety
/// `look_up` leaves pointers to memory that lives and does not change as long as the value.
pub(super) unsafe trait Inputs {
    /// For each tap, for each pixel of a strip of at most [`STRIP`]: where the channels of the pixel
    /// that it sees begin, as many as there are in `channels`.
    fn look_up(&self, pixels: Range<usize>, part: &Part, table: &mut [Sources]);
}

/// Which part of the depth a pass sums up.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) taps: Range<usize>,
    pub(super) channels: Range<usize>,
}

/// `output = activation(inputs x weights + bias + residual)`.
pub(super) struct Product<'a> {
    /// Pixels of the output.
    pub(super) pixels: usize,
    /// Taps of a pixel.
    pub(super) taps: usize,
    /// Inputs of a tap.
    pub(super) channels: usize,
    /// Output channels.
    pub(super) columns: usize,
    /// Panels of `taps * channels` rows.
    pub(super) weights: &'a [f32],
    /// Padded to a multiple of [`BLOCK`].
    pub(super) bias: &'a [f32],
    /// `columns` elements per pixel.
    pub(super) output: &'a mut [f32],
    /// Elements from one pixel of the output to the next.
    pub(super) pitch: usize,
    /// What is added, and its pitch.
    pub(super) residual: Option<(&'a [f32], usize)>,
    /// Applied to the sum.
    pub(super) activation: Activation,
}

impl Product<'_> {
    /// Computes it.
    ///
    /// # Panics
    /// If a tensor is shorter than its shape says.
    pub(super) fn compute(mut self, kernels: Kernels, inputs: &impl Inputs) {
        let span = |pitch: usize| (self.pixels - 1) * pitch + self.columns;
        assert!(self.columns <= self.pitch && span(self.pitch) <= self.output.len());
        assert!(self.residual.is_none_or(|(tensor, pitch)| span(pitch) <= tensor.len()));
        let padded = self.columns.next_multiple_of(BLOCK);
        assert!(self.depth() * padded <= self.weights.len() && padded <= self.bias.len());
        for part in parts(self.taps, self.channels) {
            let mut begin = 0;
            while begin < padded {
                let end = self.chunk(begin, &part);
                for strip in even(self.pixels, STRIP) {
                    self.strip(kernels, inputs, strip, begin..end, &part);
                }
                begin = end;
            }
        }
    }

    fn depth(&self) -> usize {
        self.taps * self.channels
    }

    /// Where a chunk of panels that begins at a column ends: at least one panel, and not more than
    /// stays in the cache.
    fn chunk(&self, begin: usize, part: &Part) -> usize {
        let depth = part.taps.len() * part.channels.len();
        let mut end = 0;
        for width in panels(self.columns) {
            if end > begin && (end + width - begin) * depth > CHUNK {
                break;
            }
            end += width;
        }
        end
    }

    /// Computes some pixels of some panels.
    fn strip(
        &mut self,
        kernels: Kernels,
        inputs: &impl Inputs,
        strip: Range<usize>,
        columns: Range<usize>,
        part: &Part,
    ) {
        let set = &kernels.tiles();
        let mut table = [[ptr::null(); STRIP]; TAPS];
        let table = &mut table[..part.taps.len()];
        inputs.look_up(strip.clone(), part, table);
        let mut column = 0;
        for width in panels(self.columns) {
            if columns.contains(&column) {
                let panel = Panel { first: column, width };
                self.panel(set, table, strip.clone(), &panel, part);
            }
            column += width;
        }
        let finished = columns.start..columns.end.min(self.columns);
        if part.taps.end == self.taps
            && part.channels.end == self.channels
            && self.activation.bounds().is_none()
        {
            let output = &mut self.output[strip.start * self.pitch + finished.start..];
            let rows = (strip.len() - 1) * self.pitch + finished.len();
            finish(kernels, self.activation, &mut output[..rows], self.pitch, finished.len());
        }
    }

    /// Computes some pixels of one panel.
    fn panel(
        &mut self,
        set: &Set,
        table: &[Sources],
        strip: Range<usize>,
        panel: &Panel,
        part: &Part,
    ) {
        let registers = (panel.width / set.lanes).min(set.registers);
        let step = registers * set.lanes;
        for column in (0..panel.width).step_by(step) {
            let columns = self.columns.saturating_sub(panel.first + column).min(step);
            if columns == 0 {
                break;
            }
            for pixels in even(strip.len(), set.pixels[registers - 1]) {
                let microkernel = (set.at)(registers, pixels.len());
                let pixel = strip.start + pixels.start;
                let tile = self.tile(table, pixels.start, pixel, panel, column, columns, part);
                // SAFETY: the processor has the instructions (`Kernels` has asked it), and the
                // microkernel is the one for `registers` and these pixels. `look_up` has filled the
                // table for them. `compute` has checked that output, residual, weights and bias are
                // as long as panels, pixels and pitches say; the output is borrowed alone.
                unsafe { microkernel(&tile) };
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "where a tile lies has this many coordinates")]
    fn tile<'a>(
        &mut self,
        table: &'a [Sources],
        first: usize,
        pixel: usize,
        panel: &Panel,
        column: usize,
        columns: usize,
        part: &Part,
    ) -> Tile<'a> {
        let absolute = panel.first + column;
        let row = part.taps.start * self.channels + part.channels.start;
        let begins = part.taps.start == 0 && part.channels.start == 0;
        let ends = part.taps.end == self.taps && part.channels.end == self.channels;
        let weights = &self.weights[panel.first * self.depth() + row * panel.width + column..];
        let residual = self.residual.filter(|_| ends);
        let bounds = self.activation.bounds().filter(|_| ends);
        Tile {
            weights: weights.as_ptr(),
            panel: panel.width,
            sources: table,
            first,
            channels: part.channels.len(),
            output: self.output[pixel * self.pitch + absolute..].as_mut_ptr(),
            pitch: self.pitch,
            columns,
            bias: if begins { self.bias[absolute..].as_ptr() } else { ptr::null() },
            residual: residual
                .map_or(ptr::null(), |(tensor, pitch)| tensor[pixel * pitch + absolute..].as_ptr()),
            residual_pitch: residual.map_or(0, |(_, pitch)| pitch),
            bounds: bounds.unwrap_or((f32::NEG_INFINITY, f32::INFINITY)),
        }
    }
}

/// A panel of weights.
struct Panel {
    /// Its first column.
    first: usize,
    width: usize,
}

/// The passes over the depth: whole taps as long as they are short, else parts of one tap.
fn parts(taps: usize, channels: usize) -> impl Iterator<Item = Part> {
    let together = (DEPTH / channels).clamp(1, TAPS);
    (0..taps).step_by(together).flat_map(move |first| {
        let taps = first..taps.min(first + together);
        even(channels, DEPTH).map(move |channels| Part { taps: taps.clone(), channels })
    })
}

/// Cuts a length into the fewest parts that are at most `most` long, as equal as they can be.
pub(super) fn even(len: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = len.div_ceil(most);
    (0..count).map(move |part| part * len / count..(part + 1) * len / count)
}

/// Depth of a pass: with the widest panel 256 KiB of weights.
const DEPTH: usize = 1024;

/// Taps of a pass.
pub(super) const TAPS: usize = 32;

/// Elements of weights that stay in a second-level cache while pixels pass by: 384 KiB.
const CHUNK: usize = 96 * 1024;
