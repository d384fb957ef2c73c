//! What a run comes to, as data: read it, compare it, write it as JSON.
//!
//! Rates are per second of the window, parts are 0 to 1, and a name that ends in `_ms` is in
//! milliseconds. A field that a file lacks reads as 0, so that old summaries stay readable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actions::ActionBucket;
use crate::distribution::{Quantiles, Spread, TailPoint};
use crate::requests::{RequestBucket, RequestCounts};

/// All that was measured of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Analysis {
    /// The run in figures.
    pub summary: Summary,
    /// The run over time.
    pub series: Series,
    /// How its distributions end.
    pub tails: Tails,
}

/// A run in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// What was measured.
    pub window: WindowSummary,
    /// All requests.
    pub requests: RequestSummary,
    /// Parts of the requests, each by itself.
    pub groups: Vec<GroupSummary>,
    /// The best bucket.
    pub peak: Peak,
    /// All actions.
    pub actions: ActionSummary,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowSummary {
    /// Its first instant, in nanoseconds on the log's clock.
    pub from_ns: u64,
    /// Its length.
    pub seconds: f64,
    /// The width of a bucket.
    pub bucket_seconds: f64,
    /// Rows that lie outside and were left out.
    pub rows_outside: u64,
}

/// What became of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestSummary {
    /// How many there were.
    pub counts: RequestCounts,
    /// How many ended with each status; 0 is success, late or not.
    pub statuses: BTreeMap<u16, u64>,
    /// All requests, per second: what the papers call throughput.
    pub offered: f64,
    /// Successes, late ones included, per second.
    pub throughput: f64,
    /// Successes in time, per second.
    pub goodput: f64,
    /// The most answers per second of which 99 % are in time.
    pub goodput_p99: f64,
    /// The most answers per second of which 95 % are in time.
    pub goodput_p95: f64,
    /// The most answers per second of which 90 % are in time.
    pub goodput_p90: f64,
    /// Part of all requests that met its deadline.
    pub satisfaction: f64,
    /// Cold starts that succeeded, per second.
    pub cold_starts: f64,
    /// Distinct models among them.
    pub cold_models: u64,
    /// Rows that came so late that the quantiles of their bucket lack them.
    pub late_rows: u64,
    /// Latency of all requests, refusals and timeouts included.
    pub latency_ms: Quantiles,
    /// Latency of successes.
    pub success_latency_ms: Quantiles,
    /// The SLOs that held, of requests that had one.
    pub deadline_ms: Spread,
}

/// A part of the requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSummary {
    /// What it is called.
    pub name: String,
    /// What became of it.
    pub requests: RequestSummary,
}

/// The bucket with the highest goodput among those of full width (among all if none is).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Peak {
    /// When it begins, in seconds from the begin of the window.
    pub at: f64,
    /// Successes in time, per second.
    pub goodput: f64,
    /// All requests, per second.
    pub offered: f64,
}

/// What devices did, together and each by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionSummary {
    /// Devices that `work` refers to.
    pub gpus: u32,
    /// What all of them did.
    #[serde(flatten)]
    pub work: WorkSummary,
    /// Each device that did something.
    pub devices: Vec<DeviceSummary>,
    /// INFERs: prediction and time.
    pub infer: KindSummary,
    /// LOADs: prediction and time.
    pub load: KindSummary,
}

/// What one device did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceSummary {
    /// Its worker.
    pub worker: u32,
    /// Its number within the worker.
    pub gpu: u32,
    /// What it did.
    #[serde(flatten)]
    pub work: WorkSummary,
}

/// What one or several devices did in some stretch of time; parts are of the time of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkSummary {
    /// INFER actions.
    pub infers: u64,
    /// LOAD actions.
    pub loads: u64,
    /// EVICT actions.
    pub evictions: u64,
    /// Actions of any kind that were not done.
    pub failed: u64,
    /// Batch size, weighted by requests: Σb² / Σb over INFERs.
    pub batch_size: f64,
    /// Part of the devices' time that INFERs took.
    pub gpu_utilisation: f64,
    /// Part of the devices' time that INFERs took for requests in time.
    pub gpu_goodput: f64,
    /// Part of the copy engines' time that LOADs took.
    pub pci_utilisation: f64,
    /// The same by the log's column `goodput`.
    pub pci_goodput: f64,
}

/// LOADs or INFERs. All but `statuses` is of those that were done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KindSummary {
    /// How many ended with each status.
    pub statuses: BTreeMap<u16, u64>,
    /// Measured time on the device.
    pub duration_ms: Quantiles,
    /// Measured minus predicted duration.
    pub prediction_error_ms: ErrorSummary,
    /// Actual minus predicted completion.
    pub completion_error_ms: ErrorSummary,
    /// Where the time from decision to handled result went.
    pub breakdown_ms: Breakdown,
}

/// Errors by sign; an error of zero is on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorSummary {
    /// What took longer, or ended later, than expected: by how much.
    pub over: Quantiles,
    /// What took less, or ended earlier: by how much.
    pub under: Quantiles,
    /// All, without their sign.
    pub either: Quantiles,
}

/// The parts of an action's time, in the order in which they go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breakdown {
    /// From the decision until the worker took it in.
    pub network_out: Quantiles,
    /// Until it began on the device: its input, and waiting.
    pub before_exec: Quantiles,
    /// On the device.
    pub exec: Quantiles,
    /// Until its output was copied back; 0 if there is none.
    pub output: Quantiles,
    /// Until the worker sent the result.
    pub handing_over: Quantiles,
    /// Until the controller had it off the network.
    pub network_back: Quantiles,
    /// Until the controller had handled it.
    pub controller: Quantiles,
}

/// A run over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// All requests, by departure.
    pub requests: Vec<RequestBucket>,
    /// Parts of the requests, by name.
    pub groups: Vec<GroupSeries>,
    /// All actions, by the receipt of their results.
    pub actions: Vec<ActionBucket>,
}

/// A part of the requests over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSeries {
    /// What it is called.
    pub name: String,
    /// Its buckets.
    pub requests: Vec<RequestBucket>,
}

/// How distributions end: [`TAIL_POINTS`](crate::TAIL_POINTS) points each, none of an empty one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tails {
    /// All requests.
    pub requests: RequestTails,
    /// INFERs.
    pub infer: KindTails,
    /// LOADs.
    pub load: KindTails,
}

/// How the latencies end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestTails {
    /// Of all requests.
    pub latency: Vec<TailPoint>,
    /// Of successes.
    pub success_latency: Vec<TailPoint>,
}

/// How durations and errors of a kind of action end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KindTails {
    /// Measured duration.
    pub duration: Vec<TailPoint>,
    /// Measured minus predicted duration.
    pub prediction_error: ErrorTails,
    /// Actual minus predicted completion.
    pub completion_error: ErrorTails,
}

/// How errors end, by sign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorTails {
    /// Longer or later than expected.
    pub over: Vec<TailPoint>,
    /// Shorter or earlier than expected.
    pub under: Vec<TailPoint>,
}
