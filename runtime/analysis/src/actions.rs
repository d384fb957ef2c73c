//! What actions say, added up as they come.

use std::collections::BTreeMap;

use clockwork_wire::{Nanos, Span};
use serde::{Deserialize, Serialize};

use crate::distribution::{Distribution, Spread};
use crate::errors::Errors;
use crate::number::{float, ratio};
use crate::series::Tally;
use crate::summary::{
    ActionSummary, Breakdown, DeviceSummary, KindSummary, KindTails, WorkSummary,
};
use crate::window::Buckets;
use crate::{ActionRow, ActionType};

/// What devices did, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    infers: u64,
    loads: u64,
    evictions: u64,
    /// Actions that were not done.
    failed: u64,
    /// Inputs in all batches.
    inputs: u64,
    /// Sum of squared batch sizes.
    squares: u64,
    infer: Busy,
    load: Busy,
}

/// Time on a device or its copy engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Busy {
    time: Span,
    goodput: Span,
}

impl Busy {
    fn count(&mut self, row: &ActionRow) {
        self.time += row.worker_exec_duration;
        self.goodput += row.goodput;
    }
}

impl Work {
    fn count(&mut self, row: &ActionRow) {
        self.failed += u64::from(!row.is_done());
        match row.action_type {
            ActionType::Load => {
                self.loads += 1;
                self.load.count(row);
            }
            ActionType::Infer => {
                self.infers += 1;
                let batch = u64::from(row.batch_size);
                self.inputs = self.inputs.saturating_add(batch);
                self.squares = self.squares.saturating_add(batch * batch);
                self.infer.count(row);
            }
            ActionType::Evict => self.evictions += 1,
        }
    }

    /// What it comes to in this time of all devices together.
    pub(crate) fn summary(&self, device_seconds: f64) -> WorkSummary {
        let part = |time: Span| ratio(time.as_secs_f64(), device_seconds);
        WorkSummary {
            infers: self.infers,
            loads: self.loads,
            evictions: self.evictions,
            failed: self.failed,
            batch_size: ratio(float(self.squares), float(self.inputs)),
            gpu_utilisation: part(self.infer.time),
            gpu_goodput: part(self.infer.goodput),
            pci_utilisation: part(self.load.time),
            pci_goodput: part(self.load.goodput),
        }
    }
}

/// The actions whose results came within one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionBucket {
    /// When it begins, in seconds from the begin of the window.
    pub at: f64,
    /// How long it is, in seconds; the last one may be cut off.
    pub seconds: f64,
    /// What was done.
    #[serde(flatten)]
    pub work: WorkSummary,
}

/// Adds up actions.
#[derive(Debug, Default)]
pub(crate) struct ActionTally {
    work: Work,
    devices: BTreeMap<(u32, u32), Work>,
    series: Vec<Work>,
    infer: Kind,
    load: Kind,
}

impl ActionTally {
    pub(crate) fn count(&mut self, bucket: usize, row: &ActionRow) {
        self.work.count(row);
        self.devices.entry((row.worker_id.get(), row.gpu_id.get())).or_default().count(row);
        if bucket >= self.series.len() {
            self.series.resize(bucket + 1, Work::default());
        }
        self.series[bucket].count(row);
        match row.action_type {
            ActionType::Infer => self.infer.count(row),
            ActionType::Load => self.load.count(row),
            ActionType::Evict => {}
        }
    }

    /// Devices that did something.
    pub(crate) fn devices(&self) -> u32 {
        u32::try_from(self.devices.len()).unwrap_or(u32::MAX)
    }

    /// The buckets until `end`, for this many devices.
    pub(crate) fn series(&self, buckets: &Buckets, end: Nanos, gpus: u32) -> Vec<ActionBucket> {
        let work = self.series.iter().copied().chain(std::iter::repeat(Work::default()));
        let bucket = |(number, work): (usize, Work)| {
            let (at, length) = buckets.at(number, end);
            let (at, seconds) = (at.as_secs_f64(), length.as_secs_f64());
            ActionBucket { at, seconds, work: work.summary(seconds * f64::from(gpus)) }
        };
        (0..buckets.count(end)).zip(work).map(bucket).collect()
    }

    pub(crate) fn summary(&self, seconds: f64, gpus: u32) -> ActionSummary {
        let device = |(&(worker, gpu), work): (&(u32, u32), &Work)| DeviceSummary {
            worker,
            gpu,
            work: work.summary(seconds),
        };
        ActionSummary {
            gpus,
            work: self.work.summary(seconds * f64::from(gpus)),
            devices: self.devices.iter().map(device).collect(),
            infer: self.infer.summary(),
            load: self.load.summary(),
        }
    }

    pub(crate) fn tails(&self) -> (KindTails, KindTails) {
        (self.infer.tails(), self.load.tails())
    }
}

/// Actions of a cell.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    work: Work,
    prediction: Errors,
}

impl Tally for Actions {
    type Row = ActionRow;
    type Closed = (Work, Spread);

    fn count(&mut self, row: &ActionRow) {
        self.work.count(row);
        if row.action_type == ActionType::Infer && row.is_done() {
            self.prediction.count(row.worker_exec_duration, row.expected_exec_duration);
        }
    }

    fn close(self) -> (Work, Spread) {
        (self.work, self.prediction.either().spread_ms())
    }

    fn count_late((work, _): &mut (Work, Spread), row: &ActionRow) {
        work.count(row);
    }
}

/// LOADs or INFERs: how well they were predicted, and where their time went.
#[derive(Debug, Default)]
struct Kind {
    statuses: BTreeMap<u16, u64>,
    duration: Distribution,
    prediction: Errors,
    completion: Errors,
    times: Times,
}

impl Kind {
    /// Only what was done has a measured duration and a completion.
    fn count(&mut self, row: &ActionRow) {
        *self.statuses.entry(row.status.get()).or_default() += 1;
        if !row.is_done() {
            return;
        }
        self.duration.record(row.worker_exec_duration.get());
        self.prediction.count(row.worker_exec_duration, row.expected_exec_duration);
        self.completion.count(row.worker_exec_complete, row.expected_exec_complete);
        self.times.count(row);
    }

    fn summary(&self) -> KindSummary {
        KindSummary {
            statuses: self.statuses.clone(),
            duration_ms: self.duration.quantiles_ms(),
            prediction_error_ms: self.prediction.summary(),
            completion_error_ms: self.completion.summary(),
            breakdown_ms: self.times.summary(),
        }
    }

    fn tails(&self) -> KindTails {
        KindTails {
            duration: self.duration.tail(),
            prediction_error: self.prediction.tails(),
            completion_error: self.completion.tails(),
        }
    }
}

/// The parts of an action's time, in the order in which they go by.
#[derive(Debug, Default)]
struct Times {
    network_out: Distribution,
    before_exec: Distribution,
    exec: Distribution,
    output: Distribution,
    handing_over: Distribution,
    network_back: Distribution,
    controller: Distribution,
}

impl Times {
    fn count(&mut self, row: &ActionRow) {
        let begin = row.worker_exec_complete - row.worker_exec_duration;
        let output = row.worker_copy_output_complete - row.worker_exec_complete;
        let over = row.worker_copy_output_complete.max(row.worker_exec_complete);
        let parts = [
            (&mut self.network_out, row.worker_action_received),
            (&mut self.before_exec, begin - row.worker_action_received),
            (&mut self.exec, row.worker_exec_duration),
            (&mut self.output, output),
            (&mut self.handing_over, row.worker_result_sent - over),
            (&mut self.network_back, row.controller_result_enqueue - row.worker_result_sent),
            (&mut self.controller, row.controller_action_duration - row.controller_result_enqueue),
        ];
        for (part, span) in parts {
            part.record(span.get());
        }
    }

    fn summary(&self) -> Breakdown {
        Breakdown {
            network_out: self.network_out.quantiles_ms(),
            before_exec: self.before_exec.quantiles_ms(),
            exec: self.exec.quantiles_ms(),
            output: self.output.quantiles_ms(),
            handing_over: self.handing_over.quantiles_ms(),
            network_back: self.network_back.quantiles_ms(),
            controller: self.controller.quantiles_ms(),
        }
    }
}
