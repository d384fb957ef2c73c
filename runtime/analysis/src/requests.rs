//! What requests say, added up as they come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clockwork_wire::{Nanos, Span};
use serde::{Deserialize, Serialize};

use crate::RequestRow;
use crate::distribution::{Distribution, Spread};
use crate::number::{float, ratio};
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
}

/// Adds up requests.
#[derive(Debug)]
pub(crate) struct RequestTally {
    counts: RequestCounts,
    statuses: BTreeMap<u16, u64>,
    cold_models: BTreeSet<u32>,
    latency: Distribution,
    success_latency: Distribution,
    deadline: Distribution,
    series: Series,
}

impl RequestTally {
    pub(crate) fn new(width: Span) -> Self {
        Self {
            counts: RequestCounts::default(),
            statuses: BTreeMap::new(),
            cold_models: BTreeSet::new(),
            latency: Distribution::new(),
            success_latency: Distribution::new(),
            deadline: Distribution::new(),
            series: Series::new(width),
        }
    }

    pub(crate) fn count(&mut self, bucket: usize, row: &RequestRow) {
        self.counts.count(row);
        *self.statuses.entry(row.result.get()).or_default() += 1;
        self.latency.record(row.latency.get());
        if row.is_success() {
            self.success_latency.record(row.latency.get());
        }
        if row.deadline != Span::MAX {
            self.deadline.record(row.deadline.get());
        }
        if row.is_cold_success() {
            self.cold_models.insert(row.model_id.get());
        }
        self.series.count(bucket, row);
    }

    /// The buckets until `end`.
    pub(crate) fn series(&mut self, buckets: &Buckets, end: Nanos) -> Vec<RequestBucket> {
        self.series.close_before(usize::MAX);
        let empty = std::iter::repeat(RequestBucket::default());
        let closed = self.series.closed.iter().copied().chain(empty);
        let bucket = |(number, closed): (usize, RequestBucket)| {
            let (at, length) = buckets.at(number, end);
            RequestBucket { at: at.as_secs_f64(), seconds: length.as_secs_f64(), ..closed }
        };
        (0..buckets.count(end)).zip(closed).map(bucket).collect()
    }

    pub(crate) fn summary(&self, seconds: f64) -> RequestSummary {
        let per_second = |count: f64| ratio(count, seconds);
        let counts = self.counts;
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
            cold_models: u64::try_from(self.cold_models.len()).unwrap_or(u64::MAX),
            late_rows: self.series.late_rows,
            latency_ms: self.latency.quantiles_ms(),
            success_latency_ms: self.success_latency.quantiles_ms(),
            deadline_ms: self.deadline.spread_ms(),
        }
    }

    pub(crate) fn tails(&self) -> RequestTails {
        RequestTails { latency: self.latency.tail(), success_latency: self.success_latency.tail() }
    }
}

/// Requests by bucket. Only the latest buckets keep distributions: rows come in order of time but
/// for fractions of a second.
#[derive(Debug)]
struct Series {
    /// Complete but for their places in time.
    closed: Vec<RequestBucket>,
    open: VecDeque<Open>,
    /// Buckets that are kept open.
    open_max: usize,
    /// Rows that came after their bucket was closed: they count, but not in its quantiles.
    late_rows: u64,
}

#[derive(Debug, Default)]
struct Open {
    counts: RequestCounts,
    slo_factor: f32,
    cold_models: BTreeSet<u32>,
    latency: Distribution,
    success_latency: Distribution,
}

impl Series {
    fn new(width: Span) -> Self {
        let slack = DISORDER.get().div_ceil(width.get().max(1));
        let open_max = usize::try_from(slack).unwrap_or(usize::MAX).saturating_add(1);
        let open_max = open_max.clamp(2, OPEN_MAX);
        Self { closed: Vec::new(), open: VecDeque::new(), open_max, late_rows: 0 }
    }

    fn count(&mut self, bucket: usize, row: &RequestRow) {
        self.close_before((bucket + 1).saturating_sub(self.open_max));
        let Some(at) = bucket.checked_sub(self.closed.len()) else {
            self.closed[bucket].counts.count(row);
            self.late_rows += 1;
            return;
        };
        if at >= self.open.len() {
            self.open.resize_with(at + 1, Open::default);
        }
        self.open[at].count(row);
    }

    /// Closes all buckets before this one; those that nothing came for are empty.
    fn close_before(&mut self, bucket: usize) {
        while self.closed.len() < bucket {
            match self.open.pop_front() {
                Some(open) => self.closed.push(open.close()),
                None if bucket == usize::MAX => break,
                None => self.closed.push(RequestBucket::default()),
            }
        }
    }
}

impl Open {
    fn count(&mut self, row: &RequestRow) {
        self.counts.count(row);
        self.slo_factor = self.slo_factor.max(row.slo_factor);
        self.latency.record(row.latency.get());
        if row.is_success() {
            self.success_latency.record(row.latency.get());
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
            latency_ms: self.latency.spread_ms(),
            success_latency_ms: self.success_latency.spread_ms(),
            ..RequestBucket::default()
        }
    }
}

/// How much later than its turn a row may come: logs are written twice a second from several rings.
const DISORDER: Span = Span::from_secs(2);

/// The most buckets that are open at once: 64 pairs of distributions are some 20 MiB.
const OPEN_MAX: usize = 64;
