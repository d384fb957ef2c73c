//! What a run in virtual time tells, as the rows that a controller's logs of it would have.

use clockwork_analysis::{ActionRow, ActionType, RequestRow};
use clockwork_runtime::telemetry::{Asked, RequestRecord};
use clockwork_scheduler::ActionRecord;
use clockwork_simulator::Answered;
use clockwork_wire::{ActionKind, Nanos, Status};

/// What a controller would log of an answered request.
pub(crate) fn recorded(answered: &Answered) -> RequestRecord {
    let Answered { id, user, slo_factor, response } = *answered;
    RequestRecord::new(Asked { id, user, slo_factor }, &response)
}

/// The row of an answered request.
pub(crate) fn request(record: &RequestRecord) -> RequestRow {
    RequestRow {
        t: record.departure,
        request_id: record.asked.id.get(),
        result: if record.is_success() { Status::OK } else { record.status },
        user_id: record.asked.user,
        model_id: record.model,
        slo_factor: record.asked.slo_factor,
        latency: record.latency(),
        deadline: record.slo,
        deadline_met: record.deadline_met(),
        arrival_count: record.copies_at_arrival,
        departure_count: record.copies_at_departure,
        is_coldstart: record.is_coldstart(),
    }
}

/// The row of an action that is over, whose result was handled as soon as it came.
pub(crate) fn action(record: &ActionRecord) -> ActionRow {
    let ActionRecord { action, result, sent, received, .. } = record;
    let since_sent = |at: Nanos| at - *sent;
    ActionRow {
        t: *received,
        action_id: action.id.counter,
        action_type: match action.kind {
            ActionKind::Load => ActionType::Load,
            ActionKind::Infer { .. } => ActionType::Infer,
            ActionKind::Evict => ActionType::Evict,
        },
        status: result.status,
        worker_id: record.worker,
        gpu_id: action.gpu,
        model_id: action.model,
        batch_size: action.kind.batch().get().into(),
        expected_exec_duration: action.expected,
        worker_exec_duration: result.exec.duration,
        expected_exec_complete: since_sent(record.expected_complete),
        worker_exec_complete: since_sent(result.exec.end),
        expected_gpu_clock: record.expected_clock,
        worker_gpu_clock_before: result.clock_before,
        worker_gpu_clock: result.clock_after,
        worker_copy_output_complete: since_sent(result.copy_output.end),
        worker_action_received: since_sent(result.received),
        worker_result_sent: since_sent(result.sent),
        controller_result_enqueue: since_sent(*received),
        controller_action_duration: since_sent(*received),
        goodput: record.goodput,
        requests_queued: record.requests_queued,
        copies_loaded: record.copies_loaded,
    }
}
