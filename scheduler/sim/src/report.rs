//! What a run showed.

use std::collections::BTreeMap;
use std::fmt;

use clockwork_wire::{Span, Status};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::recording::Recording;
use crate::tally::Tally;
use crate::world::Outcome;

/// What a run showed within its measured window: a pure function of scenario, seed and options.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The scheduler's name.
    pub scheduler: String,
    /// Seconds measured.
    pub seconds: f64,
    /// Requests that were to be sent in the window.
    pub offered: u64,
    /// The same per second.
    pub offered_rps: f64,
    /// Of these, answered OK: within their deadline.
    pub goodput: u64,
    /// The same per second.
    pub goodput_rps: f64,
    /// Goodput as a fraction of what was offered; 1 if nothing was.
    pub in_slo: f64,
    /// From the intended send time to the answer, of every request with an output.
    pub latency: Latency,
    /// The same of every request that was answered without one.
    pub refusal: Latency,
    /// Requests with an output whose model was in no device's memory when they came in.
    pub cold_starts: u64,
    /// From the intended send time to the answer, of those.
    pub cold: Latency,
    /// Answers other than OK, by status.
    pub refused: BTreeMap<String, u64>,
    /// Fraction of the devices' time spent executing.
    pub utilisation: f64,
    /// The same for each device, in the order of workers and devices.
    pub device_utilisation: Vec<f64>,
    /// Fraction of the devices' time spent copying weights.
    pub copying: f64,
    /// Mean inputs per INFER.
    pub batch_mean: f64,
    /// Actions that were done and that were not.
    pub actions: Actions,
    /// Mean difference between a predicted and an actual execution, in microseconds.
    pub prediction_error_us: f64,
    /// Events of the simulation, and requests outside of the window too.
    pub work: Work,
    /// What disagrees with the invariants; empty if all is well.
    pub violations: Vec<String>,
}

/// A distribution of latencies, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// Largest.
    pub max_ms: f64,
}

/// Actions by kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Actions {
    /// INFERs done.
    pub infers: u64,
    /// LOADs done.
    pub loads: u64,
    /// EVICTs done.
    pub evicts: u64,
    /// Not done, by status.
    pub failed: BTreeMap<String, u64>,
}

/// How much there was to simulate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Work {
    /// Requests, also outside of the window.
    pub requests: u64,
    /// Arrivals of messages and turns of processes.
    pub events: u64,
    /// Fraction of the time in which the controller's process was busy.
    pub controller_busy: f64,
    /// Seconds that everything took, in the world's time.
    pub seconds: f64,
    /// Changes of the table of homes that gave a model another shard.
    pub homes_changed: u64,
    /// Changes that gave the shards of a model other parts of its requests.
    pub weights_changed: u64,
}

impl Report {
    /// The command that runs this again.
    pub fn replay_command(&self) -> String {
        replay_command(&self.scenario, self.seed)
    }

    /// Takes over what a run has shown; what it recorded is handed on.
    pub(crate) fn take(&mut self, outcome: Outcome) -> Option<Recording> {
        self.count(&outcome.tally);
        self.work = Work {
            requests: outcome.tally.requests,
            events: outcome.events,
            controller_busy: outcome.controller_busy.as_f64() / outcome.elapsed.as_f64().max(1.0),
            seconds: outcome.elapsed.as_secs_f64(),
            homes_changed: outcome.moved.homes,
            weights_changed: outcome.moved.weights,
        };
        self.violations = outcome.violations;
        outcome.recording
    }

    /// Takes the counts over.
    fn count(&mut self, tally: &Tally) {
        let seconds = tally.window().as_secs_f64();
        let goodput = tally.answers.get(&Status::OK).copied().unwrap_or_default();
        self.seconds = seconds;
        self.offered = tally.offered;
        self.offered_rps = float(tally.offered) / seconds;
        self.goodput = goodput;
        self.goodput_rps = float(goodput) / seconds;
        self.in_slo = if tally.offered == 0 { 1.0 } else { ratio(goodput, tally.offered) };
        self.latency = Latency::of(&tally.latency);
        self.refusal = Latency::of(&tally.refusal);
        self.cold_starts = tally.cold.len();
        self.cold = Latency::of(&tally.cold);
        let refused = tally.answers.iter().filter(|(status, _)| !status.is_ok());
        self.refused = refused.map(|(status, &count)| (status.to_string(), count)).collect();
        let window = tally.window().as_f64();
        self.device_utilisation =
            tally.executing.iter().flatten().map(|used| used.as_f64() / window).collect();
        let executing: f64 = self.device_utilisation.iter().sum();
        self.utilisation = executing * window / tally.device_time().as_f64();
        self.copying = tally.copying.as_f64() / tally.device_time().as_f64();
        self.batch_mean = ratio(tally.inputs, tally.infers);
        self.prediction_error_us =
            tally.prediction_error.as_f64() / 1e3 / float(tally.infers.max(1));
        let failed = tally.failures.iter();
        self.actions = Actions {
            infers: tally.infers,
            loads: tally.loads,
            evicts: tally.evicts,
            failed: failed.map(|(status, &count)| (status.to_string(), count)).collect(),
        };
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| Span::new(histogram.value_at_quantile(quantile)).as_millis_f64();
        Self {
            mean_ms: histogram.mean() / 1e6,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: Span::new(histogram.max()).as_millis_f64(),
        }
    }
}

/// The command that runs a seed of a scenario.
pub(crate) fn replay_command(scenario: &str, seed: u64) -> String {
    format!("clockwork sim --seed {seed} --scenario {scenario}")
}

/// A screenful for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, scheduler, seconds, latency, actions, .. } = self;
        writeln!(
            f,
            "scenario {scenario}, seed {seed}, scheduler {scheduler}, {seconds} s measured"
        )?;
        writeln!(f, "offered      {:>10.1}/s", self.offered_rps)?;
        writeln!(
            f,
            "goodput      {:>10.1}/s  {:.3} % in SLO",
            self.goodput_rps,
            self.in_slo * 100.0
        )?;
        writeln!(
            f,
            "latency ms   mean {:.3}  p50 {:.3}  p99 {:.3}  p99.9 {:.3}  max {:.3}",
            latency.mean_ms, latency.p50_ms, latency.p99_ms, latency.p999_ms, latency.max_ms
        )?;
        writeln!(
            f,
            "devices      {:.1} % executing, {:.1} % copying, {:.2} inputs per batch, \
             prediction off by {:.1} us",
            self.utilisation * 100.0,
            self.copying * 100.0,
            self.batch_mean,
            self.prediction_error_us
        )?;
        writeln!(
            f,
            "actions      {} infer, {} load, {} evict{}",
            actions.infers,
            actions.loads,
            actions.evicts,
            Listed("; not done: ", &actions.failed)
        )?;
        writeln!(f, "cold starts  {}{}", self.cold_starts, Listed("; refused: ", &self.refused))?;
        writeln!(
            f,
            "work         {} requests, {} events, controller {:.1} % busy",
            self.work.requests,
            self.work.events,
            self.work.controller_busy * 100.0
        )?;
        if self.violations.is_empty() {
            return write!(f, "invariants   all hold");
        }
        writeln!(f, "invariants   VIOLATED; run again with: {}", self.replay_command())?;
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        Ok(())
    }
}

/// Counts by name behind an introduction; nothing if there are none.
struct Listed<'a>(&'static str, &'a BTreeMap<String, u64>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.1.iter().enumerate() {
            let before = if index == 0 { self.0 } else { ", " };
            write!(f, "{before}{count} x {name}")?;
        }
        Ok(())
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// Counts are far below 2^53.
fn float(count: u64) -> f64 {
    Span::new(count).as_f64()
}
