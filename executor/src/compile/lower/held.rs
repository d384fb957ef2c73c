//! What is known of a value while a plan is made, and where a result may rest without a step.

use std::rc::Rc;

use super::super::graph::Value;
use super::super::tensor::{Elements, Tensor as Constant};
use super::layout::{Image, Lowering, Tensor};
use super::place::Operand;
use crate::artifact::{Grid, Kernel, Strided};

impl Lowering<'_> {
    /// A value's dimensions for one request.
    pub(super) fn request(&self, value: Value) -> &[usize] {
        &self.graph.values[value].dims
    }

    /// Whether there is one of a value per request.
    pub(super) fn batched(&self, value: Value) -> bool {
        self.graph.values[value].batched
    }

    /// How many of a value there are.
    pub(super) fn copies(&self, value: Value) -> usize {
        if self.batched(value) { self.batch } else { 1 }
    }

    /// The elements of a value that is a constant.
    pub(super) fn known(&self, value: Value) -> Option<&Rc<Constant>> {
        self.graph.values[value].constant.as_ref()
    }

    /// Where a value is to be read in row-major order; a constant among the weights.
    pub(super) fn operand(&mut self, value: Value) -> Operand {
        let Some(constant) = self.known(value).cloned() else { return self.plain(value).into() };
        self.constant((value, "value"), || match &constant.elements {
            Elements::Floats(values) => values.clone(),
            Elements::Integers(values) => {
                values.iter().map(|&number| super::super::number::to_float(number)).collect()
            }
        })
    }

    /// A value's image, if it lies channels last in the dimensions that it has.
    pub(super) fn seen_as_image(&self, value: Value) -> Option<Image> {
        let &[images, channels, high, wide] = self.shape(value) else { return None };
        self.values[value].image.filter(|image| {
            (image.images, image.channels, image.pixels) == (images, channels, high * wide)
        })
    }

    /// The same without gaps between its pixels.
    pub(super) fn dense_image(&self, value: Value) -> Option<Image> {
        self.seen_as_image(value).filter(|image| image.pitch == image.channels)
    }

    /// A place for a value without gaps.
    pub(super) fn output(&mut self, value: Value, image: bool) -> Result<Tensor, String> {
        if image { Ok(self.new_dense_image(value)?.tensor) } else { Ok(self.new_plain(value)) }
    }

    /// A value's elements lie here already, in row-major order.
    pub(super) fn rest_plain(&mut self, value: Value, tensor: Tensor) {
        self.values[value].plain = Some(tensor);
    }

    /// A value's elements lie here already, channels last and without gaps.
    pub(super) fn rest_image(&mut self, value: Value, tensor: Tensor) -> Result<(), String> {
        let [images, channels, high, wide] = self.dimensions(value)?;
        let (pixels, pitch) = (high * wide, channels);
        let image = Image { tensor, images, channels, pixels, pitch, filled: channels };
        self.values[value].image = Some(image);
        Ok(())
    }

    /// A value is some channels of an image.
    pub(super) fn rest_channels(&mut self, value: Value, image: Image, begin: usize, len: usize) {
        let Tensor { buffer, offset } = image.tensor;
        let tensor = Tensor { buffer, offset: offset + begin };
        self.values[value].image = Some(Image { tensor, channels: len, filled: len, ..image });
    }

    /// Copies the same elements into every request's part, `stride` elements apart.
    pub(super) fn repeated(&self, width: usize, stride: usize) -> Kernel {
        let grid = Grid { dims: vec![self.batch, width], pitch: stride };
        Kernel::Strided(Strided { grid, begin: 0, strides: vec![0, 1] })
    }
}
