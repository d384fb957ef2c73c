//! The device core: a thread that owns the device's memory and does one thing after the other.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use clockwork_wire::{
    ActionId, Encoding, Interval, ModelId, ModelProfile, Nanos, Pages, Payload, Status,
};
use rtrb::{Consumer, Producer};

use super::isa::Kernels;
use super::memory::{MappedPages, Part, Region, WeightsCache};
use super::profile::profile;
use super::program::{Model, Program};
use super::run::Memory;
use crate::artifact::Weights;
use crate::{Completion, DeviceSpec, Inputs, Stop};

/// What a device needs of the process around it.
#[derive(Clone)]
pub struct Host {
    /// Reads the process's clock.
    pub clock: Arc<dyn Fn() -> Nanos + Send + Sync>,
    /// Makes whoever drives the device come by and poll; called by the device core.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// Called once by the device core as it starts, to give its thread the processor that it is to
    /// have: a thread begins on those of its maker, which may be a single one.
    pub place: Arc<dyn Fn() + Send + Sync>,
}

impl Host {
    pub(crate) fn now(&self) -> Nanos {
        (self.clock)()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

/// What the device core is told, in the order in which it is done.
pub(super) enum Command {
    /// Measure a model and say what it is.
    Prepare { model: Model, reply: SyncSender<Result<ModelProfile, String>> },
    /// Copy weights, or a part of them, into pages.
    Load { id: ActionId, model: ModelId, weights: Arc<Weights>, part: Part },
    /// Run a batch.
    Infer(Job),
    /// Forget weights from page `keep` on.
    Evict { model: ModelId, keep: Pages },
}

/// A batch to be run.
pub(super) struct Job {
    pub(super) id: ActionId,
    pub(super) model: ModelId,
    pub(super) program: Program,
    pub(super) inputs: Inputs,
    /// Elements from the begin of the io memory to the inputs, which the outputs follow.
    pub(super) io: usize,
    /// Elements from the begin of the workspace memory.
    pub(super) workspace: usize,
}

/// The device core's own state.
pub(super) struct Core {
    host: Host,
    class: String,
    kernels: Kernels,
    cache: WeightsCache,
    io: Region,
    workspace: Region,
    resident: BTreeMap<ModelId, MappedPages>,
}

impl Core {
    /// Allocates all memory that the device will ever have.
    pub(super) fn new(spec: &DeviceSpec, host: Host) -> io::Result<Self> {
        let bytes = |bytes: u64| usize::try_from(bytes).map_err(io::Error::other);
        Ok(Self {
            host,
            class: spec.class.clone(),
            kernels: Kernels::detect(),
            cache: WeightsCache::new(spec.pages)?,
            io: Region::new(bytes(spec.io_pool)?)?,
            workspace: Region::new(bytes(spec.workspace_pool)?)?,
            resident: BTreeMap::new(),
        })
    }

    /// Does what it is told until the other end is gone. Sleeps while there is nothing to do:
    /// whoever sends a command unparks this thread.
    pub(super) fn serve(
        mut self,
        mut commands: Consumer<Command>,
        mut completions: Producer<Completion>,
    ) {
        (self.host.place)();
        loop {
            match commands.pop() {
                Ok(command) => {
                    if let Some(completion) = self.execute(command) {
                        completions
                            .push(completion)
                            .expect("a device has fewer operations under way than its ring slots");
                        (self.host.wake)();
                    }
                }
                Err(_) if commands.is_abandoned() => return,
                Err(_) => thread::park(),
            }
        }
    }

    fn execute(&mut self, command: Command) -> Option<Completion> {
        match command {
            Command::Prepare { model, reply } => {
                let measured = guarded(|| {
                    profile(&self.host, self.kernels, &self.class, &model, &Stop::default())
                });
                // Nobody waits for the answer only when the device is being dropped.
                let _ = reply.send(measured.unwrap_or_else(Err));
                None
            }
            Command::Load { id, model, weights, part } => {
                let begin = self.host.now();
                let loaded = guarded(|| self.load(model, &weights, &part)).flatten();
                let status = if loaded.is_ok() { Status::OK } else { Status::RUNTIME_ERROR };
                let exec = interval(begin, self.host.now());
                Some(Completion { exec, ..Completion::bare(id, status) })
            }
            Command::Infer(job) => Some(self.infer(job)),
            Command::Evict { model, keep } => {
                self.evict(model, keep);
                None
            }
        }
    }

    /// All of a model is loaded anew; a part joins what is there.
    fn load(&mut self, model: ModelId, weights: &Weights, part: &Part) -> Result<(), String> {
        if part.is_whole() {
            self.evict(model, Pages::ZERO);
        }
        let mut mapped = match self.resident.remove(&model) {
            Some(mapped) => mapped,
            None => MappedPages::reserve(part.total)?,
        };
        let filled = self.cache.fill(&mut mapped, part, weights);
        if mapped.is_empty() {
            self.cache.unmap(mapped);
        } else {
            self.resident.insert(model, mapped);
        }
        filled
    }

    fn evict(&mut self, model: ModelId, keep: Pages) {
        let Some(mut mapped) = self.resident.remove(&model) else { return };
        self.cache.cut(&mut mapped, keep);
        if mapped.is_empty() {
            self.cache.unmap(mapped);
        } else {
            self.resident.insert(model, mapped);
        }
    }

    fn infer(&mut self, mut job: Job) -> Completion {
        let sizes = job.program.sizes();
        let io = self.io.floats_mut().get_mut(job.io..).and_then(|io| {
            let (input, output) = io.split_at_mut_checked(sizes.input)?;
            Some((input, output.get_mut(..sizes.output)?))
        });
        let workspace = self.workspace.floats_mut().get_mut(job.workspace..);
        let (Some((input, output)), Some(workspace)) =
            (io, workspace.filter(|workspace| workspace.len() >= sizes.workspace))
        else {
            return Completion::bare(job.id, Status::INVALID_ACTION);
        };
        let Some(weights) = self.resident.get(&job.model).and_then(MappedPages::floats) else {
            return Completion::bare(job.id, Status::WEIGHTS_MISSING);
        };
        let begin = self.host.now();
        let absent = job.inputs.body.is_empty();
        if let Err(status) = copy_inputs(&job.inputs, job.program.batch().count(), input) {
            return Completion::bare(job.id, status);
        }
        let copied = self.host.now();
        let memory = Memory { input, output, workspace, weights };
        if guarded(|| job.program.run(self.kernels, memory)).flatten().is_err() {
            return Completion::bare(job.id, Status::RUNTIME_ERROR);
        }
        let executed = self.host.now();
        let body = std::mem::take(&mut job.inputs.body);
        let output = if absent { body } else { outputs(self.io.floats(), &job) };
        Completion {
            copy_input: interval(begin, copied),
            exec: interval(copied, executed),
            copy_output: interval(executed, self.host.now()),
            output,
            ..Completion::bare(job.id, Status::OK)
        }
    }
}

/// Puts the inputs of a batch one after the other; absent ones become zeros.
pub(crate) fn copy_inputs(inputs: &Inputs, count: usize, memory: &mut [f32]) -> Result<(), Status> {
    if inputs.body.is_empty() {
        memory.fill(0.0);
        return Ok(());
    }
    if inputs.sizes.len() != count {
        return Err(Status::BAD_INPUT_SIZE);
    }
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(memory);
    let each = bytes.len() / count;
    let mut rest: &[u8] = &inputs.body;
    for (place, &size) in bytes.chunks_exact_mut(each).zip(&inputs.sizes) {
        let size = usize::try_from(size).map_err(|_| Status::BAD_COMPRESSED_SIZES)?;
        let (input, behind) = rest.split_at_checked(size).ok_or(Status::BAD_COMPRESSED_SIZES)?;
        rest = behind;
        match inputs.encoding {
            _ if size == 0 => place.fill(0),
            Encoding::Raw if size == each => place.copy_from_slice(input),
            Encoding::Raw => return Err(Status::BAD_INPUT_SIZE),
            Encoding::Lz4 => match lz4_flex::block::decompress_into(input, place) {
                Ok(written) if written == each => {}
                _ => return Err(Status::BAD_COMPRESSED_INPUT),
            },
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(Status::BAD_COMPRESSED_SIZES) }
}

/// The outputs of a batch.
fn outputs(io: &[f32], job: &Job) -> Payload {
    let sizes = job.program.sizes();
    let outputs = &io[job.io + sizes.input..][..sizes.output];
    Payload::new(bytemuck::cast_slice(outputs).to_vec())
}

/// What `work` gives, or in words why it panicked. The memory that it works in holds numbers only,
/// which are never wrong, only meaningless; the next operation overwrites them.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = |panic: &dyn Any| {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            text.or_else(|| panic.downcast_ref::<String>().cloned())
        };
        text(&*panic).unwrap_or_else(|| "a kernel panicked".to_owned())
    })
}

fn interval(begin: Nanos, end: Nanos) -> Interval {
    Interval { begin, end, duration: end - begin }
}
