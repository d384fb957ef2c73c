//! A row of `clockwork_action_log.tsv`.

use clockwork_wire::{GpuId, ModelId, Nanos, Span, Status, WorkerId};

/// An action that is over, with the original's columns under their names. All spans are counted from
/// the sending of the action unless they are durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActionRow {
    /// When its result was received.
    pub t: Nanos,
    /// The action.
    pub action_id: u64,
    /// What was done.
    pub action_type: ActionType,
    /// The outcome.
    pub status: Status,
    /// Which worker.
    pub worker_id: WorkerId,
    /// Which device of that worker.
    pub gpu_id: GpuId,
    /// Which model.
    pub model_id: ModelId,
    /// Inputs at once; 1 for LOAD and EVICT.
    pub batch_size: u32,
    /// Predicted time on the device.
    pub expected_exec_duration: Span,
    /// Measured time on the device; zero on error.
    pub worker_exec_duration: Span,
    /// Predicted completion.
    pub expected_exec_complete: Span,
    /// Actual completion; zero if it did not happen.
    pub worker_exec_complete: Span,
    /// Device clock that the prediction assumed, in MHz.
    pub expected_gpu_clock: u32,
    /// Device clock at the start, in MHz; 0 if unknown.
    pub worker_gpu_clock_before: u32,
    /// Device clock at the end, in MHz; 0 if unknown.
    pub worker_gpu_clock: u32,
    /// Outputs copied back; zero if nothing was copied.
    pub worker_copy_output_complete: Span,
    /// The worker took the action in.
    pub worker_action_received: Span,
    /// The worker sent the result.
    pub worker_result_sent: Span,
    /// The result came off the network.
    pub controller_result_enqueue: Span,
    /// The result was handled.
    pub controller_action_duration: Span,
    /// `worker_exec_duration` × the fraction of the batch that met its deadline; all of it for a
    /// LOAD, zero on error.
    pub goodput: Span,
    /// Requests queued for the model when the action was decided.
    pub requests_queued: u32,
    /// Copies of the model in device memory then.
    pub copies_loaded: u32,
}

impl ActionRow {
    /// Whether the worker did it.
    pub fn is_done(&self) -> bool {
        self.status.is_ok()
    }

    /// When it was sent.
    pub fn sent(&self) -> Nanos {
        self.t - self.controller_result_enqueue
    }

    /// When it began on the device; when it was sent, if it was not done or is an EVICT, whose times
    /// say nothing.
    pub fn begun(&self) -> Nanos {
        if self.action_type == ActionType::Evict || !self.is_done() {
            return self.sent();
        }
        self.sent() + self.worker_exec_complete - self.worker_exec_duration
    }
}

/// What an action does, with the number that logs have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionType {
    /// 1: copies weights into device memory.
    Load,
    /// 2: executes a batch.
    Infer,
    /// 3: gives device memory back.
    Evict,
}

impl ActionType {
    /// Its number in a log.
    pub const fn number(self) -> u8 {
        match self {
            Self::Load => 1,
            Self::Infer => 2,
            Self::Evict => 3,
        }
    }

    /// The type with this number in a log.
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::Load, Self::Infer, Self::Evict]
            .into_iter()
            .find(|kind| u64::from(kind.number()) == number)
    }
}
