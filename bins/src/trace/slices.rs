//! What an action is in time: when it was to run, and when it ran.

use clockwork_analysis::{ActionRow, ActionType};
use clockwork_wire::{Nanos, Span};

/// What a slice shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// When an INFER was expected to run.
    InferPlanned,
    /// When it ran.
    Infer,
    /// When a LOAD was expected to run.
    LoadPlanned,
    /// When it ran.
    Load,
}

impl Kind {
    pub(super) const ALL: [Self; 4] =
        [Self::InferPlanned, Self::Infer, Self::LoadPlanned, Self::Load];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InferPlanned => "INFER planned",
            Self::Infer => "INFER",
            Self::LoadPlanned => "LOAD planned",
            Self::Load => "LOAD",
        }
    }
}

/// A stretch of time on a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slice<'a> {
    pub(super) kind: Kind,
    pub(super) begin: Nanos,
    pub(super) end: Nanos,
    pub(super) row: &'a ActionRow,
}

/// A device: worker, and device of that worker.
pub(super) type Device = (u32, u32);

pub(super) fn device(row: &ActionRow) -> Device {
    (row.worker_id.get(), row.gpu_id.get())
}

/// What was planned of an action, and what happened if it was done.
pub(super) fn slices(row: &ActionRow) -> impl Iterator<Item = Slice<'_>> {
    let kinds = match row.action_type {
        ActionType::Infer => Some((Kind::InferPlanned, Kind::Infer)),
        ActionType::Load => Some((Kind::LoadPlanned, Kind::Load)),
        ActionType::Evict => None,
    };
    let slice = |kind, complete: Span, duration: Span| {
        let end = row.sent() + complete;
        Slice { kind, begin: end - duration, end, row }
    };
    let both = move |(planned, happened)| {
        let planned = slice(planned, row.expected_exec_complete, row.expected_exec_duration);
        let happened = slice(happened, row.worker_exec_complete, row.worker_exec_duration);
        [Some(planned), row.is_done().then_some(happened)].into_iter().flatten()
    };
    kinds.into_iter().flat_map(both)
}

/// When an eviction took place or an action was refused.
pub(super) fn moment(row: &ActionRow) -> Nanos {
    let complete = row.worker_exec_complete;
    // What did not happen has no completion, and what was never received not even that.
    let since = if complete.is_zero() { row.worker_action_received } else { complete };
    row.sent() + since
}

#[cfg(test)]
pub(super) mod tests {
    use clockwork_wire::{GpuId, ModelId, Status, WorkerId};

    use super::*;

    /// An INFER that was sent at 1 s, was to run from 1 to 4 ms after that and ran from 2 to 6.
    pub(in crate::trace) fn infer() -> ActionRow {
        let ms = Span::from_millis;
        ActionRow {
            t: Nanos::ZERO + ms(1_008),
            action_id: 7,
            action_type: ActionType::Infer,
            status: Status::OK,
            worker_id: WorkerId::new(0),
            gpu_id: GpuId::new(1),
            model_id: ModelId::new(3),
            batch_size: 4,
            expected_exec_duration: ms(3),
            worker_exec_duration: ms(4),
            expected_exec_complete: ms(4),
            worker_exec_complete: ms(6),
            expected_gpu_clock: 1_380,
            worker_gpu_clock_before: 1_380,
            worker_gpu_clock: 1_380,
            worker_copy_output_complete: ms(7),
            worker_action_received: ms(1),
            worker_result_sent: ms(7),
            controller_result_enqueue: ms(8),
            controller_action_duration: ms(8),
            goodput: ms(4),
            requests_queued: 4,
            copies_loaded: 1,
        }
    }

    /// One of each: an INFER, one that overlaps it, a LOAD, an EVICT, a refusal.
    pub(in crate::trace) fn rows() -> Vec<ActionRow> {
        let load = ActionRow { action_type: ActionType::Load, batch_size: 1, ..infer() };
        let refused =
            ActionRow { status: Status::new(81), worker_exec_complete: Span::ZERO, ..infer() };
        let evict = ActionRow { action_type: ActionType::Evict, ..load };
        let other = ActionRow { worker_id: WorkerId::new(2), ..infer() };
        vec![infer(), infer(), load, evict, refused, other]
    }

    #[test]
    fn an_action_that_was_done_has_its_plan_and_what_happened() {
        let row = infer();
        let at = |ms| Nanos::ZERO + Span::from_millis(ms);
        let of: Vec<_> = slices(&row).map(|s| (s.kind, s.begin, s.end)).collect();
        let wanted =
            [(Kind::InferPlanned, at(1_001), at(1_004)), (Kind::Infer, at(1_002), at(1_006))];
        assert_eq!(of, wanted);
    }

    #[test]
    fn what_was_refused_has_only_its_plan_and_a_moment() {
        let rows = rows();
        let [_, _, load, evict, refused, _] = &rows[..] else { panic!() };
        assert_eq!(slices(refused).map(|s| s.kind).collect::<Vec<_>>(), [Kind::InferPlanned]);
        assert_eq!(moment(refused), Nanos::ZERO + Span::from_millis(1_001));
        assert_eq!(slices(load).count(), 2);
        assert_eq!(slices(evict).count(), 0);
        assert_eq!(moment(evict), Nanos::ZERO + Span::from_millis(1_006));
    }
}
