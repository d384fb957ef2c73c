//! A GPU as its worker sees it: jobs go to the device core and transfers to the load core through rings,
//! completions come back through others.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use clockwork_wire::{
    ActionId, ModelId, ModelProfile, Nanos, PAGE_BYTES, Pages, Span, part_of_load,
};
use rtrb::{Consumer, Producer};

use super::core::{Core, Job};
use super::driver::{Context, GpuInfo};
use super::engine::{Engine, Sites};
use super::error::CudaError;
use super::health::{ClockWatch, Health};
use super::loader::{Loader, Transfer};
use super::memory::Buffer;
use super::memory_driver::MemoryDriver as _;
use super::reservation::{Reservation, SCRATCH};
use super::setup::{Instance, Setup, form, kind};
use super::weights_cache::Part;
use crate::artifact::Artifact;
use crate::cpu::Host;
use crate::device_thread::DeviceThread;
use crate::{
    Completion, Device, DeviceSpec, ModelSource, Operation, Prepare, Stop, Unprepared, Wanted,
};

/// A GPU as a device.
///
/// All its memory is taken at start. Two threads drive it: the device core runs batches, the load core
/// maps and copies weights; models are prepared on a third, which nobody waits for
/// ([`Device::ahead`]).
pub struct CudaDevice {
    spec: DeviceSpec,
    /// Until somebody else prepares models.
    setup: Option<Setup>,
    /// Instances that were prepared elsewhere.
    made: mpsc::Receiver<Made>,
    make: mpsc::Sender<Made>,
    /// Those that have arrived, by their kind.
    ready: BTreeMap<String, Vec<Instance>>,
    jobs: DeviceThread<Job>,
    transfers: DeviceThread<Transfer>,
    models: BTreeMap<ModelId, Arc<Instance>>,
    /// Until when the device executes what was handed over.
    exec: Busy,
    /// Until when it copies weights.
    load: Busy,
    /// What an operator should know of it.
    notes: Vec<String>,
    _watch: ClockWatch,
    /// What all graphs work in.
    _memory: (Buffer, Buffer),
}

/// Prepares models for a GPU away from the worker's core.
struct Ahead {
    setup: Setup,
    made: mpsc::Sender<Made>,
}

/// Instances, and their kind.
type Made = (String, Vec<Instance>);

impl Prepare for Ahead {
    fn prepare_ahead(
        &mut self,
        source: &ModelSource,
        copies: u32,
        wanted: Wanted,
        stop: &Stop,
    ) -> Result<(), Unprepared> {
        let ModelSource::Artifact(artifact) = source else { return Ok(()) };
        let made = self.setup.make(artifact, copies, wanted, stop)?;
        let (_, variant) = form(artifact)?;
        // A device that is gone needs nothing.
        let _ = self.made.send((kind(&variant.fingerprint(), wanted), made));
        Ok(())
    }
}

/// What is under way, oldest first, and how long it should take.
#[derive(Debug, Default)]
struct Busy {
    under_way: VecDeque<(ActionId, Span)>,
    /// When the oldest began, at the latest.
    from: Nanos,
}

/// How a GPU is used.
#[derive(Clone, Debug)]
pub struct CudaOptions {
    /// Where compiled kernels are kept; `None`: they are compiled at every start.
    pub kernels: Option<PathBuf>,
    /// For how long a device core without work looks for some before it sleeps.
    pub spin: Span,
    /// Bytes of device memory for graphs and the code of libraries.
    pub graphs: u64,
}

impl CudaDevice {
    /// Takes a GPU's memory and starts its threads: the device core runs where the first host says, the load
    /// core where the second does.
    ///
    /// # Errors
    /// If a library is missing, or the memory that the specification wants is more than there is.
    ///
    /// # Panics
    /// If a pool exceeds the address space.
    pub fn new(
        gpu: &GpuInfo,
        spec: DeviceSpec,
        [host, beside]: [&Host; 2],
        options: &CudaOptions,
    ) -> Result<Self, CudaError> {
        let context = Context::new(gpu)?;
        let (before, total) = context.free_and_total()?;
        let engine = Engine::new(gpu, &context, options.kernels.as_deref())?;
        let (after, _) = context.free_and_total()?;
        let reservation = Reservation::new(&context, &spec, options.graphs)?;
        let (free, _) = context.free_and_total()?;
        let used = MemoryUse { total, libraries: before.saturating_sub(after), free };
        let notes = used.notes(gpu, &spec, options.graphs);
        let Reservation { pool, workspace, scratch, io } = reservation;
        let sites = Sites {
            descriptor: io.descriptor.address(),
            workspace: workspace.address(),
            weights: 0,
            scratch: (scratch.address(), scratch.len()),
        };
        let setup = Setup::new(gpu, &context, engine, sites, workspace.len(), options.graphs);
        let watch = ClockWatch::start(gpu);
        let core = Core::new(host.clone(), &context, io, options.spin, watch.last())?;
        let loader = Loader::new(beside.clone(), &context, pool)?;
        let (make, made) = mpsc::channel();
        let name = |what: &str| format!("{what} {}", gpu.ordinal);
        Ok(Self {
            jobs: start(name("device"), |jobs, done| core.serve(jobs, done))?,
            transfers: start(name("load"), |told, done| loader.serve(told, done))?,
            setup: Some(setup),
            made,
            make,
            ready: BTreeMap::new(),
            models: BTreeMap::new(),
            exec: Busy::default(),
            load: Busy::default(),
            _memory: (workspace, scratch),
            notes,
            _watch: watch,
            spec,
        })
    }

    /// Takes so many instances of a model; those that were not prepared elsewhere are made now, if nobody
    /// else prepares them.
    fn take(
        &mut self,
        artifact: &Artifact,
        copies: u32,
        wanted: Wanted,
    ) -> Result<Vec<Instance>, Unprepared> {
        for (kind, made) in self.made.try_iter() {
            self.ready.entry(kind).or_default().extend(made);
        }
        let (_, variant) = form(artifact)?;
        let kind = kind(&variant.fingerprint(), wanted);
        let mut there = self.ready.remove(&kind).unwrap_or_default();
        let count = usize::try_from(copies).expect("a count fits the address space");
        if let Some(setup) = &mut self.setup {
            let missing = count.saturating_sub(there.len());
            let missing = u32::try_from(missing).unwrap_or(copies);
            there.extend(setup.make(artifact, missing, wanted, &Stop::default())?);
        }
        if there.len() < count {
            let what = "preparing a model";
            let cause = "it failed before, where nobody waited for it";
            return Err(CudaError::new(what, cause).into());
        }
        let rest = there.split_off(count);
        if !rest.is_empty() {
            self.ready.insert(kind, rest);
        }
        Ok(there)
    }

    fn instance(&self, model: ModelId) -> &Arc<Instance> {
        self.models.get(&model).expect("a worker starts prepared models only")
    }
}

impl Device for CudaDevice {
    fn spec(&self) -> &DeviceSpec {
        &self.spec
    }

    /// Takes instances that were prepared ahead; blocks for those that were not.
    fn prepare(
        &mut self,
        first: ModelId,
        copies: u32,
        source: &ModelSource,
        wanted: Wanted,
    ) -> Result<ModelProfile, Unprepared> {
        let ModelSource::Artifact(artifact) = source else {
            return Err("a GPU runs compiled models, not profiles or libraries".to_owned().into());
        };
        let instances = self.take(artifact, copies, wanted)?;
        let profile = instances.first().map(Instance::profile);
        let ids = (first.get()..first.get() + copies).map(ModelId::new);
        self.models.extend(ids.zip(instances.into_iter().map(Arc::new)));
        profile.ok_or_else(|| "no copies of the model are asked for".to_owned().into())
    }

    fn room(&self, model: ModelId) -> Option<u64> {
        self.instance(model).room()
    }

    fn ahead(&mut self) -> Option<Box<dyn Prepare>> {
        let setup = self.setup.take()?;
        Some(Box::new(Ahead { setup, made: self.make.clone() }))
    }

    fn remove(&mut self, first: ModelId, copies: u32) {
        for model in (first.get()..first.get() + copies).map(ModelId::new) {
            if let Some(instance) = self.models.remove(&model) {
                self.transfers.send(Transfer::Forget { model, instance });
            }
        }
    }

    fn start(
        &mut self,
        now: Nanos,
        _at: Nanos,
        id: ActionId,
        model: ModelId,
        operation: Operation,
    ) {
        let instance = Arc::clone(self.instance(model));
        match operation {
            Operation::Load { first, pages, total } => {
                let part = u32::try_from(pages.len()).expect("a page count fits 32 bits");
                let whole = instance.program().profile().load;
                let span = part_of_load(whole, Pages::new(part), total);
                self.load.begin(now, id, span);
                let part = Part { first, pages, total };
                self.transfers.send(Transfer::Load { id, model, instance, part, span });
            }
            Operation::Infer { batch, inputs, io_offset, .. } => {
                let exec = instance.program().profile().exec(batch);
                let exec = exec.expect("a worker checks batch sizes");
                let copied = copy_of(inputs.body.len());
                self.exec.begin(now + copied, id, exec);
                let io = usize::try_from(io_offset).expect("an offset fits the address space");
                self.jobs.send(Job { id, instance, batch, inputs, io, exec });
            }
        }
    }

    fn exec_free_at(&self) -> Nanos {
        self.exec.free_at()
    }

    fn start_of(&self, at: Nanos, input_bytes: usize) -> Nanos {
        (at + copy_of(input_bytes)).max(self.exec.free_at())
    }

    fn load_free_at(&self) -> Nanos {
        self.load.free_at()
    }

    fn evict(&mut self, model: ModelId, keep: Pages) {
        self.transfers.send(Transfer::Evict { model, keep });
    }

    fn poll(&mut self, now: Nanos) -> Option<Completion> {
        self.jobs.flush();
        self.transfers.flush();
        if let Some(completion) = self.jobs.next() {
            self.exec.end(now, &completion);
            return Some(completion);
        }
        let completion = self.transfers.next()?;
        self.load.end(now, &completion);
        Some(completion)
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        None
    }

    fn foreseen(&self) -> Option<(ActionId, Nanos)> {
        self.exec.under_way.front().map(|&(id, span)| (id, self.exec.from + span))
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// What became of a GPU's memory, in bytes.
#[derive(Clone, Copy, Debug)]
struct MemoryUse {
    total: u64,
    /// Taken by handles and code when the libraries were opened.
    libraries: u64,
    /// Left when all that is taken at start was taken.
    free: u64,
}

impl MemoryUse {
    fn notes(self, gpu: &GpuInfo, spec: &DeviceSpec, graphs: u64) -> Vec<String> {
        let mib = |bytes: u64| bytes >> 20;
        let GpuInfo { ordinal, name, address, .. } = gpu;
        let (total, free, opened) = (mib(self.total), mib(self.free), mib(self.libraries));
        let scratch = SCRATCH >> 20;
        let (io, workspace) = (mib(spec.io_pool), mib(spec.workspace_pool));
        vec![
            format!("GPU {ordinal}: {name} at {address}, {total} MiB"),
            match Health::of(gpu) {
                Ok(health) => format!("GPU {ordinal}: {health}"),
                Err(why) => format!("GPU {ordinal}: its clock is not known: {why}"),
            },
            format!(
                "GPU {ordinal}: {} weights pages of {} MiB, io {io} MiB, workspace {workspace} MiB, libraries \
                 {opened} + {scratch} MiB; {free} MiB are left, of which graphs may take {} MiB",
                spec.pages.get(),
                mib(PAGE_BYTES),
                mib(graphs),
            ),
        ]
    }
}

impl Busy {
    fn begin(&mut self, now: Nanos, id: ActionId, span: Span) {
        if self.under_way.is_empty() {
            self.from = now;
        }
        self.under_way.push_back((id, span));
    }

    fn end(&mut self, now: Nanos, completion: &Completion) {
        let place = self.under_way.iter().position(|&(id, _)| id == completion.id);
        let place = place.expect("a completion is of something under way");
        self.under_way.remove(place);
        // The next one began when this one ended, as far as anybody can tell.
        let end = completion.exec.end;
        self.from = if end == Nanos::ZERO { now } else { end };
    }

    fn free_at(&self) -> Nanos {
        self.from + self.under_way.iter().map(|&(_, span)| span).sum()
    }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").finish_non_exhaustive()
    }
}

impl fmt::Debug for CudaDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaDevice").field("spec", &self.spec).finish_non_exhaustive()
    }
}

fn start<T: Send + 'static>(
    name: String,
    serve: impl FnOnce(Consumer<T>, Producer<Completion>) + Send + 'static,
) -> Result<DeviceThread<T>, CudaError> {
    DeviceThread::start(name, serve).map_err(|error| CudaError::new("starting a thread", &error))
}

/// How long it takes until so many bytes of input are on the device.
fn copy_of(bytes: usize) -> Span {
    let bytes = u64::try_from(bytes).expect("a length fits 64 bits");
    COPY_BEGINS + Span::new(bytes / BYTES_PER_NANOSECOND)
}

/// Into the thread and out of it again, and the launch of a copy.
const COPY_BEGINS: Span = Span::from_micros(15);

/// Host memory to pinned memory, and from there to the device.
const BYTES_PER_NANOSECOND: u64 = 8;
