//! Operations that put tensors together or take entries out of them.

use super::super::graph::{Node, Pad, Resize, Value};
use super::layout::Lowering;
use crate::artifact::{
    Border, Element, Embedding, Gather, Grid, Kernel, Lookup, Resize as Resampled, Sample, Strided,
};

impl Lowering<'_> {
    pub(super) fn concat(&mut self, node: &Node, axis: usize) -> Result<(), String> {
        let images = node.inputs.iter().any(|&value| self.seen_as_image(value).is_some());
        let batched = node.inputs.iter().all(|&value| self.batched(value));
        if axis == 1 && images && batched {
            return self.concat_channels(node);
        }
        let dims = self.request(node.output).to_vec();
        let outer: usize = dims[..axis].iter().product();
        let inner: usize = dims[axis + 1..].iter().product();
        let (copies, pitch) = (self.copies(node.output), dims[axis] * inner);
        let mut output = self.new_plain(node.output);
        for &value in &node.inputs {
            let width = self.request(value)[axis] * inner;
            let own = isize::try_from(outer * width).map_err(|_| "too large")?;
            let strides = vec![if self.batched(value) { own } else { 0 }, own / signed(outer)?, 1];
            let grid = Grid { dims: vec![copies, outer, width], pitch };
            let kernel = Kernel::Strided(Strided { grid, begin: 0, strides });
            let read = self.operand(value);
            self.step(node, kernel, vec![read], output)?;
            output.offset += width;
        }
        Ok(())
    }

    /// Channels of images, side by side.
    fn concat_channels(&mut self, node: &Node) -> Result<(), String> {
        if self.is_joint(node.output) {
            return self.join(node);
        }
        let whole = self.new_image(node.output)?;
        let mut begin = 0;
        for &value in &node.inputs {
            let image = self.image(value)?;
            self.copy_channels(node, image, whole, begin)?;
            begin += image.channels;
        }
        Ok(())
    }

    /// Entries of a dimension by their index.
    pub(super) fn gather(
        &mut self,
        node: &Node,
        axis: usize,
        indices: &[usize],
    ) -> Result<(), String> {
        let input = node.inputs[0];
        let (dims, place, image) = self.lie(input, axis);
        let shape = Gather {
            outer: dims[..place].iter().product(),
            len: dims[place],
            inner: dims[place + 1..].iter().product(),
            indices: indices.to_vec(),
        };
        let read = if image { self.image(input)?.tensor.into() } else { self.operand(input) };
        let output = self.output(node.output, image)?;
        self.step(node, Kernel::Gather(shape), vec![read], output)
    }

    /// Rows of a table by tokens of the input, or by computed indices.
    pub(super) fn lookup(&mut self, node: &Node) -> Result<(), String> {
        let [table, indices] = node.inputs[..] else { return Err("two inputs".to_owned()) };
        let dims = self.request(table);
        let (rows, width) = (dims[0], dims[1..].iter().product());
        let count = self.len(indices);
        if let Some((tokens, place)) = self.tokens(indices) {
            let reads = vec![place, self.operand(table)];
            let output = self.new_plain(node.output);
            let kernel = Kernel::Embedding(Embedding { rows, width, tokens });
            return self.step(node, kernel, reads, output);
        }
        if self.target.element() == Element::F16 && rows > F16_WHOLE {
            return Err(format!(
                "computed indices into {rows} rows; f16 holds whole numbers up to {F16_WHOLE}: use fp32 or tf32"
            ));
        }
        let reads = vec![self.operand(table), self.plain(indices).into()];
        let output = self.new_plain(node.output);
        self.step(node, Kernel::Lookup(Lookup { rows, width, count }), reads, output)
    }

    pub(super) fn border(&mut self, node: &Node, pad: &Pad) -> Result<(), String> {
        let input = node.inputs[0];
        let (dims, _, image) = self.lie(input, 0);
        let order = |pads: &[usize]| match pads {
            &[n, c, h, w] if image => vec![0, n, h, w, c],
            _ => [&[0], pads].concat(),
        };
        let shape =
            Border { dims, begin: order(&pad.begin), end: order(&pad.end), value: pad.value };
        let read = if image { self.image(input)?.tensor.into() } else { self.operand(input) };
        let output = self.output(node.output, image)?;
        self.step(node, Kernel::Border(shape), vec![read], output)
    }

    /// The dimensions of a value in the order in which it lies without gaps, the batch first; where
    /// one of them is; whether it lies channels last.
    pub(super) fn lie(&self, value: Value, axis: usize) -> (Vec<usize>, usize, bool) {
        let dims = self.request(value);
        let image = self.known(value).is_none() && self.dense_image(value).is_some();
        let copies = self.copies(value);
        match *dims {
            [n, c, h, w] if image => (vec![copies, n, h, w, c], [1, 4, 2, 3][axis], true),
            _ => ([&[copies], dims].concat(), axis + 1, false),
        }
    }

    pub(super) fn resize(&mut self, node: &Node, resize: &Resize) -> Result<(), String> {
        let [_, _, high, wide] = self.dimensions(node.inputs[0])?;
        let input = self.image(node.inputs[0])?;
        let output = self.new_image(node.output)?;
        let samples = |samples: &[super::super::graph::Sample]| {
            samples.iter().map(|sample| Sample(sample.low, sample.high, sample.share)).collect()
        };
        let shape = Resampled {
            images: input.images,
            channels: input.channels,
            pitches: [input.pitch, output.pitch],
            input: [high, wide],
            rows: samples(&resize.rows),
            columns: samples(&resize.columns),
        };
        self.step(node, Kernel::Resize(shape), vec![input.tensor.into()], output.tensor)
    }
}

fn signed(size: usize) -> Result<isize, String> {
    isize::try_from(size).map_err(|_| "too large".to_owned())
}

/// Up to here, an f16 holds every whole number.
const F16_WHOLE: usize = 1 << 11;
