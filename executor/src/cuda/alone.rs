//! A compiled model that runs by itself on a GPU, without a worker around it: to check what it answers
//! and to measure it.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clockwork_wire::BatchSize;

use super::choice::Choices;
use super::driver::{Context, Event, GpuInfo, Stream};
use super::engine::{Engine, Prepared, Sites};
use super::error::CudaError;
use super::memory::{Buffer, Pinned};
use super::reservation::SCRATCH;
use crate::artifact::{Artifact, Plan, Sizes, Target, Weights};

/// A model with a GPU's memory for all its batch sizes.
pub struct Alone {
    programs: Vec<(Arc<Plan>, Prepared)>,
    /// Its libraries keep what they loaded for their kernels.
    engine: Engine,
    host: Arc<Weights>,
    /// The weights again, where the device copies them from.
    pinned: Pinned,
    weights: Buffer,
    io: Buffer,
    /// Bytes from the begin of the io memory to the outputs.
    outputs: usize,
    input: Pinned,
    output: Pinned,
    begin: Event,
    end: Event,
    stream: Stream,
    _kept: (Buffer, Buffer, Buffer),
}

/// What one run took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Took {
    /// Nanoseconds of the device, without copies.
    pub device: f64,
}

impl Alone {
    /// Takes memory for all batch sizes, chooses algorithms or finds those that were chosen before, and
    /// loads the weights.
    ///
    /// # Errors
    /// If the model is not compiled for this target, a library or memory is missing, or a step cannot be
    /// computed.
    pub fn new(gpu: &GpuInfo, artifact: &Artifact, target: Target) -> Result<Self, CudaError> {
        let variant = artifact
            .variant(target)
            .ok_or_else(|| CudaError::new("opening a model", &format!("it has no {target}")))?;
        let context = Context::new(gpu)?;
        let shelf = artifact.folder().map(|folder| folder.join("device").join(gpu.class()));
        let engine = Engine::new(gpu, &context, shelf.as_deref())?;
        let most = |bytes: fn(&Plan) -> usize| {
            variant.plans.iter().map(|plan| bytes(plan)).max().unwrap_or(0)
        };
        let inputs = most(|plan| plan.sizes().input * size_of::<f32>());
        let answers = most(|plan| plan.sizes().output * size_of::<f32>());
        let outputs = inputs.next_multiple_of(256);
        let take = |len| Buffer::new(&context, len);
        let (weights, io) = (take(variant.weights.len())?, take(outputs + answers)?);
        let workspace = take(most(Plan::workspace_bytes))?;
        let (scratch, descriptor) = (take(SCRATCH)?, take(16)?);
        let sites = Sites {
            descriptor: descriptor.address(),
            workspace: workspace.address(),
            weights: weights.address(),
            scratch: (scratch.address(), SCRATCH),
        };
        let addresses = [io.address(), io.address() + u64::try_from(outputs).unwrap_or(0)];
        descriptor.fill(bytemuck::cast_slice(&addresses))?;
        let programs = programs(&engine, &variant.plans, &sites, shelf)?;
        let alone = Self {
            programs,
            engine,
            host: Arc::clone(&variant.weights),
            pinned: pinned(&context, &variant.weights)?,
            weights,
            io,
            outputs,
            input: Pinned::new(&context, inputs)?,
            output: Pinned::new(&context, answers)?,
            begin: Event::new(&context)?,
            end: Event::new(&context)?,
            stream: Stream::new(&context)?,
            _kept: (workspace, scratch, descriptor),
        };
        alone.load()?;
        Ok(alone)
    }

    /// Copies the weights to the device from pinned memory, and waits until they are there.
    ///
    /// # Errors
    /// If the device fails.
    pub fn load(&self) -> Result<(), CudaError> {
        // SAFETY: the buffer was taken for these bytes, and both live as long as this does.
        unsafe { self.stream.copy_in(self.weights.address(), self.pinned.bytes())? };
        self.stream.synchronize()
    }

    /// The GPU, and the versions of its driver and of the libraries that compute: what durations hold for.
    pub fn versions(&self) -> &str {
        self.engine.versions()
    }

    /// Its weights as they are stored.
    pub fn weights(&self) -> &Weights {
        &self.host
    }

    /// The model's batch sizes, in rising order.
    pub fn batches(&self) -> Vec<BatchSize> {
        self.programs.iter().map(|(plan, _)| plan.batch()).collect()
    }

    /// Elements of each memory that a batch needs.
    ///
    /// # Errors
    /// If the model has no such batch size.
    pub fn sizes(&self, batch: BatchSize) -> Result<Sizes, CudaError> {
        self.program(batch).map(|(plan, _)| plan.sizes())
    }

    /// Bytes of workspace that a batch needs.
    ///
    /// # Errors
    /// If the model has no such batch size.
    pub fn workspace_bytes(&self, batch: BatchSize) -> Result<usize, CudaError> {
        self.program(batch).map(|(plan, _)| plan.workspace_bytes())
    }

    /// The inputs of the next run, for the largest batch: those of a request one after the other, and
    /// request after request.
    pub fn input_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(self.input.bytes_mut())
    }

    /// Runs a batch: its outputs, request after request, and what it took.
    ///
    /// # Errors
    /// If the model has no such batch size, or the device fails.
    pub fn run(&mut self, batch: BatchSize) -> Result<(&[f32], Took), CudaError> {
        let found = self.programs.iter().position(|(plan, _)| plan.batch() == batch);
        let (plan, prepared) = &self.programs[found.ok_or_else(|| none(batch))?];
        let sizes = plan.sizes();
        let bytes = |elements: usize| elements * size_of::<f32>();
        let outputs = self.io.address() + u64::try_from(self.outputs).unwrap_or(0);
        let answers = bytes(sizes.output);
        let (stream, input) = (&self.stream, &self.input.bytes()[..bytes(sizes.input)]);
        // SAFETY: memory was taken for the largest batch, lives as long as this does, and nobody else
        // touches it before all is done.
        unsafe { stream.copy_in(self.io.address(), input)? };
        self.begin.record(stream)?;
        // SAFETY: as above.
        unsafe { prepared.run(stream)? };
        self.end.record(stream)?;
        // SAFETY: as above.
        unsafe { stream.copy_out(&mut self.output.bytes_mut()[..answers], outputs)? };
        stream.synchronize()?;
        let took = Took { device: self.end.nanoseconds_since(&self.begin)? };
        Ok((bytemuck::cast_slice(&self.output.bytes()[..answers]), took))
    }

    fn program(&self, batch: BatchSize) -> Result<&(Arc<Plan>, Prepared), CudaError> {
        self.programs.iter().find(|(plan, _)| plan.batch() == batch).ok_or_else(|| none(batch))
    }
}

impl fmt::Debug for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone").field("batches", &self.batches()).finish_non_exhaustive()
    }
}

fn none(batch: BatchSize) -> CudaError {
    CudaError::new("running a model", &format!("it has no batch size {batch}"))
}

/// A copy of a model's weights that the device reads by itself.
fn pinned(context: &Arc<Context>, weights: &Weights) -> Result<Pinned, CudaError> {
    let mut pinned = Pinned::new(context, weights.len())?;
    let copied = weights.copy_to(0, pinned.bytes_mut());
    copied.map_err(|error| CudaError::new("reading weights", &error))?;
    Ok(pinned)
}

/// All plans, ready to run; what was chosen is kept.
fn programs(
    engine: &Engine,
    plans: &[Arc<Plan>],
    sites: &Sites,
    shelf: Option<PathBuf>,
) -> Result<Vec<(Arc<Plan>, Prepared)>, CudaError> {
    let path = shelf.map(|shelf| shelf.join("algorithms.json"));
    let kept = path.as_ref().and_then(|path| Choices::read(path, engine.versions()));
    let mut choices = kept.unwrap_or_else(|| Choices::new(engine.versions().to_owned()));
    for plan in plans {
        engine.choose(plan, sites, &mut choices)?;
    }
    if let Some(path) = path {
        // What cannot be kept is chosen again.
        let _ = choices.keep(&path);
    }
    let prepared =
        |plan: &Arc<Plan>| Ok((Arc::clone(plan), engine.prepare(plan, sites, &choices)?));
    plans.iter().map(prepared).collect()
}
