//! A plan: how one batch size is executed, as a flat list of steps.
//!
//! A [`PlanFile`] is what is stored; a [`Plan`] is what may run. The only way from one to the other
//! checks every shape, offset and overlap, so that whoever runs a plan can trust it.

use clockwork_wire::BatchSize;
use serde::{Deserialize, Serialize};

use super::step::CheckedStep;
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
    /// What is done, in this order.
    pub steps: Vec<Step>,
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
        let mut steps = Vec::with_capacity(file.steps.len());
        let mut written = [Written::default(), Written::default()];
        for (index, step) in file.steps.iter().enumerate() {
            let checked = CheckedStep::check(step, &sizes, target)
                .and_then(|checked| checked.follow(&mut written).map(|()| checked))
                .map_err(|fault| {
                    let field = format!("steps[{index}] ({}).{}", step.node, fault.field);
                    ArtifactError::invalid(path, field, fault.reason)
                })?;
            steps.push(checked);
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

    /// The plan as it is stored.
    pub fn file(&self) -> &PlanFile {
        &self.file
    }
}
