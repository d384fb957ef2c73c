//! Which channels of a concatenation are whose: a value that will be some of its channels is written there by the step
//! that computes it, and the concatenation itself costs nothing.
//!
//! A value has a slot in at most one concatenation, the last that reads it. So where each layer's features are joined
//! with those of all layers before it, all of them have their slots in the last and widest image, and what the other
//! concatenations make are its first channels.
//!
//! A slot is a plan, which [`Lowering`] may leave unused: a value is written elsewhere, and copied into its slot by the
//! first concatenation that needs it there,
//!
//! * if the step that computes it writes without gaps alone, or if a step that reads it reads without gaps alone;
//! * if it is computed from what lies in the same image: a step's tensors never overlap, and those of one image do.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::{Graph, Node, Op, Value};
use super::gpu::group;
use super::layout::{Image, Lowering, Tensor};
use crate::artifact::{Activation, Kernel, Map, Target};

/// The slots of a plan's values.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// What the concatenations of images make.
    joints: BTreeSet<Value>,
    of: BTreeMap<Value, Slot>,
    /// Values that are computed right into their slots.
    direct: BTreeSet<Value>,
    /// Values whose elements lie in their slots by now.
    filled: BTreeSet<Value>,
    /// Where the widest images lie, once there is something in them.
    roots: BTreeMap<Value, Tensor>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// What the concatenation makes.
    whole: Value,
    /// The channel of it that is the value's first.
    begin: usize,
}

impl Slots {
    /// Gives the values of a graph their slots.
    pub(super) fn new(graph: &Graph, target: Target) -> Self {
        let mut slots = Self { joints: joints(graph, group(target)), ..Self::default() };
        let readers = Readers::of(graph, target);
        for node in graph.nodes.iter().rev() {
            if slots.joints.contains(&node.output) {
                slots.divide(graph, &readers, node);
            }
        }
        let direct = |node: &&Node| writes_slices(&node.op) && readers.take_slices(node.output);
        let direct = graph.nodes.iter().filter(direct).map(|node| node.output);
        slots.direct = direct.filter(|value| slots.of.contains_key(value)).collect();
        slots
    }

    /// Gives the inputs of a concatenation slots in what it makes.
    fn divide(&mut self, graph: &Graph, readers: &Readers<'_>, node: &Node) {
        let whole = node.output;
        if readers.take_slices(whole) && !self.of.contains_key(&whole) {
            // Its inputs may lie side by side in a wider image already.
            self.of.extend(self.run(graph, &node.inputs).map(|slot| (whole, slot)));
        }
        let mut begin = 0;
        for &value in &node.inputs {
            let once = node.inputs.iter().filter(|&&other| other == value).count() == 1;
            let movable = !self.joints.contains(&value) || readers.take_slices(value);
            if once && movable {
                self.of.entry(value).or_insert(Slot { whole, begin });
            }
            begin += channels(graph, value);
        }
    }

    /// The slot of values that have slots side by side.
    fn run(&self, graph: &Graph, values: &[Value]) -> Option<Slot> {
        let first = *self.of.get(values.first()?)?;
        let mut end = first.begin;
        for value in values {
            let slot = self.of.get(value)?;
            if (slot.whole, slot.begin) != (first.whole, end) {
                return None;
            }
            end += channels(graph, *value);
        }
        Some(first)
    }

    /// The widest image that a value is part of, and the channel of it that is the value's first.
    fn place(&self, mut value: Value) -> (Value, usize) {
        let mut begin = 0;
        while let Some(slot) = self.of.get(&value) {
            begin += slot.begin;
            value = slot.whole;
        }
        (value, begin)
    }
}

/// What concatenations of images make, if each has whole groups of channels and one is an image for sure.
fn joints(graph: &Graph, group: usize) -> BTreeSet<Value> {
    let mut images = BTreeSet::new();
    let mut joints = BTreeSet::new();
    for node in &graph.nodes {
        let joins = matches!(node.op, Op::Concat { axis: 1 })
            && graph.values[node.output].dims.len() == 4
            && node.inputs.iter().any(|value| images.contains(value))
            && node.inputs.iter().all(|&value| {
                graph.values[value].batched && channels(graph, value).is_multiple_of(group)
            });
        if joins {
            joints.insert(node.output);
        }
        let four = graph.values[node.output].dims.len() == 4;
        let of_images = matches!(node.op, Op::Convolution(_) | Op::Pool { .. } | Op::Resize(_));
        if joins || of_images || four && matches!(node.op, Op::Affine(_)) {
            images.insert(node.output);
        }
    }
    joints
}

/// Whether the step of an operation can leave gaps in the image that it writes.
const fn writes_slices(op: &Op) -> bool {
    matches!(
        op,
        Op::Convolution(_)
            | Op::Pool { .. }
            | Op::Resize(_)
            | Op::Affine(_)
            | Op::Unary(_)
            | Op::Binary { .. }
    )
}

/// Who reads each value.
struct Readers<'a> {
    target: Target,
    nodes: BTreeMap<Value, Vec<&'a Node>>,
}

impl<'a> Readers<'a> {
    fn of(graph: &'a Graph, target: Target) -> Self {
        let mut nodes: BTreeMap<Value, Vec<&Node>> = BTreeMap::new();
        for node in &graph.nodes {
            for &value in &node.inputs {
                nodes.entry(value).or_default().push(node);
            }
        }
        Self { target, nodes }
    }

    /// Whether all of a value's readers take an image with gaps as it is. What libraries for GPUs make of one is not
    /// known; an output of the model is copied in any case.
    fn take_slices(&self, value: Value) -> bool {
        let takes = |node: &&Node| match &node.op {
            Op::Convolution(filters) => self.target == Target::Cpu || filters.is_depthwise(),
            Op::Concat { axis } => *axis == 1,
            &Op::Reduce { axis, count, .. } => (axis, count) == (2, 2),
            Op::Affine(_)
            | Op::Binary { .. }
            | Op::Move(_)
            | Op::Pool { .. }
            | Op::Resize(_)
            | Op::Select
            | Op::Unary(_) => true,
            Op::Gather { .. }
            | Op::Linear(_)
            | Op::Lookup
            | Op::MatMul
            | Op::Normalize { .. }
            | Op::Pad(_)
            | Op::Reshape { .. }
            | Op::Softmax { .. } => false,
        };
        self.nodes.get(&value).is_none_or(|nodes| nodes.iter().all(takes))
    }
}

fn channels(graph: &Graph, value: Value) -> usize {
    graph.values[value].dims[1]
}

impl Lowering<'_> {
    /// Whether a value is what a concatenation of images makes, for which there is a plan.
    pub(super) fn is_joint(&self, value: Value) -> bool {
        self.slots.joints.contains(&value)
    }

    /// Where the node that is being lowered is to write its result: the slot of a value, if it has one and
    /// nothing that the node reads lies in the same image.
    pub(super) fn slot(&mut self, value: Value) -> Result<Option<Image>, String> {
        if !self.slots.direct.contains(&value) {
            return Ok(None);
        }
        let image = self.whole_or_slot(value)?;
        let buffer = image.tensor.buffer;
        if self.inputs().iter().any(|&input| self.lies_in(input, buffer)) {
            return Ok(None);
        }
        self.slots.filled.insert(value);
        Ok(Some(image))
    }

    /// Channels of images, side by side: what is not there yet is copied.
    pub(super) fn join(&mut self, node: &Node) -> Result<(), String> {
        let whole = self.whole_or_slot(node.output)?;
        let (root, first) = self.slots.place(node.output);
        let mut begin = 0;
        for &value in &node.inputs {
            let own = self.slots.place(value) == (root, first + begin);
            if !own || !self.slots.filled.contains(&value) {
                let image = self.image(value)?;
                self.copy_channels(node, image, whole, begin)?;
            }
            if own {
                self.slots.filled.insert(value);
            }
            begin += self.shape(value)[1];
        }
        self.slots.filled.insert(node.output);
        self.hold_image(node.output, whole);
        Ok(())
    }

    /// Copies an image into the channels of another from one on.
    pub(super) fn copy_channels(
        &mut self,
        node: &Node,
        from: Image,
        to: Image,
        begin: usize,
    ) -> Result<(), String> {
        let mut from = from;
        if from.tensor.buffer == to.tensor.buffer {
            // A step's tensors must not overlap, and those of one image do.
            let tensor = self.buffer(true, from.images * from.pixels * from.channels);
            let aside = Image { tensor, pitch: from.channels, filled: from.channels, ..from };
            self.step(node, moved(from, aside), vec![from.tensor.into()], tensor)?;
            from = aside;
        }
        let Tensor { buffer, offset } = to.tensor;
        let write = Tensor { buffer, offset: offset + begin };
        self.step(node, moved(from, to), vec![from.tensor.into()], write)
    }

    /// The channels that a value has in the widest image that it is part of.
    fn whole_or_slot(&mut self, value: Value) -> Result<Image, String> {
        let (root, begin) = self.slots.place(value);
        let [images, pitch, high, wide] = self.dimensions(root)?;
        let channels = self.shape(value)[1];
        let pixels = high * wide;
        let Tensor { buffer, offset } = match self.slots.roots.get(&root) {
            Some(tensor) => *tensor,
            None => self.buffer(true, images * pixels * pitch),
        };
        self.slots.roots.insert(root, Tensor { buffer, offset });
        let tensor = Tensor { buffer, offset: offset + begin };
        Ok(Image { tensor, images, channels, pixels, pitch, filled: channels })
    }

    fn lies_in(&self, value: Value, buffer: usize) -> bool {
        let held = self.values[value];
        let tensors = [held.plain, held.image.map(|image| image.tensor)];
        tensors.iter().flatten().any(|tensor| tensor.buffer == buffer)
    }
}

/// Copies pixels.
fn moved(from: Image, to: Image) -> Kernel {
    Kernel::Map(Map {
        rows: from.images * from.pixels,
        width: from.channels,
        pitches: [from.pitch, to.pitch],
        activation: Activation::None,
    })
}
