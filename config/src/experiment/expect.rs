//! What must come of an experiment, and what is drawn.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Something that is measured of a run, or of one of its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Requests per second.
    Offered,
    /// Requests per second that were answered within their deadline.
    Goodput,
    /// The same as a part of those that were offered.
    Satisfaction,
    /// How many latencies there are, where they are counted one by one: ParM's, one for each batch.
    Num,
    /// Median latency of everything with an output, in ms.
    P50,
    /// Mean of it, where latencies are counted one by one.
    Mean,
    /// 99th percentile of it.
    P99,
    /// 99.5th percentile of it, where latencies are counted one by one.
    P995,
    /// 99.9th percentile of it.
    P999,
    /// From the median to the 99.9th percentile, in ms, where latencies are counted one by one.
    Gap,
    /// The largest.
    Max,
    /// Mean batch size of a request.
    Batch,
    /// Part of the devices' time that executes.
    Executing,
    /// Part of the devices' time in which weights are copied.
    Copying,
    /// Cold starts, as a part of what was answered.
    Cold,
    /// Cold starts per second.
    ColdRate,
    /// Requests per second that the devices could do of the workload's model: the best of `b / exec(b)`
    /// over the batch sizes whose execution fits the SLO. For class 1: in the time that class 0 leaves.
    Bound,
    /// Goodput as a part of it.
    OfBound,
    /// The lowest SLO factor from which on 99 % of class 0 are answered in time, in every cell.
    LowestFactor,
    /// The largest goodput of a cell of class 0.
    Peak,
    /// The same per device.
    PeakPerDevice,
    /// Goodput of the last whole cell as a part of the peak.
    LastOfPeak,
    /// 99th percentile of the difference between predicted and measured INFERs, in us.
    PredictionP99,
    /// The same with 99.9.
    PredictionP999,
}

impl Measure {
    /// Its name in files, and the head of its column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Goodput => "goodput",
            Self::Satisfaction => "satisfaction",
            Self::Num => "num",
            Self::P50 => "p50",
            Self::Mean => "mean",
            Self::P99 => "p99",
            Self::P995 => "p995",
            Self::P999 => "p999",
            Self::Gap => "gap",
            Self::Max => "max",
            Self::Batch => "batch",
            Self::Executing => "executing",
            Self::Copying => "copying",
            Self::Cold => "cold",
            Self::ColdRate => "cold_rate",
            Self::Bound => "bound",
            Self::OfBound => "of_bound",
            Self::LowestFactor => "lowest_factor",
            Self::Peak => "peak",
            Self::PeakPerDevice => "peak_per_device",
            Self::LastOfPeak => "last_of_peak",
            Self::PredictionP99 => "prediction_p99",
            Self::PredictionP999 => "prediction_p999",
        }
    }
}

/// A bound on a measure.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What is bounded.
    pub measure: Measure,
    /// It is at least this.
    pub at_least: Option<f64>,
    /// It is at most this.
    pub at_most: Option<f64>,
    /// Only at points with these values of axes; each text holds values, separated by `|`.
    #[serde(default)]
    pub at: BTreeMap<String, String>,
    /// Not the measure itself but its difference to that of the point with these values instead.
    #[serde(default)]
    pub beside: BTreeMap<String, String>,
    /// In every cell from this key on (a factor, or seconds), instead of the run as a whole.
    pub from: Option<f64>,
    /// Of which class, where cells count.
    #[serde(default)]
    pub class: u32,
    /// Where the bound comes from.
    pub source: String,
}

/// A figure: lines of a measure over an axis, or over the cells of each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The name of its file, without ending.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// What runs along the side.
    pub y: Measure,
    /// The axis that runs along the bottom, whose values are numbers or spans; none: the cells' key.
    pub x: Option<String>,
    /// Of which class, where cells are drawn.
    #[serde(default)]
    pub class: u32,
    /// Only points with these values of axes, as in [`Expect::at`].
    #[serde(default)]
    pub at: BTreeMap<String, String>,
    /// Also the bound, as a line.
    #[serde(default)]
    pub bound: bool,
}
