//! What the demo ends with.

use std::collections::BTreeMap;
use std::fmt;

use clockwork_runtime::client;
use serde::Serialize;

use super::digits::Digits;
use super::logs::Logs;

/// The report; its fields are the keys of the JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Fraction of the digits that the real model named rightly.
    accuracy: f64,
    /// Poisson requests sent per second.
    offered_rps: f64,
    /// Poisson requests answered within 100 ms, per second.
    goodput_rps: f64,
    /// The fraction of the Poisson requests answered within 100 ms.
    in_slo: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    /// Requests that found their model in no device's memory, and were served.
    cold_starts: u64,
    /// Requests without an output, by cause.
    refused: BTreeMap<String, u64>,
    /// 99th percentile of |measured − predicted| over all INFERs.
    prediction_error_us: f64,
    /// CPU seconds by process.
    cpu_s: BTreeMap<&'static str, f64>,
    #[serde(skip)]
    digits: Digits,
    #[serde(skip)]
    prediction_median_us: f64,
}

impl Report {
    pub(super) fn new(
        digits: &Digits,
        load: &client::Report,
        logs: &Logs,
        cpu: &[(&'static str, f64)],
    ) -> Self {
        Self {
            accuracy: digits.accuracy(),
            offered_rps: load.offered_rps,
            goodput_rps: load.goodput_rps,
            in_slo: load.in_slo,
            p50_ms: load.p50_ms,
            p99_ms: load.p99_ms,
            p999_ms: load.p999_ms,
            max_ms: load.max_ms,
            cold_starts: logs.cold_starts,
            refused: logs.refused.clone(),
            prediction_error_us: logs.prediction_error(0.99),
            cpu_s: cpu.iter().copied().collect(),
            digits: *digits,
            prediction_median_us: logs.prediction_error(0.5),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = &self.digits;
        writeln!(
            f,
            "\ndigits (real model, CPU)   accuracy {:.4} over {} images, mean latency {:.2} ms",
            self.accuracy,
            digits.answered,
            digits.mean_ms()
        )?;
        writeln!(
            f,
            "zoo (emulated GPUs)        offered {:.1}/s, goodput {:.1}/s, in SLO {:.3} %",
            self.offered_rps,
            self.goodput_rps,
            100.0 * self.in_slo
        )?;
        writeln!(
            f,
            "latency                    p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms",
            self.p50_ms, self.p99_ms, self.p999_ms, self.max_ms
        )?;
        writeln!(f, "cold starts                {}", self.cold_starts)?;
        writeln!(
            f,
            "predicted against actual   off by {:.1} us (median), {:.1} us (p99) per INFER",
            self.prediction_median_us, self.prediction_error_us
        )?;
        let causes: Vec<_> = self.refused.iter().map(|(why, n)| format!("{n} {why}")).collect();
        let none = if causes.is_empty() { "none" } else { "" };
        writeln!(f, "refused                    {none}{}", causes.join(", "))?;
        let cpu: Vec<_> = self.cpu_s.iter().map(|(role, s)| format!("{role} {s:.2}")).collect();
        write!(f, "CPU seconds                {}", cpu.join(", "))
    }
}
