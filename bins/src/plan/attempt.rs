//! One run on some number of devices: what became of its requests.

use std::sync::atomic::AtomicU64;

use clockwork_analysis::{Accumulator, Options, Window};
use clockwork_runtime::shutdown::Shutdown;
use clockwork_scheduler::ActionRecord;
use clockwork_simulator::{Answered, Calibration, Observer, Trial};
use clockwork_wire::{Nanos, Span, Status};
use serde::Serialize;

use super::question::Question;
use crate::Failure;
use crate::virtual_time::{self, Progress, rows};

/// What a run on some number of devices came to. Rates are per second, latencies in ms, and parts
/// between 0 and 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Attempt {
    pub(super) devices: u32,
    /// Whether it ran to its end; if not, the rest is of the part before.
    pub(super) complete: bool,
    /// Whether it reached the target.
    pub(super) enough: bool,
    /// All requests that were answered.
    pub(super) requests: u64,
    /// Those that were answered in time.
    pub(super) in_time: u64,
    pub(super) offered: f64,
    pub(super) goodput: f64,
    pub(super) satisfaction: f64,
    /// Of requests with an output.
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    pub(super) max: f64,
    /// Mean batch size of a request.
    pub(super) batch: f64,
    /// Part of the devices' time that executes.
    pub(super) executing: f64,
    /// Part of the devices' time in which weights are copied.
    pub(super) copying: f64,
    /// Cold starts, per second.
    pub(super) cold_starts: f64,
    /// What became of the others.
    pub(super) missed: Missed,
}

/// Requests that were not answered in time, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Missed {
    /// Refused early: no schedule could meet the deadline.
    pub(super) refused: u64,
    /// The deadline passed before a device took them.
    pub(super) waited: u64,
    /// Done after the deadline.
    pub(super) late: u64,
    /// Anything else.
    pub(super) failed: u64,
    /// Of those that were not refused, those whose model was in no device's memory when they came; of a
    /// refusal that is not told.
    pub(super) cold: u64,
}

impl Missed {
    fn note(&mut self, answered: &Answered) {
        let response = &answered.response;
        let cold = response.copies_at_arrival == 0;
        *match response.status {
            Status::REFUSED | Status::OVERLOADED => return self.refused += 1,
            Status::TIMEOUT | Status::SKIPPED => &mut self.waited,
            status if status.has_output() => &mut self.late,
            _ => &mut self.failed,
        } += 1;
        self.cold += u64::from(cold);
    }

    /// All of them.
    pub(super) const fn all(&self) -> u64 {
        self.refused + self.waited + self.late + self.failed
    }
}

/// What runs that go on at the same time share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared<'a> {
    pub(super) shutdown: &'a Shutdown,
    /// Device time that has been simulated by all of them, in ms.
    pub(super) progress: &'a AtomicU64,
}

/// Runs the workload on so many devices.
///
/// # Errors
/// If the workload cannot be made.
pub(super) fn run(
    question: &Question,
    devices: u32,
    shared: Shared<'_>,
) -> Result<Attempt, Failure> {
    let mut watch = Watch::new(question, devices, shared);
    trial(question, devices)?.run(&mut watch);
    watch.progress.end();
    Ok(watch.finish(question, devices))
}

/// Device time of a run in ms.
pub(super) fn weight(question: &Question, devices: u32) -> u64 {
    virtual_time::weight(devices, question.warmup + question.duration)
}

fn trial(question: &Question, devices: u32) -> Result<Trial, Failure> {
    let Question { seed, warmup, duration, .. } = *question;
    let machine = virtual_time::machine(1, question.limits.pages.get(), question.jitter);
    let mut scheduler = question.scheduler.clone();
    scheduler.max_gpus = scheduler.max_gpus.max(devices);
    Ok(Trial {
        name: "plan".into(),
        machines: vec![machine; usize::try_from(devices)?],
        models: question.profiles.by_name.clone(),
        scheduler,
        shards: 0,
        calibration: Calibration::NETWORK,
        plan: question.plan()?,
        seed,
        arrivals: seed,
        warmup,
        duration,
        checked: false,
    })
}

/// Counts what a run does in the time that is measured.
#[derive(Debug)]
struct Watch<'a> {
    warmup: Span,
    duration: Span,
    devices: u32,
    /// From the end of the warm-up on.
    measured: Option<Measured>,
    progress: Progress<'a>,
    broken_off: bool,
}

/// What is measured from the end of the warm-up on.
#[derive(Debug)]
struct Measured {
    window: Window,
    all: Accumulator,
    missed: Missed,
}

impl<'a> Watch<'a> {
    fn new(question: &Question, devices: u32, shared: Shared<'a>) -> Self {
        let Question { warmup, duration, .. } = *question;
        let weight = weight(question, devices);
        let progress = Progress::new(shared.shutdown, shared.progress, weight, warmup + duration);
        Self { warmup, duration, devices, measured: None, progress, broken_off: false }
    }

    /// Time counts from the first request on, as its sender counts it.
    fn begin(&mut self, first: Nanos) -> &mut Measured {
        self.measured.get_or_insert_with(|| {
            let from = first + self.warmup;
            let window = Window { from, until: from + self.duration };
            // Rates are over what there was, if the workload or the run ends sooner.
            let open = Options::new(Window::starting(from));
            let options = Options { gpus: Some(self.devices), ..open };
            let all = Accumulator::new(options).expect("a window without end is not empty");
            Measured { window, all, missed: Missed::default() }
        })
    }

    fn finish(self, question: &Question, devices: u32) -> Attempt {
        let complete = !self.broken_off;
        let Some(Measured { all, missed, .. }) = self.measured else {
            return Attempt { devices, complete, ..Attempt::default() };
        };
        let summary = all.finish().summary;
        let (requests, actions) = (summary.requests, summary.actions);
        let latency = requests.success_latency_ms;
        let satisfaction = requests.satisfaction;
        Attempt {
            devices,
            complete,
            enough: complete && satisfaction >= question.limits.target,
            requests: requests.counts.all,
            in_time: requests.counts.in_time,
            offered: requests.offered,
            goodput: requests.goodput,
            satisfaction,
            p50: latency.p50,
            p99: latency.p99,
            p999: latency.p999,
            max: latency.max,
            batch: actions.work.batch_size,
            executing: actions.work.gpu_utilisation,
            copying: actions.work.pci_utilisation,
            cold_starts: requests.cold_starts,
            missed,
        }
    }
}

impl Observer for Watch<'_> {
    fn answered(&mut self, answered: &Answered) {
        let row = rows::request(&rows::recorded(answered));
        let measured = self.begin(answered.response.arrival);
        if !measured.window.contains(row.t) {
            return;
        }
        measured.all.request(&row);
        if !row.deadline_met {
            measured.missed.note(answered);
        }
    }

    fn closed(&mut self, record: &ActionRecord) {
        if let Some(measured) = &mut self.measured
            && measured.window.contains(record.received)
        {
            measured.all.action(&rows::action(record));
        }
    }

    fn goes_on(&mut self, now: Nanos) -> bool {
        self.broken_off = !self.progress.at(now);
        !self.broken_off
    }
}
