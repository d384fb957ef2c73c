//! What is counted: finished requests and actions, wherever they come from.

use clockwork_analysis::{ActionRow, ActionType, RequestRow};
use clockwork_scheduler::ActionRecord;
use clockwork_simulator::Answered;
use clockwork_wire::{ActionKind, Nanos, Span};

/// A request that has been answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) arrival: Nanos,
    pub(super) departure: Nanos,
    pub(super) model: u32,
    pub(super) slo_factor: f32,
    /// Whether there was an output, and within the deadline.
    pub(super) in_time: bool,
    /// Whether there was an output.
    pub(super) has_output: bool,
    /// Whether no device held the weights on arrival, and one did on departure.
    pub(super) cold: bool,
}

/// A LOAD or INFER that was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    /// When it began on the device.
    pub(super) begin: Nanos,
    /// How long it took there.
    pub(super) duration: Span,
    /// How long it was expected to take.
    pub(super) expected: Span,
    pub(super) model: u32,
    /// The batch of an INFER; none of a LOAD.
    pub(super) batch: Option<u16>,
}

impl From<&Answered> for Asked {
    fn from(answered: &Answered) -> Self {
        let response = &answered.response;
        let has_output = response.status.has_output();
        Self {
            arrival: response.arrival,
            departure: response.departure,
            model: response.model.get(),
            slo_factor: answered.slo_factor,
            in_time: response.status.is_ok()
                && response.departure - response.arrival <= response.slo,
            has_output,
            cold: response.copies_at_arrival == 0 && response.copies_at_departure > 0,
        }
    }
}

impl From<&RequestRow> for Asked {
    fn from(row: &RequestRow) -> Self {
        Self {
            arrival: row.t - row.latency,
            departure: row.t,
            model: row.model_id.get(),
            slo_factor: row.slo_factor,
            in_time: row.is_in_time(),
            has_output: row.is_success(),
            cold: row.is_coldstart,
        }
    }
}

impl Act {
    /// What a row of a log says was done.
    pub(super) fn of_row(row: &ActionRow) -> Option<Self> {
        let batch = match row.action_type {
            ActionType::Infer => Some(u16::try_from(row.batch_size).unwrap_or(u16::MAX)),
            ActionType::Load => None,
            ActionType::Evict => return None,
        };
        row.is_done().then_some(Self {
            begin: row.sent() + row.worker_exec_complete - row.worker_exec_duration,
            duration: row.worker_exec_duration,
            expected: row.expected_exec_duration,
            model: row.model_id.get(),
            batch,
        })
    }

    /// What was done; `None` of what was not, and of an EVICT.
    pub(super) fn of(record: &ActionRecord) -> Option<Self> {
        let (action, result) = (&record.action, &record.result);
        let batch = match action.kind {
            ActionKind::Infer { batch } => Some(batch.get()),
            ActionKind::Load => None,
            ActionKind::Evict => return None,
        };
        result.status.is_ok().then_some(Self {
            begin: result.exec.begin,
            duration: result.exec.duration,
            expected: action.expected,
            model: action.model.get(),
            batch,
        })
    }
}
