//! Operations on elements and rows.

use super::super::graph::{Node, Value};
use super::layout::{Lowering, Tensor};
use crate::artifact::{Activation, Kernel, Map, Pair, Rows};

/// A tensor as rows: an image has one per pixel, everything else is one.
struct Grid {
    tensor: Tensor,
    rows: usize,
    width: usize,
    pitch: usize,
}

impl Lowering<'_> {
    pub(super) fn add(&mut self, node: &Node, activation: Activation) -> Result<(), String> {
        let [left, right] = node.inputs[..] else {
            return Err(format!("{} inputs; supported: two", node.inputs.len()));
        };
        let images = self.is_image(left) || self.is_image(right);
        let grids = [self.grid(left, images)?, self.grid(right, images)?];
        let output = self.new_grid(node.output, images)?;
        let [left, right] = grids;
        let pair = Pair {
            rows: output.rows,
            width: output.width,
            pitches: [left.pitch, right.pitch, output.pitch],
            activation,
        };
        let reads = vec![left.tensor.into(), right.tensor.into()];
        self.step(node, Kernel::Add(pair), reads, output.tensor)
    }

    pub(super) fn relu(&mut self, node: &Node) -> Result<(), String> {
        let images = self.is_image(node.inputs[0]);
        let input = self.grid(node.inputs[0], images)?;
        let output = self.new_grid(node.output, images)?;
        let map = Map {
            rows: output.rows,
            width: output.width,
            pitches: [input.pitch, output.pitch],
            activation: Activation::Relu,
        };
        self.step(node, Kernel::Map(map), vec![input.tensor.into()], output.tensor)
    }

    pub(super) fn softmax(&mut self, node: &Node) -> Result<(), String> {
        let len = self.len(node.output);
        let columns = *self.shape(node.output).last().ok_or("softmax of a scalar")?;
        let input = self.plain(node.inputs[0]);
        let output = self.new_plain(node.output);
        let rows = Rows { rows: len / columns, columns };
        self.step(node, Kernel::Softmax(rows), vec![input.into()], output)
    }

    fn grid(&mut self, value: Value, image: bool) -> Result<Grid, String> {
        if !image {
            let (tensor, width) = (self.plain(value), self.len(value));
            return Ok(Grid { tensor, rows: 1, width, pitch: width });
        }
        let image = self.image(value)?;
        Ok(Grid {
            tensor: image.tensor,
            rows: image.images * image.pixels,
            width: image.channels,
            pitch: image.pitch,
        })
    }

    fn new_grid(&mut self, value: Value, image: bool) -> Result<Grid, String> {
        if image {
            self.new_image(value)?;
        } else {
            self.new_plain(value);
        }
        self.grid(value, image)
    }
}
