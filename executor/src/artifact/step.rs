//! The check of one step: every tensor lies inside its memory, nothing is written that is read, and
//! what is read has been written.

use std::ops::Range;

use super::kernel::READS;
use super::written::Written;
use super::{Area, Element, Kernel, Lengths, Place, Sizes, Space, Step, TENSOR_ALIGNMENT, Target};

/// A step whose tensors are known to lie inside their memories.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedStep {
    /// What is done.
    pub kernel: Kernel,
    /// The tensors that it reads; an empty one stands for none.
    pub reads: [Extent; READS],
    /// Its scratch area in the workspace.
    pub scratch: Range<usize>,
    /// The tensor that it writes.
    pub write: Extent,
}

/// A tensor in a memory, in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// In which memory.
    pub space: Space,
    /// From its first element to its last, the first time that its step is done.
    pub range: Range<usize>,
    /// Elements from there to where it is the next time.
    pub stride: usize,
    /// Which of them are its own.
    pub area: Area,
}

/// What is wrong with a step.
pub(super) struct Fault {
    pub(super) field: String,
    pub(super) reason: String,
}

impl Fault {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl CheckedStep {
    /// Checks a step that is done so many times.
    pub(super) fn check(
        step: &Step,
        sizes: &Sizes,
        target: Target,
        times: usize,
    ) -> Result<Self, Fault> {
        let memory = Memory { sizes, element: target.element(), times };
        let lengths = step.run.lengths(target).ok_or_else(|| {
            Fault::new("run", "shapes contradict each other, are zero or exceed any memory")
        })?;
        let write = memory.extent("write", step.write, lengths.write)?;
        if !matches!(write.space, Space::Output | Space::Workspace) {
            return Err(Fault::new("write.space", "only output and workspace are written"));
        }
        let reads = memory.reads(step, &lengths)?;
        let outside = |extent: &Extent| matches!(extent.space, Space::Input | Space::Output);
        if !step.run.moves() && (outside(&write) || reads.iter().any(outside)) {
            return Err(Fault::new("run", "only a kernel that moves data touches io memory"));
        }
        let scratch = memory.scratch(step, lengths.scratch)?;
        let checked = Self { kernel: step.run.clone(), reads, scratch, write };
        (0..times).try_for_each(|time| checked.check_overlap(time))?;
        Ok(checked)
    }

    /// What a step reads of the workspace, a step before has written: nothing is ever seen of
    /// another inference, perhaps of another model. `written` is that of workspace and output,
    /// `time` how often the step has been done before.
    pub(super) fn follow(&self, time: usize, written: &mut [Written; 2]) -> Result<(), Fault> {
        let [workspace, output] = written;
        for (index, read) in self.reads.iter().enumerate() {
            if read.space == Space::Workspace && !workspace.covers(read.at(time).start, &read.area)
            {
                let reason = "no step before has written all of it";
                return Err(Fault::new(format!("reads[{index}]"), reason));
            }
        }
        let space = if self.write.space == Space::Output { output } else { workspace };
        space.add(self.write.at(time).start, self.write.area);
        Ok(())
    }

    /// A kernel may assume that what it writes is nothing that it reads.
    fn check_overlap(&self, time: usize) -> Result<(), Fault> {
        let scratch = (Space::Workspace, self.scratch.clone());
        let place = |extent: &Extent| (extent.space, extent.at(time));
        let write = place(&self.write);
        if overlap(&write, &scratch) {
            return Err(Fault::new("scratch", "overlaps what the step writes"));
        }
        for (index, read) in self.reads.iter().enumerate() {
            let read = place(read);
            if overlap(&read, &write) || overlap(&read, &scratch) {
                let reason = "overlaps what the step writes or its scratch area";
                return Err(Fault::new(format!("reads[{index}]"), reason));
            }
        }
        Ok(())
    }
}

/// The memory that a step's tensors must lie in.
struct Memory<'a> {
    sizes: &'a Sizes,
    element: Element,
    /// How often the step is done.
    times: usize,
}

impl Memory<'_> {
    /// How many elements a space has, and what they are.
    const fn of(&self, space: Space) -> (usize, Element) {
        match space {
            Space::Input => (self.sizes.input, Element::F32),
            Space::Output => (self.sizes.output, Element::F32),
            Space::Workspace => (self.sizes.workspace, self.element),
            Space::Weights => (self.sizes.weights, self.element),
        }
    }

    fn reads(&self, step: &Step, lengths: &Lengths) -> Result<[Extent; READS], Fault> {
        let wanted = lengths.reads.iter().flatten().count();
        if step.reads.len() != wanted {
            let reason = format!("{} tensors; this kernel reads {wanted}", step.reads.len());
            return Err(Fault::new("reads", reason));
        }
        let mut reads = [Extent::NONE; READS];
        let places = step.reads.iter().zip(lengths.reads.iter().flatten());
        for (index, (place, area)) in places.enumerate() {
            let field = format!("reads[{index}]");
            if place.space == Space::Output {
                return Err(Fault::new(field + ".space", "the output is only written"));
            }
            reads[index] = self.extent(&field, *place, *area)?;
        }
        Ok(reads)
    }

    fn scratch(&self, step: &Step, len: usize) -> Result<Range<usize>, Fault> {
        match (step.scratch, len) {
            (None, 0) => Ok(0..0),
            (None, _) => Err(Fault::new("scratch", "missing; this kernel needs one")),
            (Some(offset), len) => {
                let place = Place { space: Space::Workspace, offset, stride: 0 };
                let area = Area { rows: 1, width: len, pitch: len };
                self.extent("scratch", place, area).map(|extent| extent.range)
            }
        }
    }

    fn extent(&self, field: &str, place: Place, area: Area) -> Result<Extent, Fault> {
        let (size, element) = self.of(place.space);
        let element = element.bytes();
        // A slice of the channels of an image begins where those before it end.
        let alignment = if area.width == area.pitch { TENSOR_ALIGNMENT } else { element };
        // From one repetition to the next it is what the requests between them take.
        for (name, bytes, alignment) in
            [("offset", place.offset, alignment), ("stride", place.stride, element)]
        {
            if !bytes.is_multiple_of(alignment) {
                let reason = format!("{bytes} is not a multiple of {alignment}");
                return Err(Fault::new(format!("{field}.{name}"), reason));
            }
        }
        let (begin, stride) = (place.offset / element, place.stride / element);
        let len = area.span();
        let last = begin.saturating_add(stride.saturating_mul(self.times - 1));
        match last.checked_add(len) {
            Some(end) if end <= size => {
                Ok(Extent { space: place.space, range: begin..begin + len, stride, area })
            }
            _ => Err(Fault::new(
                format!("{field}.offset"),
                format!("{len} elements at element {last} exceed the memory's {size}"),
            )),
        }
    }
}

impl Extent {
    const NONE: Self = Self {
        space: Space::Weights,
        range: 0..0,
        stride: 0,
        area: Area { rows: 0, width: 0, pitch: 0 },
    };

    /// From its first element to its last when its step has been done `time` times before.
    pub fn at(&self, time: usize) -> Range<usize> {
        let shift = time * self.stride;
        self.range.start + shift..self.range.end + shift
    }
}

fn overlap(one: &(Space, Range<usize>), other: &(Space, Range<usize>)) -> bool {
    one.0 == other.0 && one.1.start < other.1.end && other.1.start < one.1.end
}
