//! `clockwork_request_log.tsv`: one row per inference, written when it is answered.

use clockwork_scheduler::Response;
use clockwork_wire::{InferRequest, ModelId, Nanos, RequestId, Span, Status, UserId};

use super::row::{Column, Kind, Put, Row};

/// What the client said with its request; the scheduler knows none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asked {
    /// The client's own number for the request.
    pub id: RequestId,
    /// Who asked.
    pub user: UserId,
    /// SLO as a multiple of the model's batch-1 time; 0 if none was asked for.
    pub slo_factor: f32,
}

/// An answered request: one row of the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestRecord {
    /// What the client said.
    pub asked: Asked,
    /// The model asked for.
    pub model: ModelId,
    /// The outcome.
    pub status: Status,
    /// When the request was taken in.
    pub arrival: Nanos,
    /// When it was answered.
    pub departure: Nanos,
    /// The SLO that held; [`Span::MAX`] if none did.
    pub slo: Span,
    /// Copies of the model in device memory at arrival.
    pub copies_at_arrival: u32,
    /// Copies of the model in device memory at departure; 0 unless it was done or timed out.
    pub copies_at_departure: u32,
}

impl RequestRecord {
    /// The record of an answer that was given to a request.
    pub fn new(asked: Asked, response: &Response) -> Self {
        Self {
            asked,
            model: response.model,
            status: response.status,
            arrival: response.arrival,
            departure: response.departure,
            slo: response.slo,
            copies_at_arrival: response.copies_at_arrival,
            copies_at_departure: response.copies_at_departure,
        }
    }

    /// Time at the controller, from arrival to departure.
    pub fn latency(&self) -> Span {
        self.departure - self.arrival
    }

    /// Whether the client got an output, late or not.
    pub fn is_success(&self) -> bool {
        self.status.has_output()
    }

    /// Whether the client got an output within its deadline.
    pub fn deadline_met(&self) -> bool {
        self.status.is_ok() && self.latency() <= self.slo
    }

    /// Whether no device held the weights on arrival, and one did on departure.
    pub fn is_coldstart(&self) -> bool {
        self.copies_at_arrival == 0 && self.copies_at_departure > 0
    }
}

impl Row for RequestRecord {
    const COLUMNS: &'static [Column] = &[
        Column::new("t", Kind::U64),
        Column::new("request_id", Kind::U64),
        Column::new("result", Kind::U16),
        Column::new("user_id", Kind::U32),
        Column::new("model_id", Kind::U32),
        Column::new("slo_factor", Kind::F32),
        Column::new("latency", Kind::U64),
        Column::new("deadline", Kind::Limit),
        Column::new("deadline_met", Kind::U8),
        Column::new("arrival_count", Kind::U32),
        Column::new("departure_count", Kind::U32),
        Column::new("is_coldstart", Kind::U8),
    ];

    fn put<P: Put>(&self, put: P) {
        // The original has no status for "late": there it is a success that missed its deadline.
        let result = if self.is_success() { Status::OK } else { self.status };
        put.uint(self.departure.get())
            .uint(self.asked.id.get())
            .uint(result.get())
            .uint(self.asked.user.get())
            .uint(self.model.get())
            .float(self.asked.slo_factor)
            .span(self.latency())
            .limit(self.slo)
            .flag(self.deadline_met())
            .uint(self.copies_at_arrival)
            .uint(self.copies_at_departure)
            .flag(self.is_coldstart())
            .end();
    }
}

impl From<&InferRequest> for Asked {
    fn from(request: &InferRequest) -> Self {
        Self { id: request.id, user: request.user, slo_factor: request.slo_factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tsv::{Line, header};

    #[test]
    fn the_header_is_the_originals() {
        assert_eq!(
            header(RequestRecord::COLUMNS),
            "t\trequest_id\tresult\tuser_id\tmodel_id\tslo_factor\tlatency\tdeadline\t\
             deadline_met\tarrival_count\tdeparture_count\tis_coldstart\n"
        );
    }

    #[test]
    fn a_row_has_departure_first_and_durations_from_arrival() {
        assert_eq!(row(&answered()), "1000004\t17\t0\t3\t9\t2.9\t4\t100\t1\t2\t2\t0\n");
    }

    #[test]
    fn late_is_a_success_that_missed_its_deadline() {
        let late = RequestRecord { status: Status::LATE, slo: Span::new(3), ..answered() };
        assert_eq!(row(&late), "1000004\t17\t0\t3\t9\t2.9\t4\t3\t0\t2\t2\t0\n");
    }

    #[test]
    fn the_deadline_is_met_until_its_last_nanosecond() {
        assert!(RequestRecord { slo: Span::new(4), ..answered() }.deadline_met());
        assert!(!RequestRecord { slo: Span::new(3), ..answered() }.deadline_met());
    }

    #[test]
    fn a_refusal_keeps_its_status_and_never_meets_a_deadline() {
        let refused =
            RequestRecord { status: Status::REFUSED, copies_at_departure: 0, ..answered() };
        assert_eq!(row(&refused), "1000004\t17\t8\t3\t9\t2.9\t4\t100\t0\t2\t0\t0\n");
    }

    #[test]
    fn no_deadline_is_minus_one_and_always_met() {
        let free = RequestRecord { slo: Span::MAX, ..answered() };
        assert_eq!(row(&free), "1000004\t17\t0\t3\t9\t2.9\t4\t-1\t1\t2\t2\t0\n");
    }

    #[test]
    fn a_cold_start_had_no_copy_on_arrival_and_one_on_departure() {
        let cold = RequestRecord { copies_at_arrival: 0, ..answered() };
        assert!(cold.is_coldstart());
        assert!(!RequestRecord { copies_at_departure: 0, ..cold }.is_coldstart());
        assert!(!answered().is_coldstart());
    }

    fn answered() -> RequestRecord {
        let asked = Asked { id: RequestId::new(17), user: UserId::new(3), slo_factor: 2.9 };
        let response = Response {
            request: RequestId::new(4_711),
            status: Status::OK,
            output: None,
            model: ModelId::new(9),
            arrival: Nanos::new(1_000_000),
            departure: Nanos::new(1_000_004),
            slo: Span::new(100),
            copies_at_arrival: 2,
            copies_at_departure: 2,
        };
        RequestRecord::new(asked, &response)
    }

    fn row(record: &RequestRecord) -> String {
        let mut lines = Vec::new();
        record.put(Line::begin(&mut lines));
        String::from_utf8(lines).unwrap()
    }
}
