//! Counts what a run does within its measured window.

use std::collections::BTreeMap;

use clockwork_scheduler::ActionRecord;
use clockwork_wire::{ActionKind, ActionResult, Nanos, Span, Status, WorkerId};
use hdrhistogram::Histogram;

use crate::world::Clock;

/// Counts of one run.
#[derive(Debug)]
pub(crate) struct Tally {
    from: Nanos,
    to: Nanos,
    devices: u64,
    pub(crate) offered: u64,
    /// Answers by status.
    pub(crate) answers: BTreeMap<Status, u64>,
    /// Nanoseconds from the intended send time to the answer, of requests with an output whose model was
    /// in no device's memory.
    pub(crate) cold: Histogram<u64>,
    /// Nanoseconds from the intended send time to the answer, of everything with an output.
    pub(crate) latency: Histogram<u64>,
    /// The same of everything without an output.
    pub(crate) refusal: Histogram<u64>,
    pub(crate) infers: u64,
    pub(crate) loads: u64,
    pub(crate) evicts: u64,
    /// Actions that were not done, by status.
    pub(crate) failures: BTreeMap<Status, u64>,
    /// Inputs in INFERs that were done.
    pub(crate) inputs: u64,
    /// Time that each worker's devices executed.
    pub(crate) executing: Vec<Vec<Span>>,
    /// Time that copy engines copied.
    pub(crate) copying: Span,
    /// Sum of |actual − expected| over INFERs that were done.
    pub(crate) prediction_error: Span,
    /// All requests of the run, measured or not.
    pub(crate) requests: u64,
}

impl Tally {
    /// Counts from `from` to `to`, for workers with so many devices each.
    pub(crate) fn new(from: Nanos, to: Nanos, devices: &[usize]) -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_MAX, 3).expect("the bounds are valid");
        Self {
            from,
            to,
            devices: devices
                .iter()
                .map(|&count| u64::try_from(count).expect("a count fits u64"))
                .sum(),
            offered: 0,
            answers: BTreeMap::new(),
            cold: histogram(),
            latency: histogram(),
            refusal: histogram(),
            infers: 0,
            loads: 0,
            evicts: 0,
            failures: BTreeMap::new(),
            inputs: 0,
            executing: devices.iter().map(|&count| vec![Span::ZERO; count]).collect(),
            copying: Span::ZERO,
            prediction_error: Span::ZERO,
            requests: 0,
        }
    }

    /// When the measured window ends.
    pub(crate) const fn end(&self) -> Nanos {
        self.to
    }

    /// How long the measured window is.
    pub(crate) fn window(&self) -> Span {
        self.to - self.from
    }

    /// Device time in the window.
    pub(crate) fn device_time(&self) -> Span {
        self.window().times(self.devices)
    }

    /// A client meant to send a request.
    pub(crate) fn offer(&mut self, intended: Nanos) {
        self.requests += 1;
        self.offered += u64::from(self.measures(intended));
    }

    /// A client got an answer.
    pub(crate) fn answer(&mut self, intended: Nanos, now: Nanos, status: Status, cold: bool) {
        if !self.measures(intended) {
            return;
        }
        *self.answers.entry(status).or_default() += 1;
        if status.has_output() {
            self.latency.saturating_record((now - intended).get());
            if cold {
                self.cold.saturating_record((now - intended).get());
            }
        } else {
            self.refusal.saturating_record((now - intended).get());
        }
    }

    /// A worker did something, on its own clock.
    pub(crate) fn result(&mut self, worker: WorkerId, result: &ActionResult, clock: Clock) {
        if !result.status.is_ok() || result.kind == ActionKind::Evict {
            return;
        }
        let (begin, end) = (clock.world(result.exec.begin), clock.world(result.exec.end));
        let within = end.min(self.to) - begin.max(self.from);
        match result.kind {
            ActionKind::Infer { batch } => {
                self.executing[worker.index()][result.gpu.index()] +=
                    within.min(result.exec.duration);
                if self.measures(begin) {
                    self.infers += 1;
                    self.inputs += u64::from(batch.get());
                }
            }
            ActionKind::Load => {
                self.copying += within.min(result.exec.duration);
                self.loads += u64::from(self.measures(begin));
            }
            ActionKind::Evict => {}
        }
    }

    /// The scheduler closed an action.
    pub(crate) fn record(&mut self, record: &ActionRecord) {
        if !self.measures(record.sent) {
            return;
        }
        let (action, result) = (&record.action, &record.result);
        if !result.status.is_ok() {
            *self.failures.entry(result.status).or_default() += 1;
        } else if action.kind == ActionKind::Evict {
            self.evicts += 1;
        } else if matches!(action.kind, ActionKind::Infer { .. }) {
            let (actual, expected) = (result.exec.duration, action.expected);
            self.prediction_error += (actual - expected).max(expected - actual);
        }
    }

    fn measures(&self, at: Nanos) -> bool {
        self.from <= at && at < self.to
    }
}

/// Latencies beyond ten minutes count as ten minutes.
const LATENCY_MAX: u64 = 600_000_000_000;
