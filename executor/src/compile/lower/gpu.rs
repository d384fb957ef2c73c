//! Convolutions and fully connected layers for a GPU. Its libraries read channels sixteen bytes at a
//! time, so images that they read get zeros behind their channels where that is cheap.

use super::super::graph::{Convolution as Filters, Linear as Layer, Node, Value};
use super::super::weights::{self, Key};
use super::layout::{Image, Lowering, Tensor};
use super::place::Operand;
use crate::artifact::{Border, Convolution, Kernel, Linear, Sliding, Target};

impl Lowering<'_> {
    /// Whether the plan is for a GPU.
    pub(super) fn on_gpu(&self) -> bool {
        matches!(self.target, Target::Cuda(_))
    }

    /// Elements from one pixel of a new image to the next.
    pub(super) fn pitch(&self, channels: usize) -> usize {
        channels.next_multiple_of(group(self.target))
    }

    pub(super) fn gpu_convolution(
        &mut self,
        index: usize,
        node: &Node,
        filters: &Filters,
        window: Sliding,
    ) -> Result<(), String> {
        let lone = filters.groups == 1;
        let input = if lone { self.grouped(node.inputs[0])? } else { self.image(node.inputs[0])? };
        let (input, window) = self.evenly_padded(input, window)?;
        // What is added to the result before the activation.
        let residual = node.inputs.get(1).map(|&value| self.image(value)).transpose()?;
        let columns = filters.bias.len();
        let wide = self.pitch(columns);
        let fits = lone && residual.is_none_or(|image| image.filled >= wide);
        let output = self.new_image_of(node.output, if fits { wide } else { columns })?;
        let channels_in = if lone { input.filled } else { input.channels };
        let kernel = Kernel::Convolution(Convolution {
            images: input.images,
            channels_in,
            channels_out: output.filled,
            groups: filters.groups,
            pitch_in: input.pitch,
            pitch_out: output.pitch,
            residual: residual.map(|image| image.pitch),
            window,
            activation: filters.activation,
        });
        let depth = channels_in / filters.groups;
        let packed =
            self.constant((index, "filters"), || weights::rows(filters, output.filled, depth));
        let bias = self.bias((index, "bias"), &filters.bias, output.filled);
        let mut reads = vec![input.tensor.into(), packed, bias];
        reads.extend(residual.map(|image| Operand::from(image.tensor)));
        self.step(node, kernel, reads, output.tensor)
    }

    pub(super) fn gpu_linear(
        &mut self,
        index: usize,
        node: &Node,
        layer: &Layer,
        (rows, input, channels): (usize, Tensor, Option<usize>),
    ) -> Result<(), String> {
        let output = self.new_plain(node.output);
        let columns = layer.bias.len();
        let (inner, activation) = (layer.inner, layer.activation);
        let kernel = Kernel::Linear(Linear { rows, inner, columns, activation });
        let key = if channels.is_some() { "rows of an image" } else { "rows" };
        let packed = self.constant((index, key), || weights::columns(layer, channels));
        let bias = self.bias((index, "bias"), &layer.bias, columns);
        self.step(node, kernel, vec![input.into(), packed, bias], output)
    }

    fn bias(&mut self, key: Key, bias: &[f32], len: usize) -> Operand {
        self.constant(key, || {
            let mut bias = bias.to_vec();
            bias.resize(len, 0.0);
            bias
        })
    }

    /// An image and a window whose padding is the same on both sides, as the library wants it: where it
    /// is not, zeros are put around the image.
    fn evenly_padded(&mut self, image: Image, window: Sliding) -> Result<(Image, Sliding), String> {
        if is_even(&window) {
            return Ok((image, window));
        }
        if image.filled != image.pitch {
            return Err("uneven padding around a slice of channels; pad it by a Pad".to_owned());
        }
        let ([high, wide], [above, left]) = (window.input, window.begin);
        let [below, right] = window.end;
        let border = Border {
            dims: vec![image.images, high, wide, image.pitch],
            begin: vec![0, above, left, 0],
            end: vec![0, below, right, 0],
            value: 0.0,
        };
        let input = [high + above + below, wide + left + right];
        let batched = self.buffers[image.tensor.buffer].batched;
        let tensor = self.buffer(batched, image.images * input[0] * input[1] * image.pitch);
        self.aside("padding", Kernel::Border(border), image.tensor, tensor);
        let window = Sliding { input, begin: [0, 0], end: [0, 0], ..window };
        Ok((Image { tensor, pixels: input[0] * input[1], ..image }, window))
    }

    /// A value's image with its channels filled up to whole groups.
    fn grouped(&mut self, value: Value) -> Result<Image, String> {
        let image = self.image(value)?;
        let wide = image.channels.next_multiple_of(group(self.target));
        if image.filled >= wide {
            return Ok(Image { filled: wide, ..image });
        }
        if image.pitch != image.channels {
            // A slice of a wider image is read as it is.
            return Ok(Image { filled: image.channels, ..image });
        }
        let (rows, behind) = (image.images * image.pixels, wide - image.channels);
        let border = Border {
            dims: vec![rows, image.channels],
            begin: vec![0, 0],
            end: vec![0, behind],
            value: 0.0,
        };
        let tensor = self.buffer(self.batched(value), rows * wide);
        self.aside("to groups", Kernel::Border(border), image.tensor, tensor);
        let image = Image { tensor, pitch: wide, filled: wide, ..image };
        self.hold_image(value, image);
        Ok(image)
    }
}

/// Channels that are read at once.
pub(super) const fn group(target: Target) -> usize {
    match target {
        Target::Cpu => 1,
        Target::Cuda(_) => GROUP_BYTES / target.element().bytes(),
    }
}

/// Whether the same padding on both sides gives the same output.
fn is_even(window: &Sliding) -> bool {
    let even = Sliding { end: window.begin, ..window.clone() };
    even.output() == window.output()
}

/// What a GPU reads at once.
const GROUP_BYTES: usize = 16;
