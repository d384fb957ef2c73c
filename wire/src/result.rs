//! Worker link, inward: what a worker did.

use std::sync::Arc;

use crate::{ActionId, ActionKind, ClockOffset, GpuId, Localize, ModelId, Nanos, Span, Status};

/// Begin, end, and the time on the device between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// When it began.
    pub begin: Nanos,
    /// When its end was due or observed.
    pub end: Nanos,
    /// Time on the device; at most `end - begin`.
    pub duration: Span,
}

impl Localize for Interval {
    fn localize(self, offset: ClockOffset) -> Self {
        Self { begin: self.begin.localize(offset), end: self.end.localize(offset), ..self }
    }
}

/// The one result of an [`Action`](crate::Action). Intervals are zero when the status is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionResult {
    /// The action.
    pub id: ActionId,
    /// What it was.
    pub kind: ActionKind,
    /// [`Status::OK`], or why it was not done.
    pub status: Status,
    /// With which model.
    pub model: ModelId,
    /// On which device.
    pub gpu: GpuId,
    /// Copy of the inputs to the device (INFER only).
    pub copy_input: Interval,
    /// The work itself: weights transfer, execution, or eviction.
    pub exec: Interval,
    /// Copy of the outputs from the device (INFER only).
    pub copy_output: Interval,
    /// Device clock when it started, in MHz; 0 if it has none.
    pub clock_before: u32,
    /// Device clock when it ended, in MHz; 0 if it has none.
    pub clock_after: u32,
    /// When the worker took the action in.
    pub received: Nanos,
    /// When the worker sent this.
    pub sent: Nanos,
    /// Bytes of output that travel with it.
    pub output_len: u32,
}

impl ActionResult {
    /// The result of an action that was not done.
    pub fn refused(action: &crate::Action, status: Status, received: Nanos) -> Self {
        Self {
            id: action.id,
            kind: action.kind,
            status,
            model: action.model,
            gpu: action.gpu,
            copy_input: Interval::default(),
            exec: Interval::default(),
            copy_output: Interval::default(),
            clock_before: 0,
            clock_after: 0,
            received,
            sent: Nanos::ZERO,
            output_len: 0,
        }
    }
}

impl Localize for ActionResult {
    fn localize(self, offset: ClockOffset) -> Self {
        Self {
            copy_input: self.copy_input.localize(offset),
            exec: self.exec.localize(offset),
            copy_output: self.copy_output.localize(offset),
            received: self.received.localize(offset),
            sent: self.sent.localize(offset),
            ..self
        }
    }
}

/// The one result of a [`LoadModel`](crate::LoadModel).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelLoaded {
    /// The action.
    pub id: ActionId,
    /// [`Status::OK`], or why not.
    pub status: Status,
    /// In words, when it failed.
    pub message: String,
    /// The first of the new ids.
    pub model: ModelId,
    /// How many ids.
    pub copies: u32,
    /// The model as this worker's devices see it; `None` when it failed.
    pub profile: Option<Arc<crate::ModelProfile>>,
    /// How long it took.
    pub duration: Span,
}

/// The one result of an [`UnloadModel`](crate::UnloadModel).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUnloaded {
    /// The order.
    pub id: ActionId,
    /// [`Status::OK`] when nothing is left of the models, or why not.
    pub status: Status,
    /// In words, when it failed.
    pub message: String,
    /// The first of the ids.
    pub model: ModelId,
}
