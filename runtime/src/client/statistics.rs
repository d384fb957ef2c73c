//! What became of the requests of a run.

use std::collections::BTreeMap;

use clockwork_wire::{Nanos, Span, Status};
use hdrhistogram::Histogram;

use super::report::{Interval, Report};

/// Counts and latencies, of the whole run and of the present interval. Latency counts from the time
/// at which a request was meant to be sent.
#[derive(Debug)]
pub(super) struct Statistics {
    begin: Nanos,
    interval_begin: Nanos,
    interval: Interval,
    /// Nanoseconds from intended send time to answer, of answers with an output.
    latency: Histogram<u64>,
    submitted: u64,
    answered: BTreeMap<Status, u64>,
}

impl Statistics {
    /// Nothing has happened by `now`.
    pub(super) fn new(now: Nanos) -> Self {
        let highest = LATENCY_MAX.get();
        let latency = Histogram::new_with_bounds(1, highest, DIGITS).expect("the bounds are valid");
        Self {
            begin: now,
            interval_begin: now,
            interval: Interval::default(),
            latency,
            submitted: 0,
            answered: BTreeMap::new(),
        }
    }

    /// A request was submitted.
    pub(super) fn submitted(&mut self) {
        self.submitted += 1;
        self.interval.submitted += 1;
    }

    /// A request was answered, this long after it was meant to be sent.
    pub(super) fn answered(&mut self, status: Status, latency: Span) {
        *self.answered.entry(status).or_default() += 1;
        if status.has_output() {
            self.latency.saturating_record(latency.get());
            self.interval.succeeded(latency);
        } else {
            *self.interval.errors.entry(status).or_default() += 1;
        }
    }

    /// What happened since the last call.
    pub(super) fn take_interval(&mut self, now: Nanos) -> Interval {
        let length = now.since(self.interval_begin);
        self.interval_begin = now;
        Interval { length, ..std::mem::take(&mut self.interval) }
    }

    /// The run so far; requests were submitted until `end`.
    pub(super) fn report(&self, end: Nanos) -> Report {
        let length = end.since(self.begin);
        let count = |status| self.answered.get(&status).copied().unwrap_or(0);
        let ok = count(Status::OK);
        let errors = self.answered.iter().filter(|(status, _)| !status.is_ok());
        let percentile = |p| millis(self.latency.value_at_quantile(p));
        Report {
            seconds: length.as_secs_f64(),
            requests: self.submitted,
            unanswered: self.submitted - self.answered.values().sum::<u64>(),
            offered_rps: rate(self.submitted, length),
            goodput_rps: rate(ok, length),
            in_slo: fraction(ok, self.submitted),
            mean_ms: self.latency.mean() / 1e6,
            p50_ms: percentile(0.5),
            p99_ms: percentile(0.99),
            p999_ms: percentile(0.999),
            max_ms: millis(self.latency.max()),
            errors: errors.map(|(status, count)| (status.to_string(), *count)).collect(),
        }
    }
}

/// Nanoseconds as milliseconds.
fn millis(ns: u64) -> f64 {
    Span::new(ns).as_millis_f64()
}

/// Per second; 0 over no time at all.
pub(super) fn rate(count: u64, length: Span) -> f64 {
    if length.is_zero() { 0.0 } else { Span::new(count).as_f64() / length.as_secs_f64() }
}

/// `part` of `whole`, between 0 and 1; 0 of nothing.
fn fraction(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { Span::new(part).as_f64() / Span::new(whole).as_f64() }
}

/// Longer latencies count as this long.
const LATENCY_MAX: Span = Span::from_secs(3_600);
/// Latencies are kept to three decimal digits.
const DIGITS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Nanos = Nanos::new(5_000_000_000);

    fn filled() -> Statistics {
        let mut statistics = Statistics::new(BEGIN);
        for _ in 0..1_002 {
            statistics.submitted();
        }
        for us in 1..=997 {
            statistics.answered(Status::OK, Span::from_micros(us));
        }
        statistics.answered(Status::LATE, Span::from_millis(200));
        statistics.answered(Status::REFUSED, Span::from_millis(1));
        statistics.answered(Status::REFUSED, Span::from_millis(1));
        statistics
    }

    #[test]
    fn a_report_counts_every_request_once() {
        let report = filled().report(BEGIN + Span::from_secs(10));
        assert_eq!((report.requests, report.unanswered), (1_002, 2));
        assert_eq!(report.errors.values().sum::<u64>() + 997 + 2, 1_002);
        assert_eq!(report.errors["8 (refused early)"], 2);
        assert!((report.offered_rps - 100.2).abs() < 1e-9);
        assert!((report.goodput_rps - 99.7).abs() < 1e-9);
        assert!((report.in_slo - 997.0 / 1_002.0).abs() < 1e-9);
    }

    #[test]
    fn latencies_are_those_of_answers_with_an_output_to_three_digits() {
        let report = filled().report(BEGIN + Span::from_secs(10));
        assert!((report.p50_ms - 0.499).abs() < 0.001, "{}", report.p50_ms);
        assert!((report.p99_ms - 0.989).abs() < 0.002, "{}", report.p99_ms);
        assert!((report.max_ms - 200.0).abs() < 0.2, "{}", report.max_ms);
    }

    #[test]
    fn an_interval_starts_anew_and_the_run_goes_on() {
        let mut statistics = filled();
        let first = statistics.take_interval(BEGIN + Span::from_secs(10));
        assert_eq!((first.submitted, first.length), (1_002, Span::from_secs(10)));
        let second = statistics.take_interval(BEGIN + Span::from_secs(11));
        assert_eq!(second, Interval { length: Span::from_secs(1), ..Interval::default() });
        assert_eq!(statistics.report(BEGIN + Span::from_secs(11)).requests, 1_002);
    }

    #[test]
    fn an_empty_run_divides_by_nothing() {
        let report = Statistics::new(BEGIN).report(BEGIN);
        assert_eq!((report.requests, report.in_slo, report.goodput_rps), (0, 0.0, 0.0));
    }
}
