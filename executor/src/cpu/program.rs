//! What the processor can run: compiled plans, and libraries that somebody else compiled.

use std::sync::Arc;

use clockwork_wire::BatchSize;

use super::isa::Kernels;
use super::run::{Memory, run};
use crate::ModelSource;
use crate::artifact::{Artifact, Plan, Sizes, Target, Weights};
use crate::library::LibraryModel;

/// A model that the processor can run.
#[derive(Clone, Debug)]
pub(super) enum Model {
    Artifact(Arc<Artifact>),
    Library(Arc<LibraryModel>),
}

/// A model's code for one batch size.
#[derive(Clone, Debug)]
pub(super) enum Program {
    Plan(Arc<Plan>),
    Library(Arc<LibraryModel>, BatchSize),
}

impl Model {
    /// The model in a source; `None` if it is only a profile, or compiled for something else.
    pub(super) fn of(source: &ModelSource) -> Option<Self> {
        match source {
            ModelSource::Artifact(artifact) => {
                artifact.variant(Target::Cpu).map(|_| Self::Artifact(Arc::clone(artifact)))
            }
            ModelSource::Library(library) => Some(Self::Library(Arc::clone(library))),
            ModelSource::Profile(_) => None,
        }
    }

    /// Whether one can stand for the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Artifact(a), Self::Artifact(b)) => {
                Arc::ptr_eq(a, b) || (a.manifest() == b.manifest() && a.cpu() == b.cpu())
            }
            (Self::Library(a), Self::Library(b)) => Arc::ptr_eq(a, b) || a.is_same(b),
            (Self::Artifact(_), Self::Library(_)) | (Self::Library(_), Self::Artifact(_)) => false,
        }
    }

    /// The compiled model, if it is one.
    pub(super) fn artifact(&self) -> Option<&Artifact> {
        match self {
            Self::Artifact(artifact) => Some(artifact),
            Self::Library(_) => None,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Artifact(artifact) => &artifact.manifest().name,
            Self::Library(library) => library.name(),
        }
    }

    /// Bytes of one input and of one output.
    pub(super) fn io_bytes(&self) -> (u32, u32) {
        match self {
            Self::Artifact(artifact) => {
                (artifact.manifest().input_bytes(), artifact.manifest().output_bytes())
            }
            Self::Library(library) => (library.input_bytes(), library.output_bytes()),
        }
    }

    pub(super) fn weights(&self) -> &Arc<Weights> {
        match self {
            Self::Artifact(artifact) => &artifact.cpu().weights,
            Self::Library(library) => library.weights(),
        }
    }

    /// Its code for a batch size, if it has it.
    pub(super) fn program(&self, batch: BatchSize) -> Option<Program> {
        match self {
            Self::Artifact(artifact) => artifact.cpu().plan(batch).cloned().map(Program::Plan),
            Self::Library(library) => {
                library.sizes(batch).map(|_| Program::Library(Arc::clone(library), batch))
            }
        }
    }

    /// Its batch sizes, in rising order.
    pub(super) fn batches(&self) -> Vec<BatchSize> {
        match self {
            Self::Artifact(artifact) => {
                artifact.cpu().plans.iter().map(|plan| plan.batch()).collect()
            }
            Self::Library(library) => library.batches().collect(),
        }
    }
}

impl Program {
    pub(super) fn batch(&self) -> BatchSize {
        match self {
            Self::Plan(plan) => plan.batch(),
            Self::Library(_, batch) => *batch,
        }
    }

    /// Elements of each memory that a run needs.
    pub(super) fn sizes(&self) -> Sizes {
        match self {
            Self::Plan(plan) => plan.sizes(),
            Self::Library(library, batch) => {
                library.sizes(*batch).expect("a program is made for a size that there is")
            }
        }
    }

    /// Runs it; in words why that failed.
    pub(super) fn run(&self, kernels: Kernels, memory: Memory<'_>) -> Result<(), String> {
        match self {
            Self::Plan(plan) => {
                run(&kernels, plan, memory);
                Ok(())
            }
            Self::Library(library, batch) => library.run(*batch, memory),
        }
    }
}
