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
    /// From its first element to its last.
    pub range: Range<usize>,
    /// Which of them are its own.
    pub area: Area,
}

/// What is wrong with a step.
/// The memory that a plan's tensors must lie in.
struct Memory<'a> {
    sizes: &'a Sizes,
    element: Element,
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
}

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
    pub(super) fn check(step: &Step, sizes: &Sizes, target: Target) -> Result<Self, Fault> {
        let memory = Memory { sizes, element: target.element() };
        let lengths = step.run.lengths(target).ok_or_else(|| {
            Fault::new("run", "shapes contradict each other, are zero or exceed any memory")
        })?;
        let write = Extent::check("write", step.write, lengths.write, &memory)?;
        if !matches!(write.space, Space::Output | Space::Workspace) {
            return Err(Fault::new("write.space", "only output and workspace are written"));
        }
        let reads = check_reads(step, &lengths, &memory)?;
        let outside = |extent: &Extent| matches!(extent.space, Space::Input | Space::Output);
        if !step.run.moves() && (outside(&write) || reads.iter().any(outside)) {
            return Err(Fault::new("run", "only a kernel that moves data touches io memory"));
        }
        let scratch = check_scratch(step, lengths.scratch, &memory)?;
        let checked = Self { kernel: step.run.clone(), reads, scratch, write };
        checked.check_overlap()?;
        Ok(checked)
    }

    /// What a step reads of the workspace, a step before has written: nothing is ever seen of
    /// another inference, perhaps of another model. `written` is that of workspace and output.
    pub(super) fn follow(&self, written: &mut [Written; 2]) -> Result<(), Fault> {
        let [workspace, output] = written;
        for (index, read) in self.reads.iter().enumerate() {
            if read.space == Space::Workspace && !workspace.covers(read.range.start, &read.area) {
                let reason = "no step before has written all of it";
                return Err(Fault::new(format!("reads[{index}]"), reason));
            }
        }
        let space = if self.write.space == Space::Output { output } else { workspace };
        space.add(self.write.range.start, self.write.area);
        Ok(())
    }

    /// A kernel may assume that what it writes is nothing that it reads.
    fn check_overlap(&self) -> Result<(), Fault> {
        let area = Area { rows: 1, width: self.scratch.len(), pitch: self.scratch.len() };
        let scratch = Extent { space: Space::Workspace, range: self.scratch.clone(), area };
        if self.write.overlaps(&scratch) {
            return Err(Fault::new("scratch", "overlaps what the step writes"));
        }
        for (index, read) in self.reads.iter().enumerate() {
            if read.overlaps(&self.write) || read.overlaps(&scratch) {
                let reason = "overlaps what the step writes or its scratch area";
                return Err(Fault::new(format!("reads[{index}]"), reason));
            }
        }
        Ok(())
    }
}

fn check_reads(
    step: &Step,
    lengths: &Lengths,
    memory: &Memory<'_>,
) -> Result<[Extent; READS], Fault> {
    let wanted = lengths.reads.iter().flatten().count();
    if step.reads.len() != wanted {
        let reason = format!("{} tensors; this kernel reads {wanted}", step.reads.len());
        return Err(Fault::new("reads", reason));
    }
    let mut reads = [Extent::NONE; READS];
    for (index, (place, area)) in step.reads.iter().zip(lengths.reads.iter().flatten()).enumerate()
    {
        if place.space == Space::Output {
            return Err(Fault::new(format!("reads[{index}].space"), "the output is only written"));
        }
        reads[index] = Extent::check(&format!("reads[{index}]"), *place, *area, memory)?;
    }
    Ok(reads)
}

fn check_scratch(step: &Step, len: usize, memory: &Memory<'_>) -> Result<Range<usize>, Fault> {
    match (step.scratch, len) {
        (None, 0) => Ok(0..0),
        (None, _) => Err(Fault::new("scratch", "missing; this kernel needs one")),
        (Some(offset), len) => {
            let place = Place { space: Space::Workspace, offset };
            let area = Area { rows: 1, width: len, pitch: len };
            Extent::check("scratch", place, area, memory).map(|extent| extent.range)
        }
    }
}

impl Extent {
    const NONE: Self =
        Self { space: Space::Weights, range: 0..0, area: Area { rows: 0, width: 0, pitch: 0 } };

    fn check(field: &str, place: Place, area: Area, memory: &Memory<'_>) -> Result<Self, Fault> {
        let (size, element) = memory.of(place.space);
        // A slice of the channels of an image begins where those before it end.
        let alignment = if area.width == area.pitch { TENSOR_ALIGNMENT } else { element.bytes() };
        if !place.offset.is_multiple_of(alignment) {
            let reason = format!("{} is not a multiple of {alignment}", place.offset);
            return Err(Fault::new(format!("{field}.offset"), reason));
        }
        let begin = place.offset / element.bytes();
        let len = area.span();
        match begin.checked_add(len) {
            Some(end) if end <= size => Ok(Self { space: place.space, range: begin..end, area }),
            _ => Err(Fault::new(
                format!("{field}.offset"),
                format!("{len} elements at element {begin} exceed the memory's {size}"),
            )),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.space == other.space
            && self.range.start < other.range.end
            && other.range.start < self.range.end
    }
}
