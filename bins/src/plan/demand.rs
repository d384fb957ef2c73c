//! What a workload asks for, before any device is there: its arrivals, drawn without a system, and how
//! many devices they need at the least.

use std::collections::BTreeMap;
use std::sync::Arc;

use clockwork_wire::{BatchSize, ModelId, ModelProfile, Nanos, Pages, Span, Status};
use clockwork_workload::{Engine, Input, Output, Plan};
use serde::Serialize;

/// What bounds a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) slo: Span,
    pub(super) max_batch: BatchSize,
    /// Of each device.
    pub(super) pages: Pages,
    /// The part of all requests that must be answered in time.
    pub(super) target: f64,
}

/// What is asked for in the time that is measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Demand {
    requests: u64,
    seconds: f64,
    /// Device seconds that each slice needs at the least, and how long a slice is.
    work: Vec<f64>,
    slice: f64,
    /// Of each slice, and of each minute, what must be in memory.
    weights: [Vec<Weights>; 2],
    /// Models that are asked for at all.
    asked: usize,
    models: usize,
    pages: u32,
    target: f64,
}

/// The weights of all models that a stretch of time asks for.
#[derive(Clone, Copy, Debug)]
struct Weights {
    pages: f64,
    /// To copy all of them.
    seconds: f64,
}

/// Devices that a demand needs at the least, by what they are needed for, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Bounds {
    /// Requests that are measured.
    pub(super) requests: u64,
    /// The same per second.
    pub(super) rate: f64,
    /// Models that are asked for, of those that there are.
    pub(super) asked: usize,
    /// Models that there are.
    pub(super) models: usize,
    /// For executions, with the largest batches that the rates fill within the SLO.
    pub(super) execution: u32,
    /// For copying the weights that do not fit their memory together, and are asked for in the same
    /// second or minute.
    pub(super) copying: u32,
}

impl Bounds {
    /// Where a search begins.
    pub(super) fn devices(&self) -> u32 {
        self.execution.max(self.copying).max(1)
    }
}

impl Demand {
    /// Draws what a plan asks for, from so long after its first request for so long.
    pub(super) fn of(
        plan: Plan,
        seed: u64,
        (warmup, duration): (Span, Span),
        profiles: &BTreeMap<String, Arc<ModelProfile>>,
        limits: &Limits,
    ) -> Self {
        let mut drawn = Drawn::new(limits, warmup, duration);
        let mut engine = Engine::new(plan, seed);
        let mut now = Nanos::ZERO;
        while now < drawn.until() {
            match engine.poll(now) {
                Some(Output::Load(load)) => {
                    let first =
                        u32::try_from(drawn.models.len()).expect("a plan bounds its models");
                    let (first, copies) = (ModelId::new(first), load.copies);
                    if let Some(profile) = profiles.get(&load.name) {
                        drawn.add(profile, copies);
                    }
                    engine.handle(now, Input::Loaded { first, copies });
                }
                Some(Output::List) => engine.handle(now, Input::Listed { gpus: 1 }),
                Some(Output::Submit(submit)) => {
                    drawn.submit(submit.intended, submit.model.index());
                    engine.handle(now, Input::Answered { tag: submit.tag, status: Status::OK });
                }
                Some(Output::Print(_)) => {}
                Some(Output::Done) => break,
                None => match engine.next_wakeup() {
                    Some(at) => now = at,
                    None => break,
                },
            }
        }
        drawn.finish(limits)
    }

    /// Devices that it needs at the least.
    pub(super) fn bounds(&self) -> Bounds {
        let per_second = if self.seconds > 0.0 { count(self.requests) / self.seconds } else { 0.0 };
        Bounds {
            requests: self.requests,
            rate: per_second,
            asked: self.asked,
            models: self.models,
            execution: least(|devices| self.executes(devices)),
            copying: least(|devices| self.copies(devices)),
        }
    }

    /// Whether so many devices can execute so much that the target may be reached: what a slice has
    /// more than they can do in it is lost.
    fn executes(&self, devices: f64) -> bool {
        let whole: f64 = self.work.iter().sum();
        let can = devices * self.slice;
        let lost: f64 = self.work.iter().map(|work| (work - can).max(0.0)).sum();
        lost <= (1.0 - self.target) * whole + 1e-9
    }

    /// Whether so many copy engines can copy the weights that do not fit the memory of all devices.
    fn copies(&self, devices: f64) -> bool {
        let memory = devices * f64::from(self.pages);
        let copied = |all: &Weights| all.seconds * (1.0 - memory / all.pages).max(0.0);
        let can = devices * self.seconds.max(f64::MIN_POSITIVE);
        let fits =
            |stretch: &Vec<Weights>| stretch.iter().map(copied).sum::<f64>() * self.target <= can;
        self.weights.iter().all(fits)
    }
}

/// Arrivals while they are drawn.
struct Drawn {
    slo: Span,
    max_batch: BatchSize,
    warmup: Span,
    duration: Span,
    slice_length: Span,
    first: Option<Nanos>,
    last: Nanos,
    models: Vec<Arc<ModelProfile>>,
    slice: Slice,
    minute: Slice,
    ever: Slice,
    demand: Demand,
}

/// How often each model was asked for in a stretch of time.
#[derive(Default)]
struct Slice {
    number: u64,
    asked: Vec<u32>,
    calls: Vec<u32>,
}

impl Slice {
    fn call(&mut self, model: usize) {
        if self.calls.len() <= model {
            self.calls.resize(model + 1, 0);
        }
        if self.calls[model] == 0 {
            self.asked.push(u32::try_from(model).expect("models are numbered with 32 bits"));
        }
        self.calls[model] += 1;
    }

    /// Takes out which models were asked for, and how often.
    fn take(&mut self) -> Vec<(usize, u32)> {
        let asked = std::mem::take(&mut self.asked).into_iter();
        let model = |model: u32| usize::try_from(model).expect("a u32 fits usize");
        asked.map(|m| (model(m), std::mem::take(&mut self.calls[model(m)]))).collect()
    }
}

impl Drawn {
    fn new(limits: &Limits, warmup: Span, duration: Span) -> Self {
        Self {
            slo: limits.slo,
            max_batch: limits.max_batch,
            warmup,
            duration,
            // Work may move by an SLO: much less than a slice.
            slice_length: Span::from_secs(1).max(limits.slo.times(10)),
            first: None,
            last: Nanos::ZERO,
            models: Vec::new(),
            slice: Slice::default(),
            minute: Slice::default(),
            ever: Slice::default(),
            demand: Demand::default(),
        }
    }

    fn add(&mut self, profile: &Arc<ModelProfile>, copies: u32) {
        self.models.extend((0..copies).map(|_| Arc::clone(profile)));
    }

    fn until(&self) -> Nanos {
        self.first.map_or(Nanos::MAX, |first| first + self.warmup + self.duration)
    }

    fn submit(&mut self, at: Nanos, model: usize) {
        let first = *self.first.get_or_insert(at) + self.warmup;
        if at < first || at >= self.until() {
            return;
        }
        let passed = (at - first).get();
        self.last = at;
        self.turn(passed / self.slice_length.get(), passed / MINUTE.get());
        self.demand.requests += 1;
        self.slice.call(model);
        self.minute.call(model);
        self.ever.call(model);
    }

    /// Another slice or minute may have begun.
    fn turn(&mut self, slice: u64, minute: u64) {
        if self.slice.number != slice {
            self.slice.number = slice;
            self.end_slice();
        }
        if self.minute.number != minute {
            self.minute.number = minute;
            self.end_minute();
        }
    }

    fn end_slice(&mut self) {
        let batches = self.slo.as_f64() / self.slice_length.as_f64();
        let asked = self.slice.take();
        let work = asked.iter().map(|&(model, calls)| {
            let calls = f64::from(calls);
            let batch = 1.0 + calls * batches;
            calls * cheapest(&self.models[model], self.slo, self.max_batch, batch)
        });
        self.demand.work.push(work.sum());
        self.note_weights(0, &asked);
    }

    fn end_minute(&mut self) {
        let asked = self.minute.take();
        self.note_weights(1, &asked);
    }

    fn note_weights(&mut self, stretch: usize, asked: &[(usize, u32)]) {
        let models = || asked.iter().map(|&(model, _)| &self.models[model]);
        let weights = Weights {
            pages: models().map(|model| f64::from(model.pages.get())).sum(),
            seconds: models().map(|model| model.load.as_secs_f64()).sum(),
        };
        self.demand.weights[stretch].extend((weights.pages > 0.0).then_some(weights));
    }

    fn finish(mut self, limits: &Limits) -> Demand {
        self.end_slice();
        self.end_minute();
        let begin = self.first.map_or(Nanos::ZERO, |first| first + self.warmup);
        Demand {
            seconds: (self.last - begin).as_secs_f64(),
            slice: self.slice_length.as_secs_f64(),
            asked: self.ever.asked.len(),
            models: self.models.len(),
            pages: limits.pages.get(),
            target: limits.target,
            ..self.demand
        }
    }
}

/// Device seconds that a request needs at the least in batches of up to so many that fit the SLO.
fn cheapest(profile: &ModelProfile, slo: Span, max_batch: BatchSize, batch: f64) -> f64 {
    let single = profile.batches.first().map_or(0.0, |one| one.exec.as_secs_f64());
    let fits = profile.batches.iter().filter(|entry| {
        entry.batch <= max_batch && entry.exec <= slo && f64::from(entry.batch.get()) <= batch
    });
    fits.map(|entry| entry.exec.as_secs_f64() / f64::from(entry.batch.get())).fold(single, f64::min)
}

/// The least number of devices with which something holds that more of them never undo.
fn least(holds: impl Fn(f64) -> bool) -> u32 {
    let (mut few, mut enough) = (0, 1);
    while !holds(f64::from(enough)) && enough < DEVICES_MAX {
        (few, enough) = (enough, enough * 2);
    }
    while few + 1 < enough {
        let middle = u32::midpoint(few, enough);
        if holds(f64::from(middle)) {
            enough = middle;
        } else {
            few = middle;
        }
    }
    enough
}

/// Counts are far below 2^53.
fn count(count: u64) -> f64 {
    Span::new(count).as_f64()
}

/// More devices than anybody asks for.
const DEVICES_MAX: u32 = 1 << 24;

const MINUTE: Span = Span::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use clockwork_executor::zoo;
    use clockwork_workload::{Context, registry};

    fn limits(slo: u64, target: f64) -> Limits {
        let (max_batch, pages) = (BatchSize::new(8).unwrap(), Pages::new(100));
        Limits { slo: Span::from_millis(slo), max_batch, pages, target }
    }

    fn bounds(arguments: &[&str], limits: &Limits) -> Bounds {
        let profiles = zoo::names().map(|name| (name.to_owned(), zoo::profile(name).unwrap()));
        let profiles = profiles.collect();
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let workload = registry::find("poisson-open-loop").unwrap();
        let plan = workload.plan(&arguments, &Context::default()).unwrap();
        let measured = (Span::from_secs(1), Span::from_secs(20));
        Demand::of(plan, 1, measured, &profiles, limits).bounds()
    }

    #[test]
    fn slow_requests_need_a_device_for_as_long_as_one_takes_alone() {
        // 3.322 ms of each device, for 1,000 requests/s that hardly ever share a batch.
        let found = bounds(&["1000", "1000"], &limits(10, 1.0));
        assert!((4..=5).contains(&found.execution), "{found:?}");
        assert!((found.rate - 1_000.0).abs() < 50.0 && found.asked == 1_000, "{found:?}");
    }

    #[test]
    fn a_model_that_is_asked_for_often_is_asked_for_in_batches() {
        // 12.4 ms for eight.
        let found = bounds(&["1", "1000"], &limits(100, 1.0));
        assert!((2..=3).contains(&found.execution), "{found:?}");
        assert_eq!(found.copying, 1);
    }

    #[test]
    fn what_does_not_fit_is_copied() {
        // 1,000 models of 7 pages, on devices of 100.
        let slow = bounds(&["1000", "1000"], &Limits { pages: Pages::new(7), ..limits(100, 1.0) });
        assert!(slow.copying > 1, "{slow:?}");
        let much = Limits { pages: Pages::new(7_000), ..limits(100, 1.0) };
        assert_eq!(bounds(&["1000", "1000"], &much).copying, 1);
    }

    #[test]
    fn a_lower_target_needs_fewer_devices() {
        let [all, half] = [1.0, 0.5].map(|target| bounds(&["1000", "3000"], &limits(10, target)));
        assert!(half.execution * 2 <= all.execution + 1 && half.execution >= 4, "{half:?} {all:?}");
    }
}
