//! What became of the requests of a run.

use clockwork_wire::{Nanos, Span, Status};
use hdrhistogram::Histogram;

use super::report::{Bucket, Interval, Report};
use super::series::{self, Second, Series};
use super::tally::Tally;

/// What became of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// When it was meant to be sent.
    pub(super) intended: Nanos,
    /// The answer.
    pub(super) status: Status,
    /// From then until the answer was received.
    pub(super) latency: Span,
    /// Who answered.
    pub(super) fate: Fate,
}

/// Who answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The controller, this long after the request's arrival on its own clock.
    Served(Span),
    /// Nobody: the connection was lost.
    Lost,
    /// Nobody: it was never sent.
    Unsent,
}

/// Counts and latencies, of the measured part of the run and of the present interval. A request
/// belongs to the measured part if it was meant to be sent after the warm-up. Latency counts from
/// the time at which a request was meant to be sent.
#[derive(Debug)]
pub(super) struct Statistics {
    begin: Nanos,
    /// The end of the warm-up.
    measured_from: Nanos,
    interval_begin: Nanos,
    interval: Interval,
    /// Nanoseconds from intended send time to answer, of answers with an output.
    latency: Histogram<u64>,
    /// Nanoseconds from arrival at the controller to answer, of answers without an output.
    refusal: Histogram<u64>,
    submitted: u64,
    /// Requests that were never sent.
    refused_locally: u64,
    /// Requests that were sent and lost with their connection.
    lost: u64,
    answered: Tally,
    series: Series,
    /// Seconds of other parts of the run.
    other_seconds: Vec<Second>,
}

impl Statistics {
    /// Nothing has happened by `now`; what happens within the warm-up is not measured.
    pub(super) fn new(now: Nanos, warmup: Span) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LATENCY_MAX.get(), DIGITS).expect("the bounds are valid")
        };
        Self {
            begin: now,
            measured_from: now + warmup,
            interval_begin: now,
            interval: Interval::default(),
            latency: histogram(),
            refusal: histogram(),
            submitted: 0,
            refused_locally: 0,
            lost: 0,
            answered: Tally::default(),
            series: Series::new(now),
            other_seconds: Vec::new(),
        }
    }

    /// A request was submitted that was meant to be sent at `intended`.
    pub(super) fn submitted(&mut self, intended: Nanos) {
        self.interval.submitted += 1;
        self.series.offered(intended);
        if intended >= self.measured_from {
            self.submitted += 1;
        }
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, outcome: &Outcome) {
        let Outcome { intended, status, latency, fate } = *outcome;
        if status.has_output() {
            self.interval.succeeded(latency);
        } else {
            *self.interval.errors.entry(status).or_default() += 1;
        }
        self.series.answered(intended, status, latency);
        if intended >= self.measured_from {
            self.measure(status, latency, fate);
        }
    }

    /// What happened since the last call.
    pub(super) fn take_interval(&mut self, now: Nanos) -> Interval {
        let length = now.since(self.interval_begin);
        self.interval_begin = now;
        Interval { length, ..std::mem::take(&mut self.interval) }
    }

    /// Takes in what another part of the same run saw.
    pub(super) fn merge(&mut self, other: &Self) {
        self.latency.add(&other.latency).expect("all parts measure in the same bounds");
        self.refusal.add(&other.refusal).expect("all parts measure in the same bounds");
        self.submitted += other.submitted;
        self.refused_locally += other.refused_locally;
        self.lost += other.lost;
        self.answered.merge(&other.answered);
        series::merge(&mut self.other_seconds, other.series.seconds());
    }

    /// The run so far; requests were submitted until `end`.
    pub(super) fn report(&self, end: Nanos) -> Report {
        let length = end.since(self.measured_from);
        let ok = self.answered.of(Status::OK);
        let latency = |p| percentile(&self.latency, p);
        let mut seconds = self.series.seconds();
        series::merge(&mut seconds, self.other_seconds.clone());
        Report {
            notes: Vec::new(),
            seconds: length.as_secs_f64(),
            warmup_seconds: self.measured_from.min(end).since(self.begin).as_secs_f64(),
            measured_from: self.measured_from.get(),
            requests: self.submitted,
            in_time: ok,
            unanswered: self.submitted - self.answered.total(),
            refused_locally: self.refused_locally,
            lost: self.lost,
            offered_rps: rate(self.submitted, length),
            goodput_rps: rate(ok, length),
            in_slo: fraction(ok, self.submitted),
            mean_ms: self.latency.mean() / 1e6,
            p50_ms: latency(0.5),
            p99_ms: latency(0.99),
            p999_ms: latency(0.999),
            max_ms: millis(self.latency.max()),
            refusal_p50_ms: percentile(&self.refusal, 0.5),
            refusal_p99_ms: percentile(&self.refusal, 0.99),
            errors: self.answered.errors(),
            latency_histogram: buckets(&self.latency),
            per_second: seconds,
        }
    }

    fn measure(&mut self, status: Status, latency: Span, fate: Fate) {
        self.answered.count(status);
        match fate {
            _ if status.has_output() => self.latency.saturating_record(latency.get()),
            Fate::Served(within) => self.refusal.saturating_record(within.get()),
            Fate::Lost => self.lost += 1,
            Fate::Unsent => self.refused_locally += 1,
        }
    }
}

/// The latencies in buckets that each reach a tenth further than the one before, without the empty
/// ones in front.
fn buckets(latency: &Histogram<u64>) -> Vec<Bucket> {
    let all = latency.iter_log(BUCKET_FIRST.get(), 1.1).map(|step| Bucket {
        up_to_ms: millis(step.value_iterated_to()),
        count: step.count_since_last_iteration(),
    });
    all.skip_while(|bucket| bucket.count == 0).collect()
}

/// Milliseconds below which a fraction of the values lies; 0 of none.
fn percentile(of: &Histogram<u64>, fraction: f64) -> f64 {
    millis(of.value_at_quantile(fraction))
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
/// Where the first bucket of latencies ends.
const BUCKET_FIRST: Span = Span::from_micros(10);

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Nanos = Nanos::new(5_000_000_000);

    fn answer(statistics: &mut Statistics, status: Status, latency: Span) {
        let fate = Fate::Served(Span::new(latency.get() / 2));
        statistics.answered(&Outcome { intended: BEGIN, status, latency, fate });
    }

    fn filled() -> Statistics {
        let mut statistics = Statistics::new(BEGIN, Span::ZERO);
        for _ in 0..1_002 {
            statistics.submitted(BEGIN);
        }
        for us in 1..=997 {
            answer(&mut statistics, Status::OK, Span::from_micros(us));
        }
        answer(&mut statistics, Status::LATE, Span::from_millis(200));
        answer(&mut statistics, Status::REFUSED, Span::from_millis(1));
        answer(&mut statistics, Status::REFUSED, Span::from_millis(1));
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
        assert_eq!(report.per_second[0].in_time, 997);
    }

    #[test]
    fn latencies_are_those_of_answers_with_an_output_to_three_digits() {
        let report = filled().report(BEGIN + Span::from_secs(10));
        assert!((report.p50_ms - 0.499).abs() < 0.001, "{}", report.p50_ms);
        assert!((report.p99_ms - 0.989).abs() < 0.002, "{}", report.p99_ms);
        assert!((report.max_ms - 200.0).abs() < 0.2, "{}", report.max_ms);
        let buckets = &report.latency_histogram;
        assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 998);
        assert!(buckets.windows(2).all(|pair| pair[0].up_to_ms < pair[1].up_to_ms));
    }

    #[test]
    fn a_refusals_delay_is_the_controllers_and_no_latency() {
        let report = filled().report(BEGIN + Span::from_secs(10));
        assert!((report.refusal_p99_ms - 0.5).abs() < 0.001, "{}", report.refusal_p99_ms);
        assert_eq!(report.refused_locally, 0);
    }

    #[test]
    fn what_was_never_sent_counts_apart() {
        let mut statistics = Statistics::new(BEGIN, Span::ZERO);
        statistics.submitted(BEGIN);
        let (status, latency) = (Status::OVERLOADED, Span::ZERO);
        statistics.answered(&Outcome { intended: BEGIN, status, latency, fate: Fate::Unsent });
        let status = Status::DISCONNECTED;
        statistics.submitted(BEGIN);
        statistics.answered(&Outcome { intended: BEGIN, status, latency, fate: Fate::Lost });
        let report = statistics.report(BEGIN + Span::from_secs(1));
        assert_eq!((report.refused_locally, report.errors["14 (overloaded)"]), (1, 1));
        assert_eq!((report.lost, report.unanswered), (1, 0));
        assert!(report.refusal_p99_ms.abs() < 1e-9);
    }

    #[test]
    fn the_warm_up_is_not_measured() {
        let mut statistics = Statistics::new(BEGIN, Span::from_secs(2));
        for second in 0..5 {
            let intended = BEGIN + Span::from_secs(second);
            statistics.submitted(intended);
            let (status, latency) = (Status::OK, Span::from_millis(100 - second));
            let fate = Fate::Served(latency);
            statistics.answered(&Outcome { intended, status, latency, fate });
        }
        let report = statistics.report(BEGIN + Span::from_secs(5));
        assert_eq!((report.requests, report.per_second.len()), (3, 5));
        assert!((report.seconds - 3.0).abs() < 1e-9 && (report.warmup_seconds - 2.0).abs() < 1e-9);
        assert!((report.max_ms - 98.0).abs() < 0.1, "{}", report.max_ms);
        assert!((report.goodput_rps - 1.0).abs() < 1e-9);
    }

    #[test]
    fn two_parts_of_a_run_are_reported_as_one() {
        let mut mine = filled();
        mine.merge(&filled());
        let report = mine.report(BEGIN + Span::from_secs(10));
        assert_eq!((report.requests, report.unanswered), (2_004, 4));
        assert_eq!((report.errors["8 (refused early)"], report.per_second[0].in_time), (4, 1_994));
        assert!((report.p50_ms - 0.499).abs() < 0.001, "{}", report.p50_ms);
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
        let report = Statistics::new(BEGIN, Span::ZERO).report(BEGIN);
        assert_eq!((report.requests, report.in_slo, report.goodput_rps), (0, 0.0, 0.0));
        assert!(report.latency_histogram.is_empty());
    }
}
