//! A plan: how one batch size is executed, as a flat list of steps.
//!
//! A [`PlanFile`] is what is stored; a [`Plan`] is what may run. The only way from one to the other
//! checks every shape, offset and overlap, so that whoever runs a plan can trust it.

use std::ops::Range;

use clockwork_wire::BatchSize;
use serde::{Deserialize, Serialize};

use super::written::Written;
use super::{ArtifactError, Kernel, Lengths};

/// A plan as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The batch size.
    pub batch: u16,
    /// Bytes of intermediate tensors and scratch areas.
    pub workspace_bytes: usize,
    /// What is done, in this order.
    pub steps: Vec<Step>,
}

/// One kernel and where its tensors lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The node of the model that it computes; for people.
    pub node: String,
    /// What is done.
    pub run: Kernel,
    /// The tensors that the kernel reads.
    pub reads: Vec<Place>,
    /// The kernel's scratch area, if it needs one; always in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<usize>,
    /// The tensor that it writes; in the workspace or the output.
    pub write: Place,
}

/// Where a tensor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// In which memory.
    pub space: Space,
    /// Bytes from that memory's begin; a multiple of [`TENSOR_ALIGNMENT`].
    pub offset: usize,
}

/// A memory that a plan uses. Each has its own address, known only when the plan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// The inputs of the batch, one after the other. Only read.
    Input,
    /// The outputs of the batch, one after the other. Only written.
    Output,
    /// Intermediate tensors.
    Workspace,
    /// The model's weights. Only read.
    Weights,
}

/// Tensors begin at multiples of this many bytes.
pub const TENSOR_ALIGNMENT: usize = 64;

/// Elements that each memory has for a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Inputs of the whole batch.
    pub input: usize,
    /// Outputs of the whole batch.
    pub output: usize,
    /// Workspace.
    pub workspace: usize,
    /// Weights.
    pub weights: usize,
}

/// A plan that has been checked: every tensor lies inside its memory, no step writes what it reads,
/// and what a step reads has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    batch: BatchSize,
    sizes: Sizes,
    steps: Vec<CheckedStep>,
    file: PlanFile,
}

/// A step whose tensors are known to lie inside their memories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedStep {
    /// What is done.
    pub kernel: Kernel,
    /// The tensors that it reads; an empty one stands for none.
    pub reads: [Extent; 3],
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
    /// Which elements.
    pub range: Range<usize>,
}

impl Plan {
    /// Checks a plan for a model with these elements per input and output and of weights.
    ///
    /// # Errors
    /// Names the step and the field that cannot be trusted.
    pub fn check(
        path: &str,
        file: PlanFile,
        per_input: (usize, usize),
        weights: usize,
    ) -> Result<Self, ArtifactError> {
        let batch = BatchSize::new(file.batch).ok_or_else(|| {
            let reason = format!("{} is not a size from 1 to {}", file.batch, BatchSize::LIMIT);
            ArtifactError::invalid(path, "batch", reason)
        })?;
        let sizes = Sizes {
            input: batch.count() * per_input.0,
            output: batch.count() * per_input.1,
            workspace: file.workspace_bytes / size_of::<f32>(),
            weights,
        };
        let mut steps = Vec::with_capacity(file.steps.len());
        let mut written = Written::default();
        for (index, step) in file.steps.iter().enumerate() {
            let checked = CheckedStep::check(step, &sizes)
                .and_then(|checked| checked.follow(&mut written).map(|()| checked))
                .map_err(|fault| {
                    let field = format!("steps[{index}] ({}).{}", step.node, fault.field);
                    ArtifactError::invalid(path, field, fault.reason)
                })?;
            steps.push(checked);
        }
        if !steps.last().is_some_and(|step| step.writes_all_of(Space::Output, sizes.output)) {
            let reason = "the last step must write the whole output";
            return Err(ArtifactError::invalid(path, "steps", reason));
        }
        Ok(Self { batch, sizes, steps, file })
    }

    /// The batch size.
    pub fn batch(&self) -> BatchSize {
        self.batch
    }

    /// Elements of each memory.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Bytes of workspace.
    pub fn workspace_bytes(&self) -> usize {
        self.sizes.workspace * size_of::<f32>()
    }

    /// What is done, in order.
    pub fn steps(&self) -> &[CheckedStep] {
        &self.steps
    }

    /// The plan as it is stored.
    pub fn file(&self) -> &PlanFile {
        &self.file
    }
}

/// What is wrong with a step.
struct Fault {
    field: String,
    reason: String,
}

impl Fault {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl CheckedStep {
    fn check(step: &Step, sizes: &Sizes) -> Result<Self, Fault> {
        let lengths = step.run.lengths().ok_or_else(|| {
            Fault::new("run", "shapes contradict each other, are zero or exceed any memory")
        })?;
        let write = Extent::check("write", step.write, lengths.write, sizes)?;
        if !matches!(write.space, Space::Output | Space::Workspace) {
            return Err(Fault::new("write.space", "only output and workspace are written"));
        }
        let reads = check_reads(step, &lengths, sizes)?;
        let scratch = check_scratch(step, lengths.scratch, sizes)?;
        let checked = Self { kernel: step.run.clone(), reads, scratch, write };
        checked.check_overlap()?;
        Ok(checked)
    }

    /// What a step reads of the workspace, a step before has written: nothing is ever seen of
    /// another inference, perhaps of another model.
    fn follow(&self, written: &mut Written) -> Result<(), Fault> {
        for (index, read) in self.reads.iter().enumerate() {
            if read.space == Space::Workspace && !written.covers(&read.range) {
                let reason = "no step before has written all of it";
                return Err(Fault::new(format!("reads[{index}]"), reason));
            }
        }
        if self.write.space == Space::Workspace {
            written.add(self.write.range.clone());
        }
        Ok(())
    }

    /// A kernel may assume that what it writes is nothing that it reads.
    fn check_overlap(&self) -> Result<(), Fault> {
        let scratch = Extent { space: Space::Workspace, range: self.scratch.clone() };
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

    fn writes_all_of(&self, space: Space, len: usize) -> bool {
        self.write == Extent { space, range: 0..len }
    }
}

fn check_reads(step: &Step, lengths: &Lengths, sizes: &Sizes) -> Result<[Extent; 3], Fault> {
    let wanted = lengths.reads.iter().flatten().count();
    if step.reads.len() != wanted {
        let reason = format!("{} tensors; this kernel reads {wanted}", step.reads.len());
        return Err(Fault::new("reads", reason));
    }
    let mut reads = [Extent::NONE; 3];
    for (index, (place, len)) in step.reads.iter().zip(lengths.reads.iter().flatten()).enumerate() {
        if place.space == Space::Output {
            return Err(Fault::new(format!("reads[{index}].space"), "the output is only written"));
        }
        reads[index] = Extent::check(&format!("reads[{index}]"), *place, *len, sizes)?;
    }
    Ok(reads)
}

fn check_scratch(step: &Step, len: usize, sizes: &Sizes) -> Result<Range<usize>, Fault> {
    match (step.scratch, len) {
        (None, 0) => Ok(0..0),
        (None, _) => Err(Fault::new("scratch", "missing; this kernel needs one")),
        (Some(offset), len) => {
            let place = Place { space: Space::Workspace, offset };
            Extent::check("scratch", place, len, sizes).map(|extent| extent.range)
        }
    }
}

impl Extent {
    const NONE: Self = Self { space: Space::Weights, range: 0..0 };

    fn check(field: &str, place: Place, len: usize, sizes: &Sizes) -> Result<Self, Fault> {
        if !place.offset.is_multiple_of(TENSOR_ALIGNMENT) {
            let reason = format!("{} is not a multiple of {TENSOR_ALIGNMENT}", place.offset);
            return Err(Fault::new(format!("{field}.offset"), reason));
        }
        let begin = place.offset / size_of::<f32>();
        let size = match place.space {
            Space::Input => sizes.input,
            Space::Output => sizes.output,
            Space::Workspace => sizes.workspace,
            Space::Weights => sizes.weights,
        };
        match begin.checked_add(len) {
            Some(end) if end <= size => Ok(Self { space: place.space, range: begin..end }),
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
