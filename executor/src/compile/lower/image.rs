//! Operations on images: convolutions and pools.

use super::super::graph::{Convolution as Filters, Frame, Node};
use super::super::{shape, weights};
use super::layout::Lowering;
use super::place::Operand;
use crate::artifact::{BLOCK, Convolution, Depthwise, Kernel, Pool, Reduction, Sliding, Winograd};

impl Lowering<'_> {
    pub(super) fn convolution(
        &mut self,
        index: usize,
        node: &Node,
        filters: &Filters,
    ) -> Result<(), String> {
        let [_, _, high, wide] = self.dimensions(node.inputs[0])?;
        let window = shape::slide(&filters.frame, [high, wide]);
        if filters.is_depthwise() {
            return self.depthwise(index, node, filters, window);
        }
        if self.on_gpu() {
            return self.gpu_convolution(index, node, filters, window);
        }
        if let Some(tile) = winograd_tile(filters, &window) {
            return self.winograd(index, node, filters, &window, tile);
        }
        let input = self.image(node.inputs[0])?;
        // What is added to the result before the activation.
        let residual = node.inputs.get(1).map(|&value| self.image(value)).transpose()?;
        let output = self.new_image(node.output)?;
        let groups = merged(filters);
        let kernel = Kernel::Convolution(Convolution {
            images: input.images,
            channels_in: input.channels,
            channels_out: output.channels,
            groups,
            pitch_in: input.pitch,
            pitch_out: output.pitch,
            residual: residual.map(|image| image.pitch),
            window,
            activation: filters.activation,
        });
        let packed = self.constant((index, "filters"), || weights::filters(filters, groups));
        let bias = self.constant((index, "bias"), || weights::biases(&filters.bias, groups));
        let mut reads = vec![input.tensor.into(), packed, bias];
        reads.extend(residual.map(|image| Operand::from(image.tensor)));
        self.step(node, kernel, reads, output.tensor)
    }

    fn winograd(
        &mut self,
        index: usize,
        node: &Node,
        filters: &Filters,
        window: &Sliding,
        tile: usize,
    ) -> Result<(), String> {
        let input = self.image(node.inputs[0])?;
        // What is added to the result before the activation.
        let residual = node.inputs.get(1).map(|&value| self.image(value)).transpose()?;
        let output = self.new_image(node.output)?;
        let kernel = Kernel::Winograd(Winograd {
            images: input.images,
            channels_in: input.channels,
            channels_out: output.channels,
            pitch_in: input.pitch,
            pitch_out: output.pitch,
            residual: residual.map(|image| image.pitch),
            input: window.input,
            begin: window.begin,
            output: window.output().ok_or("the window does not fit")?,
            tile,
            activation: filters.activation,
        });
        let packed = self.constant((index, "tiles"), || weights::winograd(filters, tile));
        let bias = self.constant((index, "bias"), || weights::biases(&filters.bias, 1));
        let mut reads = vec![input.tensor.into(), packed, bias];
        reads.extend(residual.map(|image| Operand::from(image.tensor)));
        self.step(node, kernel, reads, output.tensor)
    }

    fn depthwise(
        &mut self,
        index: usize,
        node: &Node,
        filters: &Filters,
        window: Sliding,
    ) -> Result<(), String> {
        let input = self.image(node.inputs[0])?;
        let output = self.new_image(node.output)?;
        let kernel = Kernel::Depthwise(Depthwise {
            images: input.images,
            channels: input.channels,
            pitch_in: input.pitch,
            pitch_out: output.pitch,
            window,
            activation: filters.activation,
        });
        let packed = self.constant((index, "filters"), || weights::depthwise(filters));
        let bias = self.constant((index, "bias"), || filters.bias.clone());
        self.step(node, kernel, vec![input.tensor.into(), packed, bias], output.tensor)
    }

    /// Pooling by windows, or of whole images.
    pub(super) fn pool(
        &mut self,
        node: &Node,
        frame: &Frame,
        reduction: Reduction,
    ) -> Result<(), String> {
        let [_, _, high, wide] = self.dimensions(node.inputs[0])?;
        let window = shape::slide(frame, [high, wide]);
        let input = self.image(node.inputs[0])?;
        let output = self.new_image(node.output)?;
        let kernel = Kernel::Pool(Pool {
            images: input.images,
            channels: input.channels,
            pitch_in: input.pitch,
            pitch_out: output.pitch,
            window,
            reduction,
        });
        self.step(node, kernel, vec![input.tensor.into()], output.tensor)
    }
}

/// The edge of the tiles by which a convolution is best computed, if any.
///
/// Tiles of 4 x 4 save most, but their weights are four times as large, and those of many channels
/// are then what takes the time; tiles of 2 x 2 have less than twice the weights. Small images have
/// too few tiles for either. The number of images does not count, so that all batch sizes share
/// weights.
fn winograd_tile(filters: &Filters, window: &Sliding) -> Option<usize> {
    let plain = window.kernel == [3, 3]
        && window.stride == [1, 1]
        && window.dilation == [1, 1]
        && window.begin.iter().chain(&window.end).all(|&padding| padding <= 1);
    let (channels, columns) = (filters.channels_per_group, filters.bias.len());
    if !plain || filters.groups != 1 || channels < BLOCK || columns < BLOCK {
        return None;
    }
    let small = window.output()?.into_iter().min()?;
    match small {
        24.. if channels * columns <= LARGE => Some(4),
        10.. => Some(2),
        _ => None,
    }
}

/// Products of channels beyond which weights for tiles of 4 x 4 are too large.
const LARGE: usize = 192 * 192;

/// Into how many groups a convolution is cut: small groups are merged until one fills a block of
/// columns, with zeros where they see nothing of each other.
fn merged(filters: &Filters) -> usize {
    let columns = filters.bias.len() / filters.groups;
    let mut groups = filters.groups;
    while groups.is_multiple_of(2) && filters.groups / groups * columns < BLOCK {
        groups /= 2;
    }
    groups
}
