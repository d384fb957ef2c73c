//! A plan: how one batch size is executed, as a flat list of steps.
//!
//! Steps that follow each other may be repeated together, each time on other requests of the batch
//! ([`Segment`]): what is early in a network has few weights and many elements per request, which
//! then stay in a cache from one step to the next.
//!
//! A [`PlanFile`] is what is stored; a [`Plan`] is what may run. The only way from one to the other
//! checks every shape, offset and overlap, of every repetition, so that whoever runs a plan can trust
//! it.

use std::iter;

use clockwork_wire::BatchSize;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::step::{CheckedStep, Fault};
use super::weights::hexadecimal;
use super::written::Written;
use super::{Area, ArtifactError, Kernel, Target};

/// A plan as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The batch size.
    pub batch: u16,
    /// Bytes of intermediate tensors and scratch areas.
    pub workspace_bytes: usize,
    /// How often the steps are done: each segment is of those that follow the segment's before it.
    pub segments: Vec<Segment>,
    /// What is done, in this order.
    pub steps: Vec<Step>,
}

impl PlanFile {
    /// SHA-256 of what it says, in hexadecimal: of its JSON text without spaces, its fields in the order of this
    /// type's. However a file spells the same plan, it is the same.
    ///
    /// # Panics
    /// Never: a plan is plain data.
    pub fn sha256(&self) -> String {
        let text = serde_json::to_vec(self).expect("a plan is plain data");
        hexadecimal(&Sha256::digest(text))
    }
}

/// Steps that are done one after the other, and then again for other requests of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How many steps.
    pub steps: usize,
    /// How often they are done, at most once per request of the batch.
    pub times: usize,
}

/// One kernel and where its tensors lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Bytes from that memory's begin; a multiple of [`TENSOR_ALIGNMENT`], or of an element for a
    /// tensor that is a slice of a wider one.
    pub offset: usize,
    /// Bytes from its begin in one repetition of its segment to its begin in the next; none if every
    /// repetition uses the same bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stride: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
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
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    batch: BatchSize,
    target: Target,
    sizes: Sizes,
    steps: Vec<CheckedStep>,
    file: PlanFile,
}

impl Plan {
    /// Checks a plan of this target for a model with these elements per input and output and of weights.
    ///
    /// # Errors
    /// Names the step and the field that cannot be trusted.
    pub fn check(
        path: &str,
        file: PlanFile,
        target: Target,
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
            workspace: file.workspace_bytes / target.element().bytes(),
            weights,
        };
        check_segments(&file, target)
            .map_err(|(field, reason)| ArtifactError::invalid(path, field, reason))?;
        let invalid = |index: usize, fault: Fault| {
            let field = format!("steps[{index}] ({}).{}", file.steps[index].node, fault.field);
            ArtifactError::invalid(path, field, fault.reason)
        };
        let mut steps = Vec::with_capacity(file.steps.len());
        for (index, times) in times(&file.segments).enumerate() {
            let checked = CheckedStep::check(&file.steps[index], &sizes, target, times);
            steps.push(checked.map_err(|fault| invalid(index, fault))?);
        }
        let mut written = [Written::default(), Written::default()];
        for (index, time) in order(&file.segments) {
            let followed = steps[index].follow(time, &mut written);
            followed.map_err(|fault| invalid(index, fault))?;
        }
        let whole = Area { rows: 1, width: sizes.output, pitch: sizes.output };
        if !written[1].covers(0, &whole) {
            let reason = "the steps must write the whole output";
            return Err(ArtifactError::invalid(path, "steps", reason));
        }
        Ok(Self { batch, target, sizes, steps, file })
    }

    /// The batch size.
    pub fn batch(&self) -> BatchSize {
        self.batch
    }

    /// Elements of each memory.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// For what it was made.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Bytes of workspace.
    pub fn workspace_bytes(&self) -> usize {
        self.sizes.workspace * self.target.element().bytes()
    }

    /// What is done, in order.
    pub fn steps(&self) -> &[CheckedStep] {
        &self.steps
    }

    /// The order in which steps are done with all their repetitions: a step's index, and how often it
    /// has been done before.
    pub fn order(&self) -> impl Iterator<Item = (usize, usize)> {
        order(&self.file.segments)
    }

    /// The plan as it is stored.
    pub fn file(&self) -> &PlanFile {
        &self.file
    }
}

/// Each step belongs to one segment, and no segment is repeated more often than there are requests,
/// nor on a GPU at all; else the field and what is wrong with it.
fn check_segments(file: &PlanFile, target: Target) -> Result<(), (String, String)> {
    let most = if target == Target::Cpu { usize::from(file.batch) } else { 1 };
    for (index, segment) in file.segments.iter().enumerate() {
        if !(1..=most).contains(&segment.times) {
            let reason = format!("{}; supported: 1 to {most}", segment.times);
            return Err((format!("segments[{index}].times"), reason));
        }
    }
    let add = |sum: usize, segment: &Segment| sum.checked_add(segment.steps);
    if file.segments.iter().try_fold(0, add) != Some(file.steps.len()) {
        let reason = format!("they must have {} steps in all", file.steps.len());
        return Err(("segments".to_owned(), reason));
    }
    Ok(())
}

/// How often each step is done.
fn times(segments: &[Segment]) -> impl Iterator<Item = usize> {
    segments.iter().flat_map(|segment| iter::repeat_n(segment.times, segment.steps))
}

/// As [`Plan::order`].
fn order(segments: &[Segment]) -> impl Iterator<Item = (usize, usize)> {
    let begins = segments.iter().scan(0, |next, segment| {
        let begin = *next;
        *next += segment.steps;
        Some(begin)
    });
    begins.zip(segments).flat_map(|(begin, segment)| {
        let steps = begin..begin + segment.steps;
        (0..segment.times).flat_map(move |time| steps.clone().map(move |step| (step, time)))
    })
}
