//! What is counted of a run, or of a part of it, and what that comes to.

use clockwork_wire::{Nanos, Span};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::row::{Act, Asked};

/// Counts of one class of requests in one part of a run.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) first: Nanos,
    pub(super) last: Nanos,
    offered: u64,
    in_time: u64,
    outputs: u64,
    cold: u64,
    /// Microseconds.
    latency: Histogram<u64>,
    executing: Span,
    copying: Span,
    /// Sums of batch sizes and of their squares: a request's mean batch is the second by the first.
    batches: u64,
    squares: u64,
    /// |measured − predicted| of INFERs, in nanoseconds.
    prediction: Histogram<u64>,
}

impl Counts {
    pub(super) fn new() -> Self {
        let histogram = || Histogram::new(3).expect("three digits are few enough");
        Self {
            first: Nanos::MAX,
            last: Nanos::ZERO,
            offered: 0,
            in_time: 0,
            outputs: 0,
            cold: 0,
            latency: histogram(),
            executing: Span::ZERO,
            copying: Span::ZERO,
            batches: 0,
            squares: 0,
            prediction: histogram(),
        }
    }

    /// A request was answered.
    pub(super) fn request(&mut self, asked: &Asked) {
        self.first = self.first.min(asked.arrival);
        self.last = self.last.max(asked.arrival);
        self.offered += 1;
        self.in_time += u64::from(asked.in_time);
        if asked.has_output {
            self.outputs += 1;
            self.cold += u64::from(asked.cold);
            let latency = asked.departure - asked.arrival;
            self.latency.record(latency.get() / 1_000).expect(GROWS);
        }
    }

    /// An action was done.
    pub(super) fn act(&mut self, act: &Act) {
        let Some(batch) = act.batch else {
            self.copying += act.duration;
            return;
        };
        self.executing += act.duration;
        self.batches += u64::from(batch);
        self.squares += u64::from(batch) * u64::from(batch);
        let error = (act.duration - act.expected).max(act.expected - act.duration);
        self.prediction.record(error.get()).expect(GROWS);
    }

    /// Device time spent on executing.
    pub(super) const fn executing(&self) -> Span {
        self.executing
    }

    /// What it comes to over `seconds` on so many devices that could do `bound` requests per second.
    pub(super) fn cell(&self, key: f64, class: u32, place: &Place) -> Cell {
        let (seconds, device_seconds) = (place.seconds, place.seconds * place.devices);
        let ms = |quantile: f64| float(self.latency.value_at_quantile(quantile)) / 1e3;
        let us = |quantile: f64| float(self.prediction.value_at_quantile(quantile)) / 1e3;
        Cell {
            key,
            class,
            seconds,
            offered: per(float(self.offered), seconds),
            goodput: per(float(self.in_time), seconds),
            satisfaction: per(float(self.in_time), float(self.offered)),
            requests: self.offered,
            late: self.offered - self.in_time,
            p50: ms(0.5),
            p99: ms(0.99),
            p999: ms(0.999),
            max: float(self.latency.max()) / 1e3,
            batch: per(float(self.squares), float(self.batches)),
            executing: per(self.executing.as_secs_f64(), device_seconds),
            copying: per(self.copying.as_secs_f64(), device_seconds),
            cold: per(float(self.cold), float(self.outputs)),
            cold_rate: per(float(self.cold), seconds),
            bound: place.bound,
            prediction_p99: us(0.99),
            prediction_p999: us(0.999),
        }
    }
}

/// Where counts were made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// For how long.
    pub(super) seconds: f64,
    /// On how many devices.
    pub(super) devices: f64,
    /// Requests per second that they could do; 0 if nobody knows.
    pub(super) bound: f64,
}

/// What was measured of one class of requests in one part of a run. Rates are per second, latencies in
/// ms, and parts between 0 and 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// `part / whole`; 0 of nothing.
fn per(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Counts are far below 2^53.
fn float(count: u64) -> f64 {
    Span::new(count).as_f64()
}

const GROWS: &str = "a histogram grows with its values";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_kept_whatever_their_size() {
        let mut counts = Counts::new();
        for ms in [1, 2, 90_000] {
            counts.request(&Asked {
                arrival: Nanos::ZERO,
                departure: Nanos::ZERO + Span::from_millis(ms),
                model: 0,
                slo_factor: 0.0,
                in_time: ms < 3,
                has_output: true,
                cold: false,
            });
        }
        let cell = counts.cell(0.0, 0, &Place { seconds: 2.0, devices: 1.0, bound: 0.0 });
        assert_eq!((cell.offered, cell.goodput, cell.late), (1.5, 1.0, 1));
        assert!((cell.p50 - 2.0).abs() < 0.01 && (cell.max - 90_000.0).abs() < 100.0, "{cell:?}");
    }
}
