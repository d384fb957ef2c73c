//! The one seam for hardware.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clockwork_wire::{
    ActionId, BatchProfile, BatchSize, Interval, ModelId, ModelProfile, Nanos, Pages, Payload,
    Span, Status,
};

use crate::{Inputs, ModelSource};

/// What a device is, fixed from start to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSpec {
    /// Devices of one class take the same time for the same batch.
    pub class: String,
    /// Size of the weights cache.
    pub pages: Pages,
    /// Bytes for inputs and outputs.
    pub io_pool: u64,
    /// Bytes for intermediate tensors.
    pub workspace_pool: u64,
    /// How many INFERs may be handed over before the first is complete: 1, or 2 where the host
    /// observes completions too late to keep the device busy. At most one *executes* at a time.
    pub depth: u8,
}

/// What a device is asked to do. One LOAD at a time, which takes all its pages or, if it fails, none; up to [`DeviceSpec::depth`] INFERs, executed
/// in the order in which they were started.
#[derive(Debug)]
pub enum Operation {
    /// Copy weights, or a part of them, into these pages of the cache.
    Load {
        /// The first of the model's pages that is copied.
        first: u32,
        /// Where in the cache it and those that follow it go.
        pages: Vec<u32>,
        /// How many pages the model has.
        total: Pages,
    },
    /// Run a batch.
    Infer {
        /// The batch size.
        batch: BatchSize,
        /// The inputs.
        inputs: Inputs,
        /// Where the inputs and outputs lie in the io pool (offset in bytes).
        io_offset: u64,
        /// Where the intermediate tensors lie in the workspace pool (offset in bytes).
        workspace_offset: u64,
    },
}

/// An operation is over.
#[derive(Debug)]
pub struct Completion {
    /// The action that asked for it.
    pub id: ActionId,
    /// [`Status::OK`], or why it failed.
    pub status: Status,
    /// Copy of the inputs; zero if there was none.
    pub copy_input: Interval,
    /// The work itself, in *device* time: an emulated device says when it was due to end, however
    /// late anybody asked.
    pub exec: Interval,
    /// Copy of the outputs; zero if there was none.
    pub copy_output: Interval,
    /// Device clock when it started, in MHz; 0 if it has none.
    pub clock_before: u32,
    /// Device clock when it ended, in MHz; 0 if it has none.
    pub clock_after: u32,
    /// The outputs, one after the other; empty for a LOAD and for made-up inputs.
    pub output: Payload,
}

impl Completion {
    /// An operation that ended so, and of which nothing else is known: no times, no outputs.
    pub fn bare(id: ActionId, status: Status) -> Self {
        Self {
            id,
            status,
            copy_input: Interval::default(),
            exec: Interval::default(),
            copy_output: Interval::default(),
            clock_before: 0,
            clock_after: 0,
            output: Payload::EMPTY,
        }
    }
}

/// How a device misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fault {
    /// It does not.
    #[default]
    None,
    /// Every operation that starts takes this many times as long; at least 0.
    Slow(f64),
    /// Nothing ends. What was under way goes on where it stopped when the fault is lifted.
    Hang,
}

/// The batch sizes of a model that are to be prepared: those up to a size that take no longer than a time;
/// batch 1 always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The largest.
    pub max_batch: BatchSize,
    /// The longest time, as measured on the device.
    pub max_exec: Span,
}

impl Wanted {
    /// Every batch size.
    pub const ALL: Self = Self {
        max_batch: BatchSize::new(BatchSize::LIMIT).expect("the limit is a size"),
        max_exec: Span::MAX,
    };

    /// Whether this one is wanted.
    pub fn includes(&self, entry: &BatchProfile) -> bool {
        let within = entry.batch <= self.max_batch && entry.exec <= self.max_exec;
        within || entry.batch == BatchSize::ONE
    }
}

/// Why a model cannot be made servable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprepared {
    /// What a controller is told.
    pub status: Status,
    /// In words.
    pub reason: String,
}

/// There is no such model, or it cannot run: [`Status::BAD_MODEL_PATH`].
impl From<String> for Unprepared {
    fn from(reason: String) -> Self {
        Self { status: Status::BAD_MODEL_PATH, reason }
    }
}

/// Tells whoever prepares models that nobody needs them any longer, because the worker ends. Clones tell
/// each other.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on, what is prepared is given up.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Asked between two pieces of slow work.
    ///
    /// # Errors
    /// If they are to be given up.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.0.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }
}

/// The worker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker ends")]
pub struct Stopped;

/// Does what is slow about preparing models for a device, on a thread that nobody waits for.
pub trait Prepare: fmt::Debug + Send {
    /// Makes so many copies of a model ready, so that [`Device::prepare`] only takes them over.
    ///
    /// # Errors
    /// Why the model cannot run on the device; which will say so again. Or it was given up, because `stop` was set.
    fn prepare_ahead(
        &mut self,
        source: &ModelSource,
        copies: u32,
        wanted: Wanted,
        stop: &Stop,
    ) -> Result<(), Unprepared>;
}

/// A device: executes one INFER at a time, copies one model's weights at a time, and reports
/// completions without ever blocking its caller.
pub trait Device: fmt::Debug {
    /// What it is.
    fn spec(&self) -> &DeviceSpec;

    /// Makes `copies` (at least 1) models with contiguous ids from `first` on servable, which are
    /// all the same: host copies, code, plans. Returns what each of them is on this device, with the batch
    /// sizes that are prepared: all that are wanted, and perhaps more.
    ///
    /// # Errors
    /// Why the model cannot run here.
    fn prepare(
        &mut self,
        first: ModelId,
        copies: u32,
        source: &ModelSource,
        wanted: Wanted,
    ) -> Result<ModelProfile, Unprepared>;

    /// What an operator should know of it when it starts, in lines.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// How many more instances like a model's could be prepared beside all that are; `None` if nothing of
    /// the device limits that, or it cannot tell yet.
    fn room(&self, _model: ModelId) -> Option<u64> {
        None
    }

    /// What prepares models ahead, if preparing them is slow; asked for once. A device without it prepares
    /// them itself.
    fn ahead(&mut self) -> Option<Box<dyn Prepare>> {
        None
    }

    /// Forgets the `copies` models from `first` on, which hold no pages: their ids, and host copies
    /// that no other model needs. Never called while an operation of one of them is under way.
    fn remove(&mut self, first: ModelId, copies: u32);

    /// Bytes of intermediate tensors that one INFER of this batch size needs while it is under way.
    fn workspace(&self, _model: ModelId, _batch: BatchSize) -> u64 {
        0
    }

    /// Whether the device keeps device time: it then starts an operation at the `at` that it is
    /// told, even if nobody came by until later. Any other device starts at the caller's `now`.
    fn keeps_device_time(&self) -> bool {
        false
    }

    /// Makes the device misbehave from now on, for tests and simulation. Ignored by devices that
    /// cannot.
    fn inject(&mut self, _now: Nanos, _fault: Fault) {}

    /// Starts an operation that became possible at `at` (its arrival, its `earliest` or the
    /// predecessor's end in device time, whichever is last; at most `now`). The caller has checked
    /// window, weights and pools.
    fn start(&mut self, now: Nanos, at: Nanos, id: ActionId, model: ModelId, operation: Operation);

    /// When the device will have executed every INFER that was handed over (device time).
    fn exec_free_at(&self) -> Nanos;

    /// When an INFER with so many bytes of input would begin to execute, if it were handed over at `at`
    /// (device time): when all before it are executed and its input is there.
    fn start_of(&self, at: Nanos, _input_bytes: usize) -> Nanos {
        at.max(self.exec_free_at())
    }

    /// When the copy engine will have finished its LOAD (device time).
    fn load_free_at(&self) -> Nanos;

    /// Forgets a model's weights from page `keep` on: what held them may be reused at once. Never
    /// called while an operation of that model is under way.
    fn evict(&mut self, model: ModelId, keep: Pages);

    /// The next completion that is due, in the order of their ends.
    fn poll(&mut self, now: Nanos) -> Option<Completion>;

    /// When `poll` will have something; `None` if nothing is under way, or if the device wakes
    /// whoever drives it by itself.
    fn next_wakeup(&self) -> Option<Nanos>;

    /// The next INFER that a device that wakes its driver by itself will complete, and when it should: a
    /// hint, so that the driver can be awake. `None` if nothing is under way, or nothing is known.
    fn foreseen(&self) -> Option<(ActionId, Nanos)> {
        None
    }
}
