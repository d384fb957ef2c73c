//! What results have of a run, or of a part of it.

use clockwork_analysis as analysis;
use serde::{Deserialize, Serialize};

/// What was measured of one class of requests in one part of a run, as
/// [`clockwork_analysis`] defines it. Rates are per second, latencies in ms, and parts between 0 and
/// 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cell {
    /// What part: seconds since the first request, or an SLO factor; 0 for the whole.
    pub key: f64,
    /// 0, or 1 for what is in the background.
    pub class: u32,
    /// How long it is.
    pub seconds: f64,
    /// Requests per second.
    pub offered: f64,
    /// Those that were answered within their deadline.
    pub goodput: f64,
    /// The same as a part of those that were offered; 0 if none were.
    pub satisfaction: f64,
    /// Requests.
    pub requests: u64,
    /// Those that were not answered within their deadline.
    pub late: u64,
    /// Median latency of requests with an output.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// The largest.
    pub max: f64,
    /// Mean batch size of a request.
    pub batch: f64,
    /// Part of the devices' time that executes.
    pub executing: f64,
    /// Part of the devices' time in which weights are copied.
    pub copying: f64,
    /// Cold starts as a part of the requests with an output.
    pub cold: f64,
    /// Cold starts per second.
    pub cold_rate: f64,
    /// Requests per second that the devices could do; 0 if nobody knows.
    pub bound: f64,
    /// 99th percentile of the error of predicted executions, in us.
    pub prediction_p99: f64,
    /// 99.9th percentile.
    pub prediction_p999: f64,
}

impl Cell {
    /// What was measured, beside what the devices could do.
    pub(super) fn new(cell: &analysis::Cell, bound: f64) -> Self {
        let analysis::Cell { key, class, requests, work, prediction_error_ms } = *cell;
        let (counts, latency) = (requests.counts, requests.success_latency_ms);
        Self {
            key,
            class,
            seconds: requests.seconds,
            offered: requests.offered(),
            goodput: requests.goodput(),
            satisfaction: counts.satisfaction(),
            requests: counts.all,
            late: counts.all - counts.in_time,
            p50: latency.p50,
            p99: latency.p99,
            p999: latency.p999,
            max: latency.max,
            batch: work.batch_size,
            executing: work.gpu_utilisation,
            copying: work.pci_utilisation,
            cold: requests.cold_part(),
            cold_rate: requests.cold_starts(),
            bound,
            prediction_p99: prediction_error_ms.p99 * 1e3,
            prediction_p999: prediction_error_ms.p999 * 1e3,
        }
    }
}
