//! Operations that combine the elements of a range.

use super::super::graph::{Affine as Factors, Node, Reduce as Kind};
use super::layout::Lowering;
use crate::artifact::{
    Affine, Broadcast, Combination, Grid, Kernel, Normalize, Ranges, Reduce, Shares, Summary,
};

impl Lowering<'_> {
    pub(super) fn reduce(
        &mut self,
        node: &Node,
        kind: Kind,
        (axis, count): (usize, usize),
    ) -> Result<(), String> {
        let input = node.inputs[0];
        let kind = match kind {
            Kind::Max => Summary::Max,
            Kind::Mean => Summary::Mean,
            Kind::Min => Summary::Min,
            Kind::Sum => Summary::Sum,
        };
        let image = self.seen_as_image(input).filter(|_| (axis, count) == (2, 2));
        let (ranges, read) = if let Some(image) = image {
            let ranges = Ranges {
                outer: image.images,
                len: image.pixels,
                inner: image.channels,
                pitch: image.pitch,
            };
            (ranges, image.tensor.into())
        } else {
            let dims = self.request(input);
            let inner = dims[axis + count..].iter().product();
            let ranges = Ranges {
                outer: self.copies(input) * dims[..axis].iter().product::<usize>(),
                len: dims[axis..axis + count].iter().product(),
                inner,
                pitch: inner,
            };
            (ranges, self.operand(input))
        };
        let output = self.new_plain(node.output);
        self.step(node, Kernel::Reduce(Reduce { ranges, kind }), vec![read], output)
    }

    pub(super) fn shares(
        &mut self,
        node: &Node,
        (axis, count): (usize, usize),
        logarithm: bool,
    ) -> Result<(), String> {
        let input = node.inputs[0];
        let dims = self.request(input);
        // The channels of a pixel lie side by side.
        let image = self.dense_image(input).filter(|_| (axis, count) == (1, 1));
        let inner: usize = if image.is_some() { 1 } else { dims[axis + count..].iter().product() };
        let len: usize = dims[axis..axis + count].iter().product();
        let outer = self.len(input) / (len * inner);
        let ranges = Ranges { outer, len, inner, pitch: inner };
        let read = match image {
            Some(image) => image.tensor.into(),
            None => self.operand(input),
        };
        let output = self.output(node.output, image.is_some())?;
        self.step(node, Kernel::Shares(Shares { ranges, logarithm }), vec![read], output)
    }

    pub(super) fn normalize(
        &mut self,
        index: usize,
        node: &Node,
        (axis, epsilon): (usize, f32),
        line: Option<&(Vec<f32>, Vec<f32>)>,
    ) -> Result<(), String> {
        let input = node.inputs[0];
        let columns: usize = self.request(input)[axis..].iter().product();
        let rows = self.len(input) / columns;
        let mut reads = vec![self.operand(input)];
        if let Some((scale, shift)) = line {
            reads.push(self.constant((index, "scale"), || scale.clone()));
            reads.push(self.constant((index, "shift"), || shift.clone()));
        }
        let scaled = line.is_some();
        let output = self.new_plain(node.output);
        let shape = Normalize { rows, columns, epsilon, scaled };
        self.step(node, Kernel::Normalize(shape), reads, output)
    }

    /// A factor and a summand per channel.
    pub(super) fn affine(
        &mut self,
        index: usize,
        node: &Node,
        factors: &Factors,
    ) -> Result<(), String> {
        let input = node.inputs[0];
        let scale = self.constant((index, "scale"), || factors.scale.clone());
        let shift = self.constant((index, "shift"), || factors.shift.clone());
        let activation = factors.activation;
        let dims = self.request(input).to_vec();
        if dims.len() == 4 || dims.len() == 2 {
            let (read, output, rows, width, pitches) = if dims.len() == 4 {
                let image = self.image(input)?;
                let output = self.new_image(node.output)?;
                let rows = image.images * image.pixels;
                let pitches = [image.pitch, output.pitch];
                (image.tensor.into(), output.tensor, rows, image.channels, pitches)
            } else {
                let read = self.operand(input);
                let output = self.new_plain(node.output);
                (read, output, self.len(input) / dims[1], dims[1], [dims[1]; 2])
            };
            let shape = Affine { rows, width, pitches, activation };
            return self.step(node, Kernel::Affine(shape), vec![read, scale, shift], output);
        }
        // Planes of other ranks: the product, then the sum.
        let inner: usize = dims[2..].iter().product();
        let product = self.buffer(self.batched(input), self.len(input));
        let grid = || Grid {
            dims: vec![self.len(input) / (dims[1] * inner), dims[1], inner],
            pitch: inner,
        };
        let strides = || [vec![dims[1] * inner, inner, 1], vec![0, 1, 0]];
        let broadcast = |combination, activation| {
            Kernel::Broadcast(Broadcast {
                combination,
                grid: grid(),
                strides: strides(),
                activation,
            })
        };
        let times = broadcast(Combination::Multiply, crate::artifact::Activation::None);
        let plus = broadcast(Combination::Add, activation);
        let read = self.operand(input);
        self.step(node, times, vec![read, scale], product)?;
        let output = self.new_plain(node.output);
        self.step(node, plus, vec![product.into(), shift], output)
    }
}
