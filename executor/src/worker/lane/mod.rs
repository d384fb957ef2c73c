//! One device of a worker with everything that waits for it.

mod transfer;

use std::collections::VecDeque;

use clockwork_wire::{
    ActionId, ActionKind, ActionResult, DeviceState, GpuId, ModelId, Nanos, Pages, Status,
};

use self::transfer::Transfer;
use super::residency::Residency;
use super::task::{Running, Task, Ticket};
use crate::pool::RingPool;
use crate::queue::Queue;
use crate::{Completion, Device, Fault, Operation, Output};

/// Results on their way out.
pub(crate) type Outbox = VecDeque<Output>;

/// A device, its two queues (one for INFER, one for LOAD and EVICT) and its memory.
///
/// A lane lives in device time: [`Lane::advance`] goes through starts and completions in the order
/// in which they are due, however late it is called, so that lateness of the caller never adds up.
#[derive(Debug)]
pub(crate) struct Lane {
    gpu: GpuId,
    device: Box<dyn Device>,
    infers: Queue,
    weights: Queue,
    /// INFERs handed to the device, oldest first; at most its depth.
    executing: VecDeque<Running>,
    /// The LOAD or EVICT under way.
    transfer: Option<Transfer>,
    /// When the device last had room for another INFER (device time).
    exec_room_at: Nanos,
    /// When the last LOAD or EVICT was over (device time).
    transfer_over_at: Nanos,
    residency: Residency,
    io: RingPool,
    workspace: RingPool,
}

/// Which queue may start its first task next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Head {
    // At the same instant INFERs go first: an EVICT then finds its model in use and waits.
    Infer,
    Weights,
}

impl Lane {
    /// A lane for `device`, with queues of at most `queue_max` actions each.
    pub(crate) fn new(gpu: GpuId, device: Box<dyn Device>, queue_max: usize) -> Self {
        let spec = device.spec();
        assert!(spec.depth > 0, "device {gpu} takes no INFER at all");
        Self {
            gpu,
            infers: Queue::new(queue_max),
            weights: Queue::new(queue_max),
            executing: VecDeque::with_capacity(usize::from(spec.depth)),
            transfer: None,
            exec_room_at: Nanos::ZERO,
            transfer_over_at: Nanos::ZERO,
            residency: Residency::new(spec.pages),
            io: RingPool::new(spec.io_pool),
            workspace: RingPool::new(spec.workspace_pool),
            device,
        }
    }

    /// The device, to prepare a model on it.
    pub(crate) fn device_mut(&mut self) -> &mut dyn Device {
        &mut *self.device
    }

    /// Lets an action wait for its start.
    pub(crate) fn push(&mut self, task: Task, out: &mut Outbox) {
        let queue = match task.action.kind {
            ActionKind::Infer { .. } => &mut self.infers,
            ActionKind::Load | ActionKind::Evict => &mut self.weights,
        };
        if queue.is_full() {
            out.push_back(task.ticket().refused(Status::OVERLOADED));
        } else {
            queue.push(task);
        }
    }

    /// Whether an action has not started yet.
    pub(crate) fn is_waiting(&self, id: ActionId) -> bool {
        self.infers.contains(id) || self.weights.contains(id)
    }

    /// The models of what waits and of what is under way.
    pub(crate) fn models_in_use(&self) -> impl Iterator<Item = ModelId> {
        let under_way = self.executing.iter().map(|running| running.ticket.action.model);
        let transfer = self.transfer.as_ref().map(Transfer::model);
        self.infers.models().chain(self.weights.models()).chain(under_way).chain(transfer)
    }

    /// Forgets models that nothing uses: their pages here, and their host copies. Costs little for
    /// models that hold no pages, as most do.
    pub(crate) fn drop_models(&mut self, first: ModelId, copies: u32) {
        if copies == 0 {
            return;
        }
        for model in self.residency.held(first, copies) {
            self.forget(model, 0);
        }
        self.device.remove(first, copies);
    }

    /// Drops models of which only a part is there, unless an action for them waits or is under way.
    pub(crate) fn drop_incomplete(&mut self) {
        for model in self.residency.incomplete() {
            if !self.models_in_use().any(|used| used == model) {
                self.forget(model, 0);
            }
        }
    }

    /// Takes a waiting action out.
    pub(crate) fn cancel(&mut self, id: ActionId) -> Option<Ticket> {
        let task = self.infers.remove(id).or_else(|| self.weights.remove(id))?;
        Some(task.ticket())
    }

    /// Cancels everything that waits; what is under way goes on.
    pub(crate) fn cancel_all(&mut self, out: &mut Outbox) {
        while let Some(task) = self.infers.pop().or_else(|| self.weights.pop()) {
            out.push_back(task.ticket().refused(Status::CANCELLED));
        }
    }

    /// Makes the device misbehave.
    pub(crate) fn inject(&mut self, now: Nanos, fault: Fault) {
        self.device.inject(now, fault);
    }

    /// Whether something is under way on a device that does not say when it will end.
    pub(crate) fn is_opaque(&self) -> bool {
        let busy = !self.executing.is_empty() || self.transfer.is_some();
        busy && self.device.next_wakeup().is_none()
    }

    /// The next completion that the device foresees.
    pub(crate) fn foreseen(&self) -> Option<(ActionId, Nanos)> {
        self.device.foreseen()
    }

    /// Whether the lane must be brought up to date before something new arrives: only then is
    /// a late turn as good as one in time.
    pub(crate) fn keeps_device_time(&self) -> bool {
        self.device.keeps_device_time()
    }

    /// When there will be something to do.
    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        let start = self.next_start().map(|(at, _)| at);
        start.into_iter().chain(self.device.next_wakeup()).min()
    }

    /// Carries out everything that is due at `until`, in the order of device time.
    pub(crate) fn advance(&mut self, until: Nanos, out: &mut Outbox) {
        loop {
            let start = self.next_start().filter(|&(at, _)| at <= until);
            let horizon = start.map_or(until, |(at, _)| at);
            // A device that does not know when it ends is asked first: what is over is over.
            let asks = self.device.next_wakeup().is_none_or(|due| due <= horizon);
            if let Some(completion) = asks.then(|| self.device.poll(until)).flatten() {
                self.complete(until, completion, out);
            } else if let Some((at, head)) = start {
                let at = self.device_time(until, at);
                match head {
                    Head::Infer => self.start_infer(until, at, out),
                    Head::Weights => self.start_transfer(until, at, out),
                }
            } else {
                return;
            }
        }
    }

    /// What the controller should know of the device.
    pub(crate) fn state(&self) -> DeviceState {
        let spec = self.device.spec();
        DeviceState {
            gpu: self.gpu,
            class: spec.class.clone(),
            pages: spec.pages,
            io_pool: spec.io_pool,
            workspace_pool: spec.workspace_pool,
            loaded: self.residency.loaded(),
        }
    }

    /// Weights pages that no model holds.
    pub(crate) fn free_pages(&self) -> Pages {
        self.residency.free()
    }

    /// What counts as the time of something that happened on the device at `at` and is noticed
    /// `now`: only a device that keeps device time goes on from `at`.
    fn device_time(&self, now: Nanos, at: Nanos) -> Nanos {
        if self.device.keeps_device_time() { at } else { now }
    }

    /// The earliest start of the two queues' first tasks, in device time.
    fn next_start(&self) -> Option<(Nanos, Head)> {
        let has_room = self.executing.len() < usize::from(self.device.spec().depth);
        let infer = self.infers.eligible_at().filter(|_| has_room);
        let infer = infer.map(|at| (at.max(self.exec_room_at), Head::Infer));
        let weights = self.weights.eligible_at().filter(|_| self.transfer.is_none());
        let weights = weights.map(|at| (at.max(self.transfer_over_at), Head::Weights));
        infer.into_iter().chain(weights).min()
    }

    /// Hands the first waiting INFER to the device, or refuses it.
    fn start_infer(&mut self, now: Nanos, at: Nanos, out: &mut Outbox) {
        let task = self.infers.pop().expect("an INFER waits");
        let ticket = task.ticket();
        if let Err(status) = self.try_start_infer(now, at, task) {
            out.push_back(ticket.refused(status));
        }
    }

    fn try_start_infer(&mut self, now: Nanos, at: Nanos, task: Task) -> Result<(), Status> {
        let ActionKind::Infer { batch } = task.action.kind else {
            unreachable!("the queue of INFERs holds only INFERs")
        };
        let (id, model) = (task.action.id, task.action.model);
        // The input must be copied, and with depth 2 the predecessor may still run: what counts is the
        // predicted start.
        let start = self.device.start_of(at, task.inputs.body.len());
        if start > task.action.window.latest {
            return Err(Status::EXEC_LATE);
        }
        assert!(task.action.window.contains(start), "action {id} starts outside its window");
        if !self.residency.is_present(model) {
            return Err(Status::WEIGHTS_MISSING);
        }
        let io = self.io.allocate(task.io_bytes).ok_or(Status::IO_POOL)?;
        let Some(workspace) = self.workspace.allocate(self.device.workspace(model, batch)) else {
            self.io.release(&io);
            return Err(Status::WORKSPACE);
        };
        self.residency.begin_infer(model);
        let ticket = task.ticket();
        let operation = Operation::Infer {
            batch,
            inputs: task.inputs,
            io_offset: io.offset(),
            workspace_offset: workspace.offset(),
        };
        self.device.start(now, at, id, model, operation);
        self.executing.push_back(Running { ticket, io, workspace });
        assert!(self.executing.len() <= usize::from(self.device.spec().depth), "one too many");
        Ok(())
    }

    /// Takes in what the device has completed.
    fn complete(&mut self, now: Nanos, completion: Completion, out: &mut Outbox) {
        match self.take_load(completion.id) {
            Some(ticket) => self.complete_load(now, &ticket, completion, out),
            None => self.complete_infer(now, completion, out),
        }
    }

    fn complete_infer(&mut self, now: Nanos, completion: Completion, out: &mut Outbox) {
        let place = self.executing.iter().position(|r| r.ticket.action.id == completion.id);
        let running = place
            .and_then(|place| self.executing.remove(place))
            .expect("a device completes what it was given, once");
        let model = running.ticket.action.model;
        let over_at = completion.exec.end.max(completion.copy_output.end);
        let over_at = self.device_time(now, over_at);
        self.exec_room_at = over_at;
        self.io.release(&running.io);
        self.workspace.release(&running.workspace);
        self.residency.end_infer(model);
        out.push_back(result(&running.ticket, completion));
        self.resume_transfer(now, over_at, model, out);
    }
}

fn result(ticket: &Ticket, completion: Completion) -> Output {
    let mut result = ActionResult::refused(&ticket.action, completion.status, ticket.received);
    if completion.status.is_ok() {
        result.copy_input = completion.copy_input;
        result.exec = completion.exec;
        result.copy_output = completion.copy_output;
        result.clock_before = completion.clock_before;
        result.clock_after = completion.clock_after;
    }
    let output = completion.output;
    result.output_len = u32::try_from(output.len()).expect("outputs were bounded on arrival");
    Output::Result { result, output }
}
