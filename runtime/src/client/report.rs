//! What a client tells: a line per interval, and a summary at the end.

use std::collections::BTreeMap;
use std::fmt;

use clockwork_wire::{Span, Status};
use serde::Serialize;

use super::series::Second;
use super::statistics::rate;

/// The whole run, as `--json` writes it. Rates are per second of submitting; latencies count from
/// the time at which a request was meant to be sent. What was meant to be sent during the warm-up
/// is only in `per_second`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// What the workload says of itself, such as how a trace was scaled.
    pub notes: Vec<String>,
    /// How long requests were submitted after the warm-up.
    pub seconds: f64,
    /// How long requests were submitted before that.
    pub warmup_seconds: f64,
    /// From when on it was measured, in Unix nanoseconds: the end of the warm-up.
    pub measured_from: u64,
    /// Requests submitted.
    pub requests: u64,
    /// Requests answered within their deadline.
    pub in_time: u64,
    /// Requests without an answer by the end.
    pub unanswered: u64,
    /// Of the requests, those that were never sent: the controller's credits were used up, or it was
    /// away. They are among the errors too.
    pub refused_locally: u64,
    /// Of the requests, those that were under way on a connection that was lost; likewise.
    pub lost: u64,
    /// Requests submitted per second.
    pub offered_rps: f64,
    /// Requests per second that were answered within their deadline.
    pub goodput_rps: f64,
    /// The fraction of all requests that was answered within its deadline, 0 to 1.
    pub in_slo: f64,
    /// Mean latency of answers with an output, like those below.
    pub mean_ms: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// Median time from arrival at the controller to its answer, of answers without an output; 0 if
    /// there were none.
    pub refusal_p50_ms: f64,
    /// 99th percentile of the same.
    pub refusal_p99_ms: f64,
    /// Answers that were not in time, by status number and words.
    pub errors: BTreeMap<String, u64>,
    /// How the latencies are distributed, from the first bucket that is not empty on.
    pub latency_histogram: Vec<Bucket>,
    /// What became of the requests of each second, the warm-up included.
    pub per_second: Vec<Second>,
}

/// How many latencies lie above the bucket before and up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// The bound.
    pub up_to_ms: f64,
    /// How many.
    pub count: u64,
}

/// A few lines for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, requests, unanswered, offered_rps, goodput_rps, .. } = self;
        writeln!(
            f,
            "{requests} requests in {seconds:.1} s: {offered_rps:.1}/s offered, {goodput_rps:.1}/s in time"
        )?;
        let Self { in_slo, mean_ms, p50_ms, p99_ms, p999_ms, max_ms, errors, .. } = self;
        let Self { refused_locally, lost, refusal_p50_ms, refusal_p99_ms, .. } = self;
        writeln!(f, "in SLO {:.3}%", 100.0 * in_slo)?;
        write!(
            f,
            "latency ms: mean {mean_ms:.2} p50 {p50_ms:.2} p99 {p99_ms:.2} p99.9 {p999_ms:.2} max {max_ms:.2}"
        )?;
        if *unanswered > 0 {
            write!(f, "\nwithout an answer: {unanswered}")?;
        }
        if *refused_locally > 0 {
            write!(f, "\nnever sent: {refused_locally}")?;
        }
        if *lost > 0 {
            write!(f, "\nlost with a connection: {lost}")?;
        }
        if *refusal_p99_ms > 0.0 {
            write!(f, "\nrefused after ms: p50 {refusal_p50_ms:.3} p99 {refusal_p99_ms:.3}")?;
        }
        errors.iter().try_for_each(|(status, count)| write!(f, "\nstatus {status}: {count}"))
    }
}

/// What happened in one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Its length.
    pub length: Span,
    /// Requests submitted.
    pub submitted: u64,
    /// Answers with an output; the latencies are theirs.
    pub answered: u64,
    /// The shortest latency.
    pub min: Span,
    /// The longest latency.
    pub max: Span,
    /// All latencies together.
    pub sum: Span,
    /// Answers without an output.
    pub errors: BTreeMap<Status, u64>,
}

impl Interval {
    /// Takes in what another part of the same run saw meanwhile.
    pub(super) fn merge(&mut self, other: Self) {
        self.length = self.length.max(other.length);
        self.submitted += other.submitted;
        if other.answered > 0 {
            self.min = if self.answered == 0 { other.min } else { self.min.min(other.min) };
        }
        self.max = self.max.max(other.max);
        self.answered += other.answered;
        self.sum += other.sum;
        for (status, count) in other.errors {
            *self.errors.entry(status).or_default() += count;
        }
    }

    /// An answer with an output came.
    pub(super) fn succeeded(&mut self, latency: Span) {
        self.min = if self.answered == 0 { latency } else { self.min.min(latency) };
        self.max = self.max.max(latency);
        self.sum += latency;
        self.answered += 1;
    }
}

/// The original's line; errors follow, which the original does not tell.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = Span::new(self.sum.get() / self.answered.max(1));
        write!(
            f,
            "total={} throughput={:.2} min={:.2} max={:.2} mean={:.2}",
            self.submitted,
            rate(self.answered, self.length),
            self.min.as_millis_f64(),
            self.max.as_millis_f64(),
            mean.as_millis_f64()
        )?;
        self.errors.iter().try_for_each(|(status, count)| write!(f, " status {status}: {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_prints_the_documented_line() {
        let mut interval =
            Interval { length: Span::from_secs(10), submitted: 4_018, ..Interval::default() };
        assert_eq!(interval.to_string(), "total=4018 throughput=0.00 min=0.00 max=0.00 mean=0.00");
        interval.succeeded(Span::from_micros(3_820));
        interval.succeeded(Span::from_micros(7_740));
        assert_eq!(interval.to_string(), "total=4018 throughput=0.20 min=3.82 max=7.74 mean=5.78");
        interval.errors.insert(Status::TIMEOUT, 3);
        assert!(interval.to_string().ends_with("mean=5.78 status 4 (timeout): 3"));
    }

    #[test]
    fn the_json_has_the_keys_that_scripts_read() {
        let json = serde_json::to_value(Report::default()).unwrap();
        for key in [
            "measured_from",
            "in_time",
            "offered_rps",
            "goodput_rps",
            "in_slo",
            "p50_ms",
            "p99_ms",
            "p999_ms",
            "max_ms",
            "errors",
            "refused_locally",
            "refusal_p99_ms",
            "latency_histogram",
            "per_second",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
    }

    #[test]
    fn a_report_for_people_ends_without_an_empty_line() {
        let mut report = Report { requests: 7, ..Report::default() };
        assert!(!report.to_string().ends_with('\n'));
        report.errors.insert(Status::TIMEOUT.to_string(), 3);
        assert!(report.to_string().ends_with("\nstatus 4 (timeout): 3"));
    }
}
