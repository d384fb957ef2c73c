//! What runs the model under test: the processor, or a GPU.

use clockwork_executor::ModelSource;
use clockwork_executor::artifact::{Artifact, Precision, Target, Weights};
use clockwork_executor::cuda::GpuInfo;
use clockwork_executor::{cpu, cuda};
use clockwork_runtime::clock;
use clockwork_wire::{BatchSize, Span};

use crate::Failure;

/// A model alone on a device.
pub(super) enum Machine {
    Processor(Box<cpu::Alone>),
    Gpu(Box<cuda::Alone>),
}

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    /// The execution; on a GPU between events before and after its kernels.
    pub(super) execution: Span,
    /// With the copies of inputs to the GPU and of outputs back, as the caller waits for it.
    pub(super) with_copies: Option<Span>,
}

impl Machine {
    pub(super) fn processor(source: &ModelSource) -> Result<Self, Failure> {
        Ok(Self::Processor(Box::new(cpu::Alone::new(source)?)))
    }

    pub(super) fn gpu(
        gpu: &GpuInfo,
        artifact: &Artifact,
        precision: Precision,
    ) -> Result<Self, Failure> {
        let alone = cuda::Alone::new(gpu, artifact, Target::Cuda(precision))?;
        Ok(Self::Gpu(Box::new(alone)))
    }

    /// The model's batch sizes, in rising order.
    pub(super) fn batches(&self) -> Vec<BatchSize> {
        match self {
            Self::Processor(alone) => alone.batches(),
            Self::Gpu(alone) => alone.batches(),
        }
    }

    /// Bytes of workspace that a batch needs.
    pub(super) fn workspace_bytes(&self, batch: BatchSize) -> Result<usize, Failure> {
        match self {
            Self::Processor(alone) => Ok(alone.sizes(batch)?.workspace * size_of::<f32>()),
            Self::Gpu(alone) => Ok(alone.workspace_bytes(batch)?),
        }
    }

    /// The weights as they are stored.
    pub(super) fn weights(&self) -> &Weights {
        match self {
            Self::Processor(alone) => alone.weights(),
            Self::Gpu(alone) => alone.weights(),
        }
    }

    /// The GPU and the versions of what computes on it, which durations hold for.
    pub(super) fn versions(&self) -> Option<&str> {
        match self {
            Self::Processor(_) => None,
            Self::Gpu(alone) => Some(alone.versions()),
        }
    }

    /// Copies the weights to where they are used.
    pub(super) fn load(&mut self) -> Result<(), Failure> {
        match self {
            Self::Processor(alone) => Ok(alone.load()?),
            Self::Gpu(alone) => Ok(alone.load()?),
        }
    }

    /// The inputs of the next run, request after request.
    pub(super) fn input_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Processor(alone) => alone.input_mut(),
            Self::Gpu(alone) => alone.input_mut(),
        }
    }

    /// Runs a batch: its outputs, request after request, and what it took.
    pub(super) fn run(&mut self, batch: BatchSize) -> Result<(&[f32], Took), Failure> {
        let begin = clock::now();
        match self {
            Self::Processor(alone) => {
                let outputs = alone.run(batch)?;
                let execution = clock::now() - begin;
                Ok((outputs, Took { execution, with_copies: None }))
            }
            Self::Gpu(alone) => {
                let (outputs, took) = alone.run(batch)?;
                let with_copies = Some(clock::now() - begin);
                Ok((outputs, Took { execution: Span::from_f64(took.device), with_copies }))
            }
        }
    }
}
