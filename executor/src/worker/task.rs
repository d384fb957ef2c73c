//! An accepted action on its way through a worker.

use clockwork_wire::{Action, ActionKind, ActionResult, Nanos, Pages, Payload, Status, Window};

use crate::pool::Block;
use crate::{Inputs, Output};

/// An action that waits, with what its model needs.
#[derive(Debug)]
pub(crate) struct Task {
    /// The action.
    pub(crate) action: Action,
    /// When it arrived.
    pub(crate) received: Nanos,
    /// INFER: the inputs.
    pub(crate) inputs: Inputs,
    /// Pages of the model's weights, all of them.
    pub(crate) pages: Pages,
    /// INFER: bytes of inputs and outputs on the device.
    pub(crate) io_bytes: u64,
}

impl Task {
    /// When its window begins.
    pub(crate) const fn earliest(&self) -> Nanos {
        self.action.window.earliest
    }

    /// What remains of it for its result.
    pub(crate) const fn ticket(&self) -> Ticket {
        Ticket { action: self.action, received: self.received }
    }
}

/// An action that owes a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    /// The action.
    pub(crate) action: Action,
    /// When it arrived.
    pub(crate) received: Nanos,
}

impl Ticket {
    /// The result of an action that was not done.
    pub(crate) fn refused(&self, status: Status) -> Output {
        let result = ActionResult::refused(&self.action, status, self.received);
        Output::Result { result, output: Payload::EMPTY }
    }

    /// Its window.
    pub(crate) const fn window(&self) -> Window {
        self.action.window
    }
}

/// An INFER that was handed to the device.
#[derive(Debug)]
pub(crate) struct Running {
    /// The action.
    pub(crate) ticket: Ticket,
    /// Its inputs and outputs.
    pub(crate) io: Block,
    /// Its intermediate tensors.
    pub(crate) workspace: Block,
}

/// The status of an action that could not start by `latest`.
pub(crate) const fn late(kind: ActionKind) -> Status {
    match kind {
        ActionKind::Load => Status::LOAD_LATE,
        ActionKind::Infer { .. } => Status::EXEC_LATE,
        ActionKind::Evict => Status::EVICT_LATE,
    }
}

/// The status of an action whose model the worker does not know.
pub(crate) const fn unknown_model(kind: ActionKind) -> Status {
    match kind {
        ActionKind::Load => Status::LOAD_UNKNOWN_MODEL,
        ActionKind::Infer { .. } => Status::INFER_UNKNOWN_MODEL,
        ActionKind::Evict => Status::EVICT_UNKNOWN_MODEL,
    }
}
