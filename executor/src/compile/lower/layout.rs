//! In which layout each value lies, and the steps that bring it into another.

use super::super::graph::{Graph, Node, Port, Value};
use super::super::weights::{Key, Packed};
use super::place::{Buffer, Draft, Operand, Part};
use super::slots::Slots;
use crate::artifact::{Activation, Integers, Kernel, Map, Scalar, Space, Target, Transfer};

/// A plan under construction.
pub(super) struct Lowering<'a> {
    pub(super) graph: &'a Graph,
    /// The shape of every value, in the model's order of dimensions.
    shapes: Vec<Vec<usize>>,
    pub(super) target: Target,
    /// The requests that are computed together in the part under construction.
    pub(super) batch: usize,
    weights: &'a mut Packed,
    pub(super) values: Vec<Held>,
    /// The buffers of the workspace.
    pub(super) buffers: Vec<Buffer>,
    /// The parts of the plan; the last is under construction.
    pub(super) parts: Vec<Part>,
    /// Which of the graph's nodes is being lowered.
    node: usize,
    pub(super) slots: Slots,
}

/// Where a value lies, in each layout in which it has been asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    pub(super) plain: Option<Tensor>,
    pub(super) image: Option<Image>,
    outside: Option<Outside>,
}

/// A tensor in the workspace: elements from the begin of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor {
    pub(super) buffer: usize,
    pub(super) offset: usize,
}

/// A tensor that lies channels last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    pub(super) tensor: Tensor,
    pub(super) images: usize,
    pub(super) channels: usize,
    /// Pixels of an image.
    pub(super) pixels: usize,
    /// Elements from one pixel to the next.
    pub(super) pitch: usize,
    /// Channels that may be read: its own, and those behind them that hold finite numbers, which count
    /// for nothing where weights are zero.
    pub(super) filled: usize,
}

/// A tensor in io memory.
#[derive(Clone, Copy, Debug)]
struct Outside {
    /// In words, for the first request of the batch.
    offset: usize,
    /// Words from one request to the next.
    stride: usize,
    scalar: Scalar,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        target: Target,
        batch: usize,
        weights: &'a mut Packed,
    ) -> Self {
        let shapes: Vec<_> = graph.values.iter().map(|info| info.shape(batch)).collect();
        let values = vec![Held::default(); shapes.len()];
        let (buffers, parts) = (Vec::new(), vec![Part::new(batch)]);
        let slots = Slots::new(graph, target);
        Self { graph, shapes, target, batch, weights, values, buffers, parts, node: 0, slots }
    }

    /// Turns to a node, which is to be computed for so many requests together.
    pub(super) fn turn_to(&mut self, node: usize, batch: usize) {
        self.node = node;
        if batch == self.batch {
            return;
        }
        let values = self.values.iter_mut().zip(&self.graph.values);
        for (held, _) in values.filter(|(_, info)| info.batched) {
            if let Some(image) = &mut held.image {
                image.images = image.images / self.batch * batch;
            }
        }
        self.shapes = self.graph.values.iter().map(|info| info.shape(batch)).collect();
        self.batch = batch;
        self.parts.push(Part::new(batch));
    }

    /// A value's shape, in the model's order of dimensions.
    pub(super) fn shape(&self, value: Value) -> &[usize] {
        &self.shapes[value]
    }

    /// A value's elements.
    pub(super) fn len(&self, value: Value) -> usize {
        self.shapes[value].iter().product()
    }

    /// An input: in each request, which has `stride` words, it begins at `offset`.
    pub(super) fn enter(&mut self, port: &Port, offset: usize, stride: usize) {
        let outside = Outside { offset, stride, scalar: port.scalar };
        self.values[port.value].outside = Some(outside);
    }

    /// Brings an output to `offset` in each answer, which has `stride` elements.
    pub(super) fn leave(&mut self, value: Value, offset: usize, stride: usize) {
        let write = Operand::Outside { space: Space::Output, offset, stride };
        let held = self.values[value];
        // An answer of several images has them side by side.
        let lone = |image: &Image| held.plain.is_none() && image.images == self.batch;
        let (read, kernel) = if let Some(image) = held.image.filter(lone) {
            (image.tensor.into(), Kernel::ToPlanes(image.transfer(stride)))
        } else if self.batched(value) {
            let width = self.len(value) / self.batch;
            (self.operand(value), copy(self.batch, width, [width, stride]))
        } else {
            let kernel = self.repeated(self.len(value), stride);
            (self.operand(value), kernel)
        };
        self.push("output", kernel, vec![read], write);
    }

    /// A value's integers, if it is an input of them, and where they are.
    pub(super) fn tokens(&self, value: Value) -> Option<(Integers, Operand)> {
        let outside = self.values[value].outside?;
        let integers = outside.integers(self.batch, self.len(value) / self.batch)?;
        Some((integers, outside.operand()))
    }

    /// A value's tensor in row-major order.
    pub(super) fn plain(&mut self, value: Value) -> Tensor {
        let held = self.values[value];
        if let Some(tensor) = held.plain {
            return tensor;
        }
        if let Some(image) = held.image.filter(Image::is_plain) {
            return image.tensor;
        }
        let known = self.known(value).is_some().then(|| self.operand(value));
        let tensor = self.new_plain(value);
        let write = Operand::Tensor(tensor);
        if let Some(known) = known {
            let (rows, width) = (1, self.len(value));
            let activation = Activation::None;
            let kernel = Kernel::Map(Map { rows, width, pitches: [width; 2], activation });
            self.push("constant", kernel, vec![known], write);
        } else if let Some(image) = held.image {
            let kernel = Kernel::ToPlanes(image.transfer(image.channels * image.pixels));
            self.push("to planes", kernel, vec![image.tensor.into()], write);
        } else {
            let outside = held.outside.expect("nodes come in the order of their needs");
            let kernel = outside.brought(self.batch, self.len(value) / self.batch);
            self.push_input(kernel, outside, write);
        }
        tensor
    }

    /// A value's tensor channels last; in words why it is no image.
    pub(super) fn image(&mut self, value: Value) -> Result<Image, String> {
        let held = self.values[value];
        let [images, channels, ..] = self.dimensions(value)?;
        // A renamed image may be one of other dimensions.
        let same = |image: &Image| image.images == images && image.channels == channels;
        if let Some(image) = held.image.filter(same) {
            return Ok(image);
        }
        // What is no image yet, or comes as several images at once or as integers, is made one in two steps.
        let integers = held.outside.is_some_and(|outside| outside.scalar != Scalar::Float32);
        let steps = held.image.is_some() || self.known(value).is_some() || integers;
        if steps || images != self.batch {
            self.values[value].plain = Some(self.plain(value));
        }
        if let Some(tensor) = self.values[value].plain {
            let image = self.described(value, tensor, channels)?;
            if image.is_plain() {
                self.values[value].image = Some(image);
                return Ok(image);
            }
        }
        let image = self.wide_image(value, self.pitch(channels))?;
        self.values[value].image = Some(image);
        let write = Operand::Tensor(image.tensor);
        if let Some(plain) = self.values[value].plain {
            let kernel = Kernel::ToPixels(image.transfer_in(image.channels * image.pixels));
            self.push("to pixels", kernel, vec![plain.into()], write);
        } else {
            let outside = held.outside.expect("nodes come in the order of their needs");
            let kernel = Kernel::ToPixels(image.transfer_in(outside.stride));
            self.push_input(kernel, outside, write);
        }
        Ok(image)
    }

    /// A value's image, if it lies channels last; its shape may be another by now.
    pub(super) fn held_image(&self, value: Value) -> Option<Image> {
        self.values[value].image
    }

    /// Whether a value lies channels last and in no other layout.
    pub(super) fn is_image(&self, value: Value) -> bool {
        let held = self.values[value];
        held.plain.is_none() && held.image.is_some() && self.shape(value).len() == 4
    }

    /// A place for a value in row-major order.
    pub(super) fn new_plain(&mut self, value: Value) -> Tensor {
        let tensor = self.buffer(self.batched(value), self.len(value));
        self.values[value].plain = Some(tensor);
        tensor
    }

    /// A place for a value channels last, perhaps with gaps between its pixels; in words why it is no image.
    pub(super) fn new_image(&mut self, value: Value) -> Result<Image, String> {
        let Some(image) = self.slot(value)? else { return self.new_dense_image(value) };
        self.hold_image(value, image);
        Ok(image)
    }

    /// The same without gaps.
    pub(super) fn new_dense_image(&mut self, value: Value) -> Result<Image, String> {
        let [_, channels, ..] = self.dimensions(value)?;
        self.new_image_of(value, channels)
    }

    /// The same with room for more channels than it has, all of which will be written.
    pub(super) fn new_image_of(&mut self, value: Value, pitch: usize) -> Result<Image, String> {
        let image = self.wide_image(value, pitch)?;
        self.hold_image(value, image);
        Ok(image)
    }

    /// Says where a value lies channels last.
    pub(super) fn hold_image(&mut self, value: Value, image: Image) {
        self.values[value].image = Some(image);
    }

    /// Lets a value that is another with its dimensions renamed lie where that one lies.
    pub(super) fn alias(&mut self, from: Value, to: Value) {
        self.values[to] = self.values[from];
    }

    /// Where a tensor of weights lies; it is made once for all plans.
    pub(super) fn constant(&mut self, key: Key, make: impl FnOnce() -> Vec<f32>) -> Operand {
        Operand::Fixed(self.weights.place(key, make))
    }

    /// Adds a step for a node; in words why that is impossible.
    pub(super) fn step(
        &mut self,
        node: &Node,
        kernel: Kernel,
        reads: Vec<Operand>,
        write: Tensor,
    ) -> Result<(), String> {
        kernel.lengths(self.target).ok_or("its tensors exceed any memory")?;
        self.push(&node.name, kernel, reads, Operand::Tensor(write));
        Ok(())
    }

    /// Adds a step that brings a tensor into another form.
    pub(super) fn aside(&mut self, what: &str, kernel: Kernel, from: Tensor, to: Tensor) {
        self.push(what, kernel, vec![from.into()], to.into());
    }

    fn push(&mut self, name: &str, kernel: Kernel, reads: Vec<Operand>, write: Operand) {
        let draft = Draft { node: self.node, name: name.to_owned(), kernel, reads, write };
        self.part().steps.push(draft);
    }

    /// Adds a step that brings an input in.
    fn push_input(&mut self, kernel: Kernel, outside: Outside, write: Operand) {
        let (name, reads) = ("input".to_owned(), vec![outside.operand()]);
        let draft = Draft { node: self.node, name, kernel, reads, write };
        self.part().entering.push(draft);
    }

    /// What the node reads that is being lowered.
    pub(super) fn inputs(&self) -> &'a [Value] {
        &self.graph.nodes[self.node].inputs
    }

    fn part(&mut self) -> &mut Part {
        self.parts.last_mut().expect("a lowering begins with a part")
    }

    /// A node one of whose weights the target's elements cannot hold.
    pub(super) fn overflow(&self) -> Option<&str> {
        let (index, _) = self.weights.overflow()?;
        self.graph.nodes.get(index).map(|node| node.name.as_str())
    }

    /// Batch, channels, height and width of a value; in words why it is no image.
    pub(super) fn dimensions(&self, value: Value) -> Result<[usize; 4], String> {
        let shape = self.shape(value);
        shape.try_into().map_err(|_| format!("shape {shape:?}; supported: four dimensions"))
    }

    fn described(&self, value: Value, tensor: Tensor, pitch: usize) -> Result<Image, String> {
        let [images, channels, high, wide] = self.dimensions(value)?;
        Ok(Image { tensor, images, channels, pixels: high * wide, pitch, filled: pitch })
    }

    fn wide_image(&mut self, value: Value, pitch: usize) -> Result<Image, String> {
        let [images, _, high, wide] = self.dimensions(value)?;
        let tensor = self.buffer(self.batched(value), images * high * wide * pitch);
        self.described(value, tensor, pitch)
    }

    /// A buffer of so many elements, for all requests of the part together or for all of them alike.
    pub(super) fn buffer(&mut self, batched: bool, elements: usize) -> Tensor {
        let elements = if batched { elements / self.batch } else { elements };
        self.buffers.push(Buffer { elements, batched });
        Tensor { buffer: self.buffers.len() - 1, offset: 0 }
    }
}

/// Copies rows.
const fn copy(rows: usize, width: usize, pitches: [usize; 2]) -> Kernel {
    Kernel::Map(Map { rows, width, pitches, activation: Activation::None })
}

impl Image {
    /// Whether it lies as it would in row-major order.
    fn is_plain(&self) -> bool {
        self.pitch == self.channels && (self.pixels == 1 || self.channels == 1)
    }

    /// Between it and planes, which begin `stride` elements apart.
    fn transfer(&self, stride: usize) -> Transfer {
        let Self { images, channels, pixels, pitch, .. } = *self;
        Transfer { images, channels, pixels, stride, pitch, zeros: 0 }
    }

    /// From planes that begin `stride` elements apart, with zeros behind its channels.
    fn transfer_in(&self, stride: usize) -> Transfer {
        Transfer { zeros: self.filled - self.channels, ..self.transfer(stride) }
    }
}

impl Outside {
    /// Brings a row per request of a batch into the workspace.
    fn brought(self, rows: usize, width: usize) -> Kernel {
        let copied = || copy(rows, width, [self.stride, width]);
        self.integers(rows, width).map_or_else(copied, Kernel::Integers)
    }

    /// What it is, if it is integers.
    fn integers(self, rows: usize, width: usize) -> Option<Integers> {
        let Self { stride, scalar, .. } = self;
        let wide = match scalar {
            Scalar::Float32 => return None,
            Scalar::Int32 => false,
            Scalar::Int64 => true,
        };
        Some(Integers { rows, width, stride, wide })
    }

    fn operand(self) -> Operand {
        Operand::Outside { space: Space::Input, offset: self.offset, stride: self.stride }
    }
}
