//! A row of `clockwork_request_log.tsv`.

use clockwork_wire::{ModelId, Nanos, Span, Status, UserId};

/// An answered request, with the original's columns under their names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestRow {
    /// When it was answered (departure).
    pub t: Nanos,
    /// The client's own number for it; unique per client only.
    pub request_id: u64,
    /// The outcome. In a log, late is a success (0) with `deadline_met` false; the wire's status 9 is
    /// taken for the same.
    pub result: Status,
    /// Who asked: the index of the workload.
    pub user_id: UserId,
    /// The model asked for.
    pub model_id: ModelId,
    /// SLO as a multiple of the model's batch-1 time; 0 if none was asked for.
    pub slo_factor: f32,
    /// Departure − arrival, at the controller.
    pub latency: Span,
    /// The SLO that held, counted from arrival; [`Span::MAX`] if there was none (-1 in the log).
    pub deadline: Span,
    /// Whether it succeeded within its deadline.
    pub deadline_met: bool,
    /// Copies of the model in device memory on arrival.
    pub arrival_count: u32,
    /// The same on departure; 0 unless it succeeded or timed out.
    pub departure_count: u32,
    /// Whether no device held the weights on arrival, and one did on departure.
    pub is_coldstart: bool,
}

impl RequestRow {
    /// When it came to the controller.
    pub fn arrived(&self) -> Nanos {
        self.t - self.latency
    }

    /// Whether the client got an output, late or not.
    pub fn is_success(&self) -> bool {
        self.result.has_output()
    }

    /// Whether it counts as goodput: a success within its deadline.
    pub fn is_in_time(&self) -> bool {
        self.result.is_ok() && self.deadline_met
    }

    /// Whether it was served although no device held its model's weights on arrival.
    pub fn is_cold_success(&self) -> bool {
        self.is_success() && self.is_coldstart
    }
}
