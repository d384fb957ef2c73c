//! A model alone on the processor, without a worker: to look at what it gives and how long it takes.

use std::io;

use clockwork_wire::{BatchSize, Pages};

use super::isa::Kernels;
use super::memory::{MappedPages, Region, WeightsCache};
use super::program::{Model, Program};
use super::run::{Memory, run_observed};
use crate::ModelSource;
use crate::artifact::{Plan, Sizes, Weights};

/// A model in memory of the kind that a device has: weights in the pages of a cache that holds no
/// other model, io memory and workspace for its largest batch.
#[derive(Debug)]
pub struct Alone {
    kernels: Kernels,
    model: Model,
    programs: Vec<Program>,
    cache: WeightsCache,
    weights: Option<MappedPages>,
    input: Region,
    output: Region,
    workspace: Region,
}

/// Why a model cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// The source is a profile, which says how long a model takes but not what it does.
    #[error("it is a profile: there is nothing to execute")]
    Profile,
    /// The system does not give the memory.
    #[error("no memory for its weights, inputs, outputs and workspace")]
    Memory(#[source] io::Error),
    /// The weights could not be loaded.
    #[error("its weights cannot be loaded: {0}")]
    Load(String),
    /// The model has no plan for this batch size.
    #[error("it has no batch size {0}")]
    Batch(BatchSize),
    /// A library said that it failed.
    #[error("it failed: {0}")]
    Run(String),
}

impl Alone {
    /// Takes memory for all batch sizes of the model and loads its weights.
    ///
    /// # Errors
    /// If there is nothing to execute, or no memory.
    pub fn new(source: &ModelSource) -> Result<Self, AloneError> {
        let model = Model::of(source).ok_or(AloneError::Profile)?;
        let programs: Vec<_> =
            model.batches().into_iter().filter_map(|batch| model.program(batch)).collect();
        let region = |elements: fn(Sizes) -> usize| {
            let most = programs.iter().map(|program| elements(program.sizes())).max();
            Region::new(most.unwrap_or(0) * size_of::<f32>()).map_err(AloneError::Memory)
        };
        let (input, output) = (region(|sizes| sizes.input)?, region(|sizes| sizes.output)?);
        let workspace = region(|sizes| sizes.workspace)?;
        let cache = WeightsCache::new(model.weights().pages()).map_err(AloneError::Memory)?;
        let kernels = Kernels::detect();
        let weights = None;
        let mut alone = Self { kernels, model, programs, cache, weights, input, output, workspace };
        alone.load()?;
        Ok(alone)
    }

    /// Loads the weights into the cache, after giving back the pages that they have there.
    ///
    /// # Errors
    /// If they can no longer be read.
    pub fn load(&mut self) -> Result<(), AloneError> {
        if let Some(loaded) = self.weights.take() {
            self.cache.unmap(loaded);
        }
        let pages = (0..self.pages().get()).collect();
        let loaded = self.cache.load(pages, self.model.weights()).map_err(AloneError::Load)?;
        self.weights = Some(loaded);
        Ok(())
    }

    /// The model's batch sizes, in rising order.
    pub fn batches(&self) -> Vec<BatchSize> {
        self.programs.iter().map(Program::batch).collect()
    }

    /// Elements of each memory that a batch needs.
    ///
    /// # Errors
    /// If the model has no such batch size.
    pub fn sizes(&self, batch: BatchSize) -> Result<Sizes, AloneError> {
        self.program(batch).map(Program::sizes)
    }

    /// Its weights as they are stored.
    pub fn weights(&self) -> &Weights {
        self.model.weights()
    }

    /// Pages of the cache that its weights take.
    pub fn pages(&self) -> Pages {
        self.model.weights().pages()
    }

    /// The inputs of the next run, for the largest batch: those of a request one after the other, and
    /// request after request.
    pub fn input_mut(&mut self) -> &mut [f32] {
        self.input.floats_mut()
    }

    /// Runs a batch; the result is its outputs, request after request.
    ///
    /// # Errors
    /// If the model has no such batch size, or is a library that says that it failed.
    pub fn run(&mut self, batch: BatchSize) -> Result<&[f32], AloneError> {
        let program = self.program(batch)?.clone();
        let kernels = self.kernels;
        program.run(kernels, self.memory()?).map_err(AloneError::Run)?;
        Ok(&self.output.floats()[..program.sizes().output])
    }

    /// The plan for a batch size; `None` if the model is a library, or has none.
    pub fn plan(&self, batch: BatchSize) -> Option<&Plan> {
        match self.program(batch).ok()? {
            Program::Plan(plan) => Some(plan),
            Program::Library(..) => None,
        }
    }

    /// Runs a batch and says after each step of its plan which one it was. A library has no steps.
    ///
    /// # Errors
    /// As for [`Alone::run`].
    pub fn observe(&mut self, batch: BatchSize, done: impl FnMut(usize)) -> Result<(), AloneError> {
        let program = self.program(batch)?.clone();
        let kernels = self.kernels;
        let memory = self.memory()?;
        match program {
            Program::Plan(plan) => {
                run_observed(&kernels, &plan, memory, done);
                Ok(())
            }
            Program::Library(..) => program.run(kernels, memory).map_err(AloneError::Run),
        }
    }

    fn memory(&mut self) -> Result<Memory<'_>, AloneError> {
        let loaded = self.weights.as_ref().and_then(MappedPages::floats);
        let weights = loaded.ok_or_else(|| AloneError::Load("they are not there".to_owned()))?;
        let (input, output) = (self.input.floats(), self.output.floats_mut());
        Ok(Memory { input, output, workspace: self.workspace.floats_mut(), weights })
    }

    fn program(&self, batch: BatchSize) -> Result<&Program, AloneError> {
        let found = self.programs.iter().find(|program| program.batch() == batch);
        found.ok_or(AloneError::Batch(batch))
    }
}

#[cfg(all(test, feature = "compile"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::compile::{compile, digits};

    #[test]
    fn a_model_runs_alone_and_as_often_as_it_is_loaded() {
        let two = BatchSize::new(2).unwrap();
        let artifact = compile(digits::ONNX, &[BatchSize::ONE, two]).unwrap();
        let mut alone = Alone::new(&ModelSource::Artifact(Arc::new(artifact))).unwrap();
        let example = digits::examples().next().unwrap();
        let pixels = example.image.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        for _ in 0..2 {
            for (place, pixel) in alone.input_mut().iter_mut().zip(pixels.clone()) {
                *place = pixel;
            }
            let logits: Vec<u8> =
                alone.run(BatchSize::ONE).unwrap().iter().flat_map(|l| l.to_le_bytes()).collect();
            assert_eq!(digits::digit(&logits), Some(example.label));
            alone.load().unwrap();
        }
        assert_eq!(alone.run(two).unwrap().len(), 20);
        let mut steps = 0;
        alone.observe(two, |_| steps += 1).unwrap();
        assert_eq!(Some(steps), alone.plan(two).map(|plan| plan.steps().len()));
        let three = BatchSize::new(3).unwrap();
        assert!(matches!(alone.run(three), Err(AloneError::Batch(batch)) if batch == three));
    }
}
