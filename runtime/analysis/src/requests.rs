//! What requests say, added up as they come.

use std::collections::{BTreeMap, BTreeSet};

use clockwork_wire::{Nanos, Span};
use serde::{Deserialize, Serialize};

use crate::RequestRow;
use crate::distribution::{Distribution, Spread};
use crate::number::{float, ratio};
use crate::series::{Series, Tally};
use crate::summary::{RequestSummary, RequestTails};
use crate::window::Buckets;

/// How many requests there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestCounts {
    /// All that were answered, whatever the answer.
    pub all: u64,
    /// Those with an output, late or not.
    pub successes: u64,
    /// Those with an output within their deadline.
    pub in_time: u64,
    /// Successes whose model was in no device's memory on arrival.
    pub cold_starts: u64,
}

impl RequestCounts {
    fn count(&mut self, row: &RequestRow) {
        self.all += 1;
        self.successes += u64::from(row.is_success());
        self.in_time += u64::from(row.is_in_time());
        self.cold_starts += u64::from(row.is_cold_success());
    }

    /// Workload satisfaction: the part of all requests that met its deadline; 0 of none.
    pub fn satisfaction(&self) -> f64 {
        ratio(float(self.in_time), float(self.all))
    }

    /// How many answers there are of which at least `fraction` (above 0, to 1) are in time: those in
    /// time, and as many late successes as that allows.
    pub fn padded(&self, fraction: f64) -> f64 {
        (float(self.in_time) / fraction).min(float(self.successes))
    }
}

/// The requests that were answered within one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestBucket {
    /// When it begins, in seconds from the begin of the window.
    pub at: f64,
    /// How long it is, in seconds; the last one may be cut off.
    pub seconds: f64,
    /// How many there were.
    pub counts: RequestCounts,
    /// The largest SLO factor that was asked for; 0 if none was.
    pub slo_factor: f64,
    /// Distinct models among the cold starts.
    pub cold_models: u64,
    /// Latency of all requests, in milliseconds.
    pub latency_ms: Spread,
    /// Latency of successes, in milliseconds.
    pub success_latency_ms: Spread,
}

impl RequestBucket {
    /// Requests in time, per second.
    pub fn goodput(&self) -> f64 {
        ratio(float(self.counts.in_time), self.seconds)
    }

    /// All requests, per second: the offered load.
    pub fn offered(&self) -> f64 {
        ratio(float(self.counts.all), self.seconds)
    }

    /// Successes, per second.
    pub fn throughput(&self) -> f64 {
        ratio(float(self.counts.successes), self.seconds)
    }

    /// Cold starts, per second.
    pub fn cold_starts(&self) -> f64 {
        ratio(float(self.counts.cold_starts), self.seconds)
    }

    /// Cold starts, as a part of the successes.
    pub fn cold_part(&self) -> f64 {
        ratio(float(self.counts.cold_starts), float(self.counts.successes))
    }
}

/// Requests of a run, or of a group of them.
#[derive(Debug)]
pub(crate) struct RequestTally {
    all: Requests,
    statuses: BTreeMap<u16, u64>,
    deadline: Distribution,
    series: Series<Requests>,
}

impl RequestTally {
    pub(crate) fn new(width: Span) -> Self {
        Self {
            all: Requests::default(),
            statuses: BTreeMap::new(),
            deadline: Distribution::new(),
            series: Series::of_width(width),
        }
    }

    pub(crate) fn count(&mut self, bucket: usize, row: &RequestRow) {
        self.all.count(row);
        *self.statuses.entry(row.result.get()).or_default() += 1;
        if row.deadline != Span::MAX {
            self.deadline.record(row.deadline.get());
        }
        self.series.count(bucket, row);
    }

    /// What it comes to: in figures, over the buckets until `end`, and how its latencies end.
    pub(crate) fn finish(
        self,
        buckets: &Buckets,
        end: Nanos,
    ) -> (RequestSummary, Vec<RequestBucket>, RequestTails) {
        let latency = self.all.latency();
        let summary = self.summary(&latency, (end - buckets.from()).as_secs_f64());
        let (latency, success_latency) = (latency.tail(), self.all.success_latency.tail());
        let empty = std::iter::repeat(RequestBucket::default());
        let closed = self.series.close().into_iter().chain(empty);
        let bucket = |(number, closed): (usize, RequestBucket)| {
            let (at, length) = buckets.at(number, end);
            RequestBucket { at: at.as_secs_f64(), seconds: length.as_secs_f64(), ..closed }
        };
        let series = (0..buckets.count(end)).zip(closed).map(bucket).collect();
        (summary, series, RequestTails { latency, success_latency })
    }

    fn summary(&self, latency: &Distribution, seconds: f64) -> RequestSummary {
        let per_second = |count: f64| ratio(count, seconds);
        let counts = self.all.counts;
        RequestSummary {
            counts,
            statuses: self.statuses.clone(),
            offered: per_second(float(counts.all)),
            throughput: per_second(float(counts.successes)),
            goodput: per_second(float(counts.in_time)),
            goodput_p99: per_second(counts.padded(0.99)),
            goodput_p95: per_second(counts.padded(0.95)),
            goodput_p90: per_second(counts.padded(0.9)),
            satisfaction: counts.satisfaction(),
            cold_starts: per_second(float(counts.cold_starts)),
            cold_models: u64::try_from(self.all.cold_models.len()).unwrap_or(u64::MAX),
            late_rows: self.series.late_rows,
            latency_ms: latency.quantiles_ms(),
            success_latency_ms: self.all.success_latency.quantiles_ms(),
            deadline_ms: self.deadline.spread_ms(),
        }
    }
}

/// Requests that are looked at together: those of a run, a bucket, a cell.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) counts: RequestCounts,
    slo_factor: f32,
    cold_models: BTreeSet<u32>,
    success_latency: Distribution,
    /// That of refusals and timeouts; apart, so that no request is recorded twice.
    failure_latency: Distribution,
}

impl Requests {
    /// That of all requests.
    fn latency(&self) -> Distribution {
        self.success_latency.with(&self.failure_latency)
    }
}

impl Tally for Requests {
    type Row = RequestRow;
    type Closed = RequestBucket;

    fn count(&mut self, row: &RequestRow) {
        self.counts.count(row);
        self.slo_factor = self.slo_factor.max(row.slo_factor);
        if row.is_success() {
            self.success_latency.record(row.latency.get());
        } else {
            self.failure_latency.record(row.latency.get());
        }
        if row.is_cold_success() {
            self.cold_models.insert(row.model_id.get());
        }
    }

    fn close(self) -> RequestBucket {
        RequestBucket {
            counts: self.counts,
            slo_factor: f64::from(self.slo_factor),
            cold_models: u64::try_from(self.cold_models.len()).unwrap_or(u64::MAX),
            latency_ms: self.latency().spread_ms(),
            success_latency_ms: self.success_latency.spread_ms(),
            ..RequestBucket::default()
        }
    }

    fn count_late(closed: &mut RequestBucket, row: &RequestRow) {
        closed.counts.count(row);
    }
}
