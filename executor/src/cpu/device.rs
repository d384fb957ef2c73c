//! The device as its worker sees it: commands go to the device core through a ring, completions
//! come back through another.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use clockwork_wire::{
    ActionId, BatchSize, ModelId, ModelProfile, Nanos, Pages, Span, part_of_load,
};

use super::device_core::{Command, Core, Host, Job};
use super::memory::Part;
use super::profile::Ahead;
use super::program::{Model, Program};
use crate::device_thread::{DeviceThread, RING};
use crate::{Completion, Device, DeviceSpec, ModelSource, Operation, Prepare, Unprepared, Wanted};

/// The processor as a device.
///
/// A thread of its own (the device core) owns all memory and executes; it sleeps when there is
/// nothing to do. LOADs and INFERs are done by that one thread in the order in which they were
/// started, so that both are free at the same time.
pub struct CpuDevice {
    spec: DeviceSpec,
    host: Host,
    core: DeviceThread<Command>,
    /// Every distinct model once: instances share it.
    known: Vec<(Model, ModelProfile)>,
    /// Which of `known` a model is.
    models: BTreeMap<ModelId, usize>,
    /// What is under way, oldest first, and how long it should take.
    under_way: VecDeque<(ActionId, Span)>,
    /// When the oldest began, at the latest.
    busy_from: Nanos,
}

impl CpuDevice {
    /// Starts a device core.
    ///
    /// # Errors
    /// If the memory or the thread cannot be had.
    pub fn new(spec: DeviceSpec, host: Host) -> io::Result<Self> {
        let core = Core::new(&spec, host.clone())?;
        let name = format!("device {}", spec.class);
        let core = DeviceThread::start(name, |told, done| core.serve(told, done))?;
        Ok(Self {
            spec,
            host,
            core,
            known: Vec::new(),
            models: BTreeMap::new(),
            under_way: VecDeque::new(),
            busy_from: Nanos::ZERO,
        })
    }

    /// Which of the known models this is; a new one is measured first.
    fn intern(&mut self, model: Model) -> Result<usize, String> {
        let known = self.known.iter().position(|(other, _)| other.is_same(&model));
        if let Some(index) = known {
            return Ok(index);
        }
        let (reply, answer) = sync_channel(1);
        self.core.send(Command::Prepare { model: model.clone(), reply });
        let profile = answer.recv().map_err(|_| "the device core has ended".to_owned())??;
        self.known.push((model, profile));
        Ok(self.known.len() - 1)
    }

    /// What is known goes with the last model that is it.
    fn drop_unused(&mut self) {
        for index in (0..self.known.len()).rev() {
            if self.models.values().any(|&used| used == index) {
                continue;
            }
            self.known.swap_remove(index);
            let moved = self.known.len();
            self.models.values_mut().filter(|used| **used == moved).for_each(|used| *used = index);
        }
    }

    fn known(&self, model: ModelId) -> Option<&(Model, ModelProfile)> {
        self.known.get(*self.models.get(&model)?)
    }

    fn program(&self, model: ModelId, batch: BatchSize) -> Option<Program> {
        self.known(model)?.0.program(batch)
    }

    fn free_at(&self) -> Nanos {
        self.busy_from + self.under_way.iter().map(|&(_, span)| span).sum()
    }
}

impl Device for CpuDevice {
    fn spec(&self) -> &DeviceSpec {
        &self.spec
    }

    /// Blocks until the device core has measured a model that it has not seen: some milliseconds
    /// for a small one, after all that is under way. What was measured before on this class of
    /// devices is kept beside the model, and is not measured again.
    fn prepare(
        &mut self,
        first: ModelId,
        copies: u32,
        source: &ModelSource,
        _wanted: Wanted,
    ) -> Result<ModelProfile, Unprepared> {
        let model = Model::of(source).ok_or_else(|| {
            "a cpu device runs compiled models and libraries, not profiles".to_owned()
        })?;
        let index = self.intern(model)?;
        self.models.extend(ids(first, copies).map(|model| (model, index)));
        Ok(self.known[index].1.clone())
    }

    fn ahead(&mut self) -> Option<Box<dyn Prepare>> {
        let (host, class) = (self.host.clone(), self.spec.class.clone());
        Some(Box::new(Ahead { host, class }))
    }

    fn remove(&mut self, first: ModelId, copies: u32) {
        for model in ids(first, copies) {
            self.models.remove(&model);
        }
        self.drop_unused();
    }

    fn workspace(&self, model: ModelId, batch: BatchSize) -> u64 {
        let elements = self.program(model, batch).map_or(0, |program| program.sizes().workspace);
        let bytes = elements * size_of::<f32>();
        u64::try_from(bytes).expect("a size fits 64 bits")
    }

    fn start(
        &mut self,
        now: Nanos,
        _at: Nanos,
        id: ActionId,
        model: ModelId,
        operation: Operation,
    ) {
        assert!(self.under_way.len() < RING, "a worker hands over a few operations at most");
        let (known, profile) = self.known(model).expect("a worker starts prepared models only");
        let (span, command) = match operation {
            Operation::Load { first, pages, total } => {
                let weights = Arc::clone(known.weights());
                let part = u32::try_from(pages.len()).expect("a page count fits 32 bits");
                let span = part_of_load(profile.load, Pages::new(part), total);
                (span, Command::Load { id, model, weights, part: Part { first, pages, total } })
            }
            Operation::Infer { batch, inputs, io_offset, workspace_offset } => {
                let program = known.program(batch).expect("a worker checks batch sizes");
                let (io, workspace) = (elements(io_offset), elements(workspace_offset));
                let span = profile.exec(batch).expect("every program is measured");
                (span, Command::Infer(Job { id, model, program, inputs, io, workspace }))
            }
        };
        if self.under_way.is_empty() {
            self.busy_from = now;
        }
        self.under_way.push_back((id, span));
        self.core.send(command);
    }

    fn exec_free_at(&self) -> Nanos {
        self.free_at()
    }

    fn load_free_at(&self) -> Nanos {
        self.free_at()
    }

    fn evict(&mut self, model: ModelId, keep: Pages) {
        self.core.send(Command::Evict { model, keep });
    }

    fn poll(&mut self, now: Nanos) -> Option<Completion> {
        self.core.flush();
        let completion = self.core.next()?;
        let (id, _) = self.under_way.pop_front().expect("a completion is of something under way");
        assert_eq!(id, completion.id, "completions come in the order of starts");
        // The next one began when this one ended, as far as anybody can tell.
        let end = completion.copy_output.end.max(completion.exec.end);
        self.busy_from = if end == Nanos::ZERO { now } else { end };
        Some(completion)
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        None
    }

    fn foreseen(&self) -> Option<(ActionId, Nanos)> {
        self.under_way.front().map(|&(id, span)| (id, self.busy_from + span))
    }
}

impl fmt::Debug for CpuDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuDevice").field("spec", &self.spec).finish_non_exhaustive()
    }
}

/// `copies` contiguous ids.
fn ids(first: ModelId, copies: u32) -> impl Iterator<Item = ModelId> {
    (first.get()..first.get() + copies).map(ModelId::new)
}

/// Elements of f32 in so many bytes of a pool, whose ranges begin at multiples of 256 bytes.
fn elements(bytes: u64) -> usize {
    let bytes = usize::try_from(bytes).expect("an offset into memory fits the address space");
    assert!(bytes.is_multiple_of(size_of::<f32>()), "ranges are aligned");
    bytes / size_of::<f32>()
}
