//! `clockwork_action_log.tsv`: one row per LOAD, INFER and EVICT, written when its result is in.

use clockwork_scheduler::ActionRecord;
use clockwork_wire::{ActionId, ActionKind, GpuId, ModelId, Nanos, Span, Status, WorkerId};

use super::row::{Column, Kind, Put, Row};

/// An action that is over: one row of the log, with what it needs and no more, because a busy core
/// keeps thousands of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActionRow {
    pub(super) worker: WorkerId,
    pub(super) gpu: GpuId,
    pub(super) kind: ActionKind,
    pub(super) status: Status,
    /// When its result came off the network.
    pub(super) enqueued: Nanos,
    /// From the decision until then.
    pub(super) round_trip: Span,
    /// Measured time on the device.
    pub(super) exec_duration: Span,
    /// Device clock at the end, in MHz.
    pub(super) clock_after: u32,
    id: ActionId,
    model: ModelId,
    expected_duration: Span,
    expected_complete: Span,
    exec_complete: Span,
    expected_clock: u32,
    clock_before: u32,
    worker_times: WorkerTimes,
    /// From the decision until the result was handled.
    action_duration: Span,
    goodput: Span,
    requests_queued: u32,
    copies_loaded: u32,
}

impl ActionRow {
    /// The row of a result that came off the network at `enqueued` and was handled later, in its
    /// turn. `From<ActionRecord>` makes the row of one that was handled as soon as it came.
    pub fn new(record: &ActionRecord, enqueued: Nanos) -> Self {
        let ActionRecord { action, result, sent, .. } = record;
        Self {
            worker: record.worker,
            gpu: action.gpu,
            kind: action.kind,
            status: result.status,
            enqueued,
            round_trip: enqueued - *sent,
            exec_duration: result.exec.duration,
            clock_after: result.clock_after,
            id: action.id,
            model: action.model,
            expected_duration: action.expected,
            expected_complete: record.expected_complete - *sent,
            exec_complete: result.exec.end - *sent,
            expected_clock: record.expected_clock,
            clock_before: result.clock_before,
            worker_times: WorkerTimes::new(record),
            action_duration: record.received - *sent,
            goodput: record.goodput,
            requests_queued: record.requests_queued,
            copies_loaded: record.copies_loaded,
        }
    }
}

impl Row for ActionRow {
    const COLUMNS: &'static [Column] = &[
        Column::new("t", Kind::U64),
        Column::new("action_id", Kind::U64),
        Column::new("action_type", Kind::U8),
        Column::new("status", Kind::U16),
        Column::new("worker_id", Kind::U32),
        Column::new("gpu_id", Kind::U32),
        Column::new("model_id", Kind::U32),
        Column::new("batch_size", Kind::U16),
        Column::new("expected_exec_duration", Kind::U64),
        Column::new("worker_exec_duration", Kind::U64),
        Column::new("expected_exec_complete", Kind::U64),
        Column::new("worker_exec_complete", Kind::U64),
        Column::new("expected_gpu_clock", Kind::U32),
        Column::new("worker_gpu_clock_before", Kind::U32),
        Column::new("worker_gpu_clock", Kind::U32),
        Column::new("worker_copy_output_complete", Kind::U64),
        Column::new("worker_action_received", Kind::U64),
        Column::new("worker_result_sent", Kind::U64),
        Column::new("controller_result_enqueue", Kind::U64),
        Column::new("controller_action_duration", Kind::U64),
        Column::new("goodput", Kind::U64),
        Column::new("requests_queued", Kind::U32),
        Column::new("copies_loaded", Kind::U32),
    ];

    fn put<P: Put>(&self, put: P) {
        put.uint(self.enqueued.get())
            .uint(self.id.counter)
            .uint(self.kind.number())
            .uint(self.status.get())
            .uint(self.worker.get())
            .uint(self.gpu.get())
            .uint(self.model.get())
            .uint(self.kind.batch().get())
            .span(self.expected_duration)
            .span(self.exec_duration)
            .span(self.expected_complete)
            .span(self.exec_complete)
            .uint(self.expected_clock)
            .uint(self.clock_before)
            .uint(self.clock_after)
            .span(self.worker_times.copy_output_complete)
            .span(self.worker_times.received)
            .span(self.worker_times.sent)
            .span(self.round_trip)
            .span(self.action_duration)
            .span(self.goodput)
            .uint(self.requests_queued)
            .uint(self.copies_loaded)
            .end();
    }
}

impl From<ActionRecord> for ActionRow {
    fn from(record: ActionRecord) -> Self {
        Self::new(&record, record.received)
    }
}

/// What happened at the worker, counted from the sending of the action.
#[derive(Clone, Copy, Debug, PartialEq)]
struct WorkerTimes {
    copy_output_complete: Span,
    received: Span,
    sent: Span,
}

impl WorkerTimes {
    /// An action cannot arrive before it was sent. Where it seems so, the clocks' estimated
    /// difference is wrong by at least that much, and all three instants move by it. What did not
    /// happen (instant zero) stays 0.
    fn new(record: &ActionRecord) -> Self {
        let result = &record.result;
        let arrived = result.received != Nanos::ZERO;
        let early = if arrived { record.sent - result.received } else { Span::ZERO };
        let since_sent = |at: Nanos| match at {
            Nanos::ZERO => Span::ZERO,
            _ => at + early - record.sent,
        };
        Self {
            copy_output_complete: since_sent(result.copy_output.end),
            received: since_sent(result.received),
            sent: since_sent(result.sent),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clockwork_wire::{Action, ActionResult, BatchSize, Interval, PageRange, Window};

    use super::*;
    use crate::telemetry::tsv::{Line, header};

    #[test]
    fn the_header_is_the_originals() {
        assert_eq!(
            header(ActionRow::COLUMNS),
            "t\taction_id\taction_type\tstatus\tworker_id\tgpu_id\tmodel_id\tbatch_size\t\
             expected_exec_duration\tworker_exec_duration\texpected_exec_complete\t\
             worker_exec_complete\texpected_gpu_clock\tworker_gpu_clock_before\tworker_gpu_clock\t\
             worker_copy_output_complete\tworker_action_received\tworker_result_sent\t\
             controller_result_enqueue\tcontroller_action_duration\tgoodput\trequests_queued\t\
             copies_loaded\n"
        );
    }

    #[test]
    fn a_row_counts_from_the_sending_of_the_action() {
        let row = ActionRow::new(&inferred(), Nanos::new(1_000_070));
        assert_eq!(
            text(&row),
            "1000070\t12\t2\t0\t1\t3\t9\t4\t40\t41\t50\t52\t1380\t1379\t1381\t\
             55\t10\t60\t70\t75\t41\t6\t2\n"
        );
    }

    #[test]
    fn a_row_is_small_enough_to_be_kept_by_the_thousand() {
        assert!(size_of::<ActionRow>() <= 192, "{}", size_of::<ActionRow>());
    }

    #[test]
    fn a_load_has_batch_one_and_no_output() {
        let mut record = inferred();
        record.action.kind = ActionKind::Load;
        record.result.kind = ActionKind::Load;
        record.result.copy_output = Interval::default();
        let row = text(&record.into());
        assert!(row.starts_with("1000075\t12\t1\t0\t1\t3\t9\t1\t"), "{row}");
        assert!(row.contains("\t1381\t0\t10\t60\t75\t75\t"), "{row}");
    }

    #[test]
    fn a_receipt_before_the_sending_moves_all_worker_instants() {
        let mut record = inferred();
        record.sent = Nanos::new(1_000_013);
        let row = text(&record.into());
        assert!(row.contains("\t1381\t45\t0\t50\t62\t62\t"), "{row}");
    }

    #[test]
    fn an_action_that_never_came_back_has_no_worker_times() {
        let mut record = inferred();
        record.result = ActionResult::refused(&record.action, Status::EXPIRED, Nanos::ZERO);
        record.goodput = Span::ZERO;
        assert_eq!(
            text(&record.into()),
            "1000075\t12\t2\t16\t1\t3\t9\t4\t40\t0\t50\t0\t1380\t0\t0\t0\t0\t0\t75\t75\t0\t6\t2\n"
        );
    }

    fn text(row: &ActionRow) -> String {
        let mut lines = Vec::new();
        row.put(Line::begin(&mut lines));
        String::from_utf8(lines).unwrap()
    }

    /// A batch of four, decided at 1,000,000 ns.
    pub(in crate::telemetry) fn inferred() -> ActionRecord {
        let at = |ns: u64| Nanos::new(1_000_000 + ns);
        let interval = |begin, end, duration| Interval {
            begin: at(begin),
            end: at(end),
            duration: Span::new(duration),
        };
        let kind = ActionKind::Infer { batch: BatchSize::new(4).unwrap() };
        let action = Action {
            id: ActionId { epoch: 5, shard: 0, counter: 12 },
            kind,
            model: ModelId::new(9),
            gpu: GpuId::new(3),
            window: Window::ALWAYS,
            expected: Span::new(40),
            pages: PageRange::WHOLE,
        };
        let result = ActionResult {
            copy_input: interval(10, 11, 1),
            exec: interval(11, 52, 41),
            copy_output: interval(52, 55, 3),
            clock_before: 1_379,
            clock_after: 1_381,
            sent: at(60),
            ..ActionResult::refused(&action, Status::OK, at(10))
        };
        ActionRecord {
            worker: WorkerId::new(1),
            action,
            result,
            sent: at(0),
            expected_complete: at(50),
            expected_clock: 1_380,
            received: at(75),
            goodput: Span::new(41),
            requests_queued: 6,
            copies_loaded: 2,
        }
    }
}
