//! Operations on elements and rows.

use super::super::fuse::activation;
use super::super::graph::{Node, Unary, Value};
use super::layout::{Lowering, Tensor};
use crate::artifact::{Activation, Elementwise, Function, Kernel, Map, Pair};

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

    /// A function of each element.
    pub(super) fn unary(&mut self, node: &Node, unary: Unary) -> Result<(), String> {
        let images = self.is_image(node.inputs[0]);
        let input = self.grid(node.inputs[0], images)?;
        let output = self.new_grid(node.output, images)?;
        let (rows, width, pitches) = (output.rows, output.width, [input.pitch, output.pitch]);
        let kernel = if let Some(activation) = activation(unary) {
            Kernel::Map(Map { rows, width, pitches, activation })
        } else {
            let function = function(unary)?;
            Kernel::Elementwise(Elementwise { function, rows, width, pitches })
        };
        self.step(node, kernel, vec![input.tensor.into()], output.tensor)
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

/// The kernel's function; what is an activation has none.
fn function(unary: Unary) -> Result<Function, String> {
    Ok(match unary {
        Unary::Abs => Function::Abs,
        Unary::Ceil => Function::Ceil,
        Unary::Cosine => Function::Cosine,
        Unary::Elu { alpha } => Function::Elu { alpha },
        Unary::Erf => Function::Erf,
        Unary::Exp => Function::Exp,
        Unary::Floor => Function::Floor,
        Unary::Gelu => Function::Gelu,
        Unary::GeluTanh => Function::GeluTanh,
        Unary::LeakyRelu { slope } => Function::LeakyRelu { slope },
        Unary::Logarithm => Function::Logarithm,
        Unary::Negative => Function::Negative,
        Unary::Not => Function::Not,
        Unary::NotZero => Function::NotZero,
        Unary::Reciprocal => Function::Reciprocal,
        Unary::Round => Function::Round,
        Unary::Sign => Function::Sign,
        Unary::Sine => Function::Sine,
        Unary::Softplus => Function::Softplus,
        Unary::Sqrt => Function::Sqrt,
        Unary::Tanh => Function::Tanh,
        Unary::Clip { .. }
        | Unary::HardSigmoid { .. }
        | Unary::HardSwish
        | Unary::Relu
        | Unary::Sigmoid
        | Unary::Silu => return Err(format!("{unary:?} is an activation")),
    })
}
