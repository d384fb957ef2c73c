//! What is slow: choosing algorithms, measuring, capturing graphs. It is done on a thread that nobody
//! waits for, before a device is asked to prepare a model.
//!
//! # When are graphs made?
//!
//! A graph takes 3 to 8 ms to make and a LOAD takes 2 ms, of which a GPU does more than 400 in a second:
//! graphs that came and went with weights would cost more than the weights. They need not, because an
//! instance's weights lie at the same addresses whenever they are there. So LOADMODEL names the batch sizes
//! ([`Wanted`](crate::Wanted)), their graphs are made then and live until the model is unloaded, and the
//! result reports them: they are the batch sizes of the profile that a controller plans with, and an INFER
//! of any other is refused. What graphs may take of a device's memory is a setting; a LOADMODEL for which
//! that is too little is refused with how many instances fit ([`GraphMemory`]).
#![expect(unsafe_code, reason = "graphs run in memory that they were captured for")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use clockwork_wire::{BatchProfile, BatchSize, ModelProfile, Span, Status};

use super::choice::Choices;
use super::driver::{Context, Event, GpuInfo, Stream};
use super::engine::{Engine, Prepared, Sites};
use super::error::CudaError;
use super::graph_memory::{GraphMemory, Share};
use super::host::HostWeights;
use super::memory::Buffer;
use super::memory_driver::MemoryDriver as _;
use super::pages::AddressRange;
use crate::artifact::{Artifact, Plan, Target, Variant};
use crate::durations::{Durations, Shelf};
use crate::{Stop, Stopped, Unprepared, Wanted};

/// A model on one GPU, whatever its instances.
pub(super) struct Program {
    plans: Vec<Arc<Plan>>,
    host: Arc<HostWeights>,
    profile: ModelProfile,
    choices: Choices,
    fingerprint: String,
}

/// One instance of a model: addresses of its own, and the graphs that were captured for them.
pub(super) struct Instance {
    program: Arc<Program>,
    /// Of the batch sizes that were wanted.
    graphs: Vec<(Arc<Plan>, Prepared)>,
    range: Arc<AddressRange>,
    /// How many more like it fitted when it was made, if that was known.
    room: Option<u64>,
    _share: Share,
}

/// Makes instances.
pub(super) struct Setup {
    gpu: GpuInfo,
    engine: Engine,
    context: Arc<Context>,
    sites: Sites,
    workspace: usize,
    programs: BTreeMap<String, Weak<Program>>,
    /// Host copies by their hash.
    hosts: BTreeMap<String, Weak<HostWeights>>,
    graphs: GraphMemory,
}

impl Program {
    pub(super) fn host(&self) -> &Arc<HostWeights> {
        &self.host
    }

    pub(super) const fn profile(&self) -> &ModelProfile {
        &self.profile
    }
}

impl Instance {
    pub(super) const fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// What it is on this GPU, with the batch sizes that it is prepared for.
    pub(super) fn profile(&self) -> ModelProfile {
        let mut profile = self.program.profile.clone();
        profile.batches.retain(|entry| self.batch(entry.batch).is_some());
        profile
    }

    pub(super) const fn room(&self) -> Option<u64> {
        self.room
    }

    pub(super) const fn range(&self) -> &Arc<AddressRange> {
        &self.range
    }

    /// The plan for a batch size and its graph, if it is prepared.
    pub(super) fn batch(&self, batch: BatchSize) -> Option<(&Plan, &Prepared)> {
        let (plan, graph) = self.graphs.iter().find(|(plan, _)| plan.batch() == batch)?;
        Some((plan, graph))
    }
}

impl Setup {
    /// Models run at these sites, with so many bytes of workspace and of memory for `graphs`.
    pub(super) fn new(
        gpu: &GpuInfo,
        context: &Arc<Context>,
        engine: Engine,
        sites: Sites,
        workspace: usize,
        graphs: u64,
    ) -> Self {
        let (programs, hosts) = (BTreeMap::new(), BTreeMap::new());
        let (gpu, context) = (gpu.clone(), Arc::clone(context));
        let graphs = GraphMemory::new(graphs);
        Self { gpu, engine, context, sites, workspace, programs, hosts, graphs }
    }

    /// Makes so many instances of a model, all or none.
    pub(super) fn make(
        &mut self,
        artifact: &Artifact,
        copies: u32,
        wanted: Wanted,
        stop: &Stop,
    ) -> Result<Vec<Instance>, Unprepared> {
        self.context.enter()?;
        let program = self.program(artifact, stop)?;
        let kind = kind(&program.fingerprint, wanted);
        let full = |reason| Unprepared { status: Status::DEVICE_MEMORY, reason };
        let mut made = Vec::new();
        for left in (1..=copies).rev() {
            stop.check().map_err(given_up)?;
            self.graphs.admit(&kind, left).map_err(full)?;
            made.push(self.instance(&program, &kind, wanted)?);
        }
        Ok(made)
    }

    /// What a model is on this GPU: measured before, or now.
    fn program(&mut self, artifact: &Artifact, stop: &Stop) -> Result<Arc<Program>, CudaError> {
        let (target, variant) = form(artifact)?;
        let fingerprint = variant.fingerprint();
        if let Some(program) = self.programs.get(&fingerprint).and_then(Weak::upgrade) {
            return Ok(program);
        }
        self.check(variant)?;
        let host = self.host(variant)?;
        let class = self.gpu.class();
        let folder = artifact.folder().map(|folder| folder.join("device").join(&class));
        let path = folder.map(|folder| folder.join(format!("algorithms-{target}.json")));
        let shelf = artifact.folder().map(|folder| {
            let holds_for = format!("{fingerprint}, {}", self.engine.versions());
            Shelf::at(folder, &format!("{class}/{target}"), holds_for)
        });
        let batches: Vec<_> = variant.plans.iter().map(|plan| plan.batch()).collect();
        let kept = path.as_ref().and_then(|path| Choices::read(path, self.engine.versions()));
        let chosen = kept.is_some();
        let measured = shelf.as_ref().filter(|_| chosen).and_then(|shelf| shelf.read(&batches));
        let mut choices = kept.unwrap_or_else(|| Choices::new(self.engine.versions().to_owned()));
        let measured = if let Some(measured) = measured {
            measured
        } else {
            let measured = self.measure(variant, &host, &mut choices, stop)?;
            // What cannot be kept is chosen and measured again.
            let _ = path.map(|path| choices.keep(&path));
            if let Some(shelf) = shelf {
                shelf.keep(&measured);
            }
            measured
        };
        let manifest = artifact.manifest();
        let profile = ModelProfile {
            name: manifest.name.clone(),
            input_size: manifest.input_bytes(),
            output_size: manifest.output_bytes(),
            weights_size: u64::try_from(variant.weights.len()).expect("a length fits 64 bits"),
            pages: variant.weights.pages(),
            load: measured.load,
            batches: measured.batches,
        };
        let plans = variant.plans.clone();
        let program = Arc::new(Program { plans, host, profile, choices, fingerprint });
        self.programs.retain(|_, known| known.strong_count() > 0);
        self.programs.insert(program.fingerprint.clone(), Arc::downgrade(&program));
        Ok(program)
    }

    /// Refuses what the device has no room for.
    fn check(&self, variant: &Variant) -> Result<(), CudaError> {
        let most = variant.plans.iter().map(|plan| plan.workspace_bytes()).max().unwrap_or(0);
        if most > self.workspace {
            let (workspace, needed) = (self.workspace, most);
            let reason = format!(
                "it needs {needed} bytes of workspace; executor.workspace_pool_size is {workspace}"
            );
            return Err(CudaError::new("preparing a model", &reason));
        }
        Ok(())
    }

    fn host(&mut self, variant: &Variant) -> Result<Arc<HostWeights>, CudaError> {
        let hash = variant.weights.hash();
        if let Some(host) = self.hosts.get(hash).and_then(Weak::upgrade) {
            return Ok(host);
        }
        let host = Arc::new(HostWeights::new(&self.context, &variant.weights)?);
        self.hosts.retain(|_, known| known.strong_count() > 0);
        self.hosts.insert(hash.to_owned(), Arc::downgrade(&host));
        Ok(host)
    }

    /// Addresses and graphs for one more instance.
    fn instance(
        &mut self,
        program: &Arc<Program>,
        kind: &str,
        wanted: Wanted,
    ) -> Result<Instance, CudaError> {
        let (before, _) = self.context.free_and_total()?;
        let range = Arc::new(AddressRange::new(&self.context, program.profile.pages)?);
        let sites = Sites { weights: range.address(), ..self.sites };
        let prepare = |plan: &Arc<Plan>| {
            let graph = self.engine.prepare(plan, &sites, &program.choices)?;
            Ok((Arc::clone(plan), graph))
        };
        let plans = program.plans.iter().zip(&program.profile.batches);
        let plans = plans.filter(|(_, entry)| wanted.includes(entry)).map(|(plan, _)| plan);
        let graphs = plans.map(prepare).collect::<Result<_, CudaError>>()?;
        let (after, _) = self.context.free_and_total()?;
        let share = self.graphs.record(kind, before, after);
        let (program, room) = (Arc::clone(program), self.graphs.fits(kind));
        Ok(Instance { program, graphs, range, room, _share: share })
    }

    /// Chooses what is not chosen yet, and measures, in memory that is taken and given back.
    fn measure(
        &self,
        variant: &Variant,
        host: &HostWeights,
        choices: &mut Choices,
        stop: &Stop,
    ) -> Result<Durations, CudaError> {
        let most = |bytes: fn(&Plan) -> usize| {
            variant.plans.iter().map(|plan| bytes(plan)).max().unwrap_or(0)
        };
        let take = |len| Buffer::new(&self.context, len);
        let inputs = most(|plan| plan.sizes().input * size_of::<f32>()).next_multiple_of(256);
        let io = take(inputs + most(|plan| plan.sizes().output * size_of::<f32>()))?;
        let weights = take(variant.weights.len())?;
        let workspace = take(most(Plan::workspace_bytes))?;
        let (scratch, descriptor) = (take(self.sites.scratch.1)?, take(16)?);
        io.clear()?;
        let sites = Sites {
            descriptor: descriptor.address(),
            workspace: workspace.address(),
            weights: weights.address(),
            scratch: (scratch.address(), self.sites.scratch.1),
        };
        let outputs = u64::try_from(inputs).expect("a length fits 64 bits");
        descriptor.fill(bytemuck::cast_slice(&[io.address(), io.address() + outputs]))?;
        let stream = Stream::new(&self.context)?;
        let load = time_load(&self.context, &stream, host, &weights)?;
        let mut batches = Vec::new();
        for plan in &variant.plans {
            stop.check().map_err(given_up)?;
            self.engine.choose(plan, &sites, choices)?;
            let prepared = self.engine.prepare(plan, &sites, choices)?;
            let exec = time(&self.context, &stream, &prepared)?;
            batches.push(BatchProfile { batch: plan.batch(), exec });
        }
        Ok(Durations { load, batches })
    }
}

/// What instances have in common whose graphs are the same but for addresses.
pub(super) fn kind(fingerprint: &str, wanted: Wanted) -> String {
    format!("{fingerprint}, up to {} and {} ns", wanted.max_batch, wanted.max_exec.get())
}

/// How long a LOAD takes: a copy, and the mapping of its first page. Weights in a file are read first, by
/// whoever is slower.
fn time_load(
    context: &Arc<Context>,
    stream: &Stream,
    host: &HostWeights,
    to: &Buffer,
) -> Result<Span, CudaError> {
    let read;
    let bytes = if let Some(bytes) = host.bytes() {
        bytes
    } else {
        let failed = |error| CudaError::new("reading weights", &error);
        read = host.weights().bytes().map_err(failed)?;
        &read
    };
    let (begin, end) = (Event::new(context)?, Event::new(context)?);
    let mut longest = 0.0_f64;
    for _ in 0..LOADS {
        begin.record(stream)?;
        // SAFETY: `to` is as long as the weights, and the copy is over before this returns.
        unsafe { stream.copy_in(to.address(), bytes)? };
        end.record(stream)?;
        stream.synchronize()?;
        longest = longest.max(end.nanoseconds_since(&begin)?);
    }
    Ok(Span::from_f64(longest) + MAPPING)
}

fn given_up(stopped: Stopped) -> CudaError {
    CudaError::new("preparing a model", &stopped)
}

/// The fastest form that a model has for a GPU.
pub(super) fn form(artifact: &Artifact) -> Result<(Target, &Variant), CudaError> {
    let forms = artifact.variants().filter(|(target, _)| matches!(target, Target::Cuda(_)));
    forms.last().ok_or_else(|| {
        CudaError::new("preparing a model", "it is not compiled for GPUs: compile it again")
    })
}

/// How long a graph takes: the second longest of its runs, because an estimate must not be optimistic.
fn time(context: &Arc<Context>, stream: &Stream, prepared: &Prepared) -> Result<Span, CudaError> {
    let (begin, end) = (Event::new(context)?, Event::new(context)?);
    let once = || {
        begin.record(stream)?;
        // SAFETY: its sites are there until this returns, and nobody else has it.
        unsafe { prepared.run(stream)? };
        end.record(stream)?;
        stream.synchronize()?;
        end.nanoseconds_since(&begin)
    };
    for _ in 0..WARM_UPS {
        once()?;
    }
    let mut times = (0..RUNS).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    times.sort_by(f64::total_cmp);
    Ok(Span::from_f64(times[RUNS - 2]))
}

macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque!(Program, Instance, Setup);

const WARM_UPS: usize = 5;
const RUNS: usize = 50;
const LOADS: usize = 3;

/// What mapping the first page costs, and hearing of the end; later pages are mapped while earlier ones are
/// copied.
const MAPPING: Span = Span::from_micros(60);
