//! Runs beside each other: figure 5.

use super::figures::{tail, tail_chart};
use super::{Figure, Measured};
use crate::chart::{Axis, Chart, Line};

/// Goodput of each run, and the tails of their latencies over each other.
pub(super) fn figures(runs: &[Measured]) -> Vec<Figure> {
    if runs.len() < 2 {
        return Vec::new();
    }
    let names = names(runs);
    let bars = runs.iter().map(|run| vec![run.analysis.summary.requests.goodput]).collect();
    let goodput = Chart {
        title: "5: goodput".into(),
        x: Axis::names("run", names.clone()),
        y: Axis::new("requests/s"),
        bars,
        ..Chart::default()
    };
    let line = |(name, run): (&String, &Measured)| {
        Line::new(name, tail(&run.analysis.tails.requests.latency))
    };
    let lines = names.iter().zip(runs).take(LINES).map(line).collect();
    let latency = tail_chart("5: latency of all requests", "latency (ms)", lines);
    vec![Figure::new("5_goodput", goodput), Figure::new("5_latency_tail", latency)]
}

/// The SLOs of the runs, if those tell them apart; else the runs' names.
fn names(runs: &[Measured]) -> Vec<String> {
    let slo = |run: &Measured| run.analysis.summary.requests.deadline_ms;
    let one = |run: &Measured| slo(run).p50 > 0.0 && slo(run).max <= slo(run).p50 * 1.01;
    let mut slos: Vec<String> = runs.iter().map(|run| format!("{:.4} ms", slo(run).max)).collect();
    slos.sort();
    slos.dedup();
    if slos.len() == runs.len() && runs.iter().all(one) {
        return runs.iter().map(|run| format!("SLO {} ms", slo(run).max)).collect();
    }
    runs.iter().map(|run| run.named.name.clone()).collect()
}

/// Tails that can be told apart in one figure.
const LINES: usize = 8;
