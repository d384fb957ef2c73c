//! Operations on images: convolutions and pools.

use super::super::graph::{Convolution as Filters, Frame, Node};
use super::super::{shape, weights};
use super::layout::Lowering;
use super::place::Operand;
use crate::artifact::{BLOCK, Convolution, Depthwise, Kernel, Pool, Reduction, Sliding};

impl Lowering<'_> {
    pub(super) fn convolution(
        &mut self,
        index: usize,
        node: &Node,
        filters: &Filters,
    ) -> Result<(), String> {
        let [_, _, high, wide] = self.dimensions(node.inputs[0])?;
        let window = shape::slide(&filters.frame, [high, wide]);
        if filters.channels_per_group == 1 && filters.bias.len() == filters.groups {
            return self.depthwise(index, node, filters, window);
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
