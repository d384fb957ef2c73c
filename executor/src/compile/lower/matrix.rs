//! Matrix products.

use super::super::graph::{Linear as Layer, Node};
use super::super::weights;
use super::layout::Lowering;
use crate::artifact::{Kernel, Linear};

impl Lowering<'_> {
    /// A fully connected layer. An image that became a row stays as it lies: the weights are
    /// brought into its order instead.
    pub(super) fn linear(
        &mut self,
        index: usize,
        node: &Node,
        layer: &Layer,
    ) -> Result<(), String> {
        let value = node.inputs[0];
        let rows = self.len(value) / layer.inner;
        let flat = self.held_image(value).filter(|image| {
            let whole = image.channels * image.pixels;
            image.pitch == image.channels && whole == layer.inner && image.images == rows
        });
        let (input, channels, key) = match flat {
            Some(image) => (image.tensor, Some(image.channels), "rows of an image"),
            None => (self.plain(value), None, "rows"),
        };
        let output = self.new_plain(node.output);
        let columns = layer.bias.len();
        let kernel = Kernel::Linear(Linear {
            rows,
            inner: layer.inner,
            columns,
            activation: layer.activation,
        });
        let packed = self.constant((index, key), || weights::matrix(layer, channels));
        let bias = self.constant((index, "bias"), || weights::biases(&layer.bias, 1));
        self.step(node, kernel, vec![input.into(), packed, bias], output)
    }
}
