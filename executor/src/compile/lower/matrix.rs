//! Matrix products.

use super::super::graph::{Linear as Layer, Node};
use super::super::weights;
use super::layout::Lowering;
use crate::artifact::{Kernel, Linear, Matmul, Walk};

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
        if self.on_gpu() {
            return self.gpu_linear(index, node, layer, (rows, input, channels));
        }
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

    /// The product of two computed matrices, for each index of the dimensions before them.
    pub(super) fn mat_mul(&mut self, node: &Node) -> Result<(), String> {
        let [left, right] = node.inputs[..] else { return Err("two inputs".to_owned()) };
        let dims = self.request(node.output).to_vec();
        let rank = dims.len();
        let inner = self.request(left).last().copied().unwrap_or(1);
        let (walk_left, walk_right) =
            (self.walked(left, rank, false), self.walked(right, rank, false));
        let mut outer = vec![self.copies(node.output)];
        outer.extend(&dims[..rank - 2]);
        let (rows, columns) = (dims[rank - 2], dims[rank - 1]);
        let walk = |walked: &super::strides::Walked, row: usize| {
            let mut outer = vec![walked.batch];
            outer.extend(&walked.strides[..rank - 2]);
            Walk { outer, row, column: 1 }
        };
        let kernel = Kernel::Matmul(Matmul {
            left: walk(&walk_left, inner),
            right: walk(&walk_right, columns),
            outer,
            rows,
            inner,
            columns,
        });
        let output = self.new_plain(node.output);
        self.step(node, kernel, vec![walk_left.operand, walk_right.operand], output)
    }
}
