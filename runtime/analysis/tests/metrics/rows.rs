//! Rows to change a little.

use clockwork_analysis::{ActionRow, ActionType, RequestRow};
use clockwork_wire::{GpuId, ModelId, Nanos, Span, Status, UserId, WorkerId};

/// `ms` milliseconds after the begin of time.
pub(crate) fn at(ms: u64) -> Nanos {
    Nanos::ZERO + Span::from_millis(ms)
}

/// A request that was answered at `ms`, in time, after 4 ms.
pub(crate) fn request(ms: u64) -> RequestRow {
    RequestRow {
        t: at(ms),
        request_id: ms,
        result: Status::OK,
        user_id: UserId::new(0),
        model_id: ModelId::new(0),
        slo_factor: 0.0,
        latency: Span::from_millis(4),
        deadline: Span::from_millis(100),
        deadline_met: true,
        arrival_count: 1,
        departure_count: 1,
        is_coldstart: false,
    }
}

/// One that was answered too late, after 150 ms.
pub(crate) fn late(ms: u64) -> RequestRow {
    RequestRow { latency: Span::from_millis(150), deadline_met: false, ..request(ms) }
}

/// One that timed out, after 95 ms.
pub(crate) fn timeout(ms: u64) -> RequestRow {
    let latency = Span::from_millis(95);
    RequestRow { result: Status::new(4), latency, deadline_met: false, ..request(ms) }
}

/// One whose model was nowhere.
pub(crate) fn cold(ms: u64, model: u32) -> RequestRow {
    let model_id = ModelId::new(model);
    RequestRow { is_coldstart: true, arrival_count: 0, model_id, ..request(ms) }
}

/// A batch of one whose result came at `ms`: 3 ms on the device as predicted, all of it goodput.
/// Received after 1 ms, begun after 2, over after 5, output after 6, sent after 7, back after 9,
/// handled after 10.
pub(crate) fn infer(ms: u64) -> ActionRow {
    let span = Span::from_millis;
    ActionRow {
        t: at(ms),
        action_id: ms,
        action_type: ActionType::Infer,
        status: Status::OK,
        worker_id: WorkerId::new(0),
        gpu_id: GpuId::new(0),
        model_id: ModelId::new(0),
        batch_size: 1,
        expected_exec_duration: span(3),
        worker_exec_duration: span(3),
        expected_exec_complete: span(5),
        worker_exec_complete: span(5),
        expected_gpu_clock: 1_380,
        worker_gpu_clock_before: 1_380,
        worker_gpu_clock: 1_380,
        worker_copy_output_complete: span(6),
        worker_action_received: span(1),
        worker_result_sent: span(7),
        controller_result_enqueue: span(9),
        controller_action_duration: span(10),
        goodput: span(3),
        requests_queued: 1,
        copies_loaded: 1,
    }
}

/// A LOAD whose result came at `ms`: 8 ms on the copy engine.
pub(crate) fn load(ms: u64) -> ActionRow {
    let span = Span::from_millis;
    ActionRow {
        action_type: ActionType::Load,
        expected_exec_duration: span(8),
        worker_exec_duration: span(8),
        expected_exec_complete: span(10),
        worker_exec_complete: span(10),
        worker_copy_output_complete: Span::ZERO,
        worker_result_sent: span(11),
        controller_result_enqueue: span(12),
        controller_action_duration: span(12),
        goodput: span(8),
        ..infer(ms)
    }
}

/// The INFER or LOAD `row`, refused.
pub(crate) fn refused(row: ActionRow) -> ActionRow {
    ActionRow {
        status: Status::new(81),
        worker_exec_duration: Span::ZERO,
        worker_exec_complete: Span::ZERO,
        worker_copy_output_complete: Span::ZERO,
        goodput: Span::ZERO,
        ..row
    }
}
