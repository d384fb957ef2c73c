//! Runs as tables: for the console, as CSV, as HTML.

use std::fmt::Write as _;

use clockwork_analysis::{Analysis, Summary};

use super::Measured;
use super::figures::float;

/// A figure of a run.
pub(super) struct Metric {
    /// Its name in CSV.
    pub(super) name: &'static str,
    /// Its name for people, with its unit.
    pub(super) title: &'static str,
    pub(super) of: fn(&Summary) -> f64,
}

/// The figures that tables have.
pub(super) const METRICS: [Metric; 25] = [
    metric("seconds", "measured (s)", |s| s.window.seconds),
    metric("goodput", "goodput (1/s)", |s| s.requests.goodput),
    metric("throughput", "offered (1/s)", |s| s.requests.offered),
    metric("successes", "successes (1/s)", |s| s.requests.throughput),
    metric("satisfaction", "in time (%)", |s| 100.0 * s.requests.satisfaction),
    metric("goodput_p99", "goodput p99 (1/s)", |s| s.requests.goodput_p99),
    metric("peak_goodput", "peak goodput (1/s)", |s| s.peak.goodput),
    metric("slo_ms", "SLO, median (ms)", |s| s.requests.deadline_ms.p50),
    metric("latency_p50_ms", "latency p50 (ms)", |s| s.requests.latency_ms.p50),
    metric("latency_p99_ms", "p99 (ms)", |s| s.requests.latency_ms.p99),
    metric("latency_p999_ms", "p99.9 (ms)", |s| s.requests.latency_ms.p999),
    metric("latency_p9999_ms", "p99.99 (ms)", |s| s.requests.latency_ms.p9999),
    metric("latency_max_ms", "max (ms)", |s| s.requests.latency_ms.max),
    metric("cold_starts", "cold starts (1/s)", |s| s.requests.cold_starts),
    metric("cold_models", "cold models", |s| float(s.requests.cold_models)),
    metric("gpus", "GPUs", |s| f64::from(s.actions.gpus)),
    metric("gpu_utilisation", "GPU (%)", |s| 100.0 * s.actions.work.gpu_utilisation),
    metric("gpu_goodput", "GPU in time (%)", |s| 100.0 * s.actions.work.gpu_goodput),
    metric("pci_utilisation", "PCI (%)", |s| 100.0 * s.actions.work.pci_utilisation),
    metric("batch_size", "batch size", |s| s.actions.work.batch_size),
    metric("failed_actions", "refused actions", |s| float(s.actions.work.failed)),
    metric("infer_prediction_p99_ms", "INFER prediction error p99 (ms)", |s| {
        s.actions.infer.prediction_error_ms.either.p99
    }),
    metric("infer_completion_p99_ms", "INFER completion error p99 (ms)", |s| {
        s.actions.infer.completion_error_ms.either.p99
    }),
    metric("load_prediction_p99_ms", "LOAD prediction error p99 (ms)", |s| {
        s.actions.load.prediction_error_ms.either.p99
    }),
    metric("load_completion_p99_ms", "LOAD completion error p99 (ms)", |s| {
        s.actions.load.completion_error_ms.either.p99
    }),
];

const fn metric(name: &'static str, title: &'static str, of: fn(&Summary) -> f64) -> Metric {
    Metric { name, title, of }
}

/// One line a run.
pub(super) fn console(runs: &[Measured]) -> Vec<String> {
    let line = |run: &Measured| {
        let Summary { requests, actions, .. } = &run.analysis.summary;
        let work = &actions.work;
        format!(
            "{}: goodput={:.1}/s offered={:.1}/s in_time={:.3}% p50={:.2}ms p99={:.2}ms max={:.2}ms gpu={:.1}% pci={:.1}% batch={:.2}",
            run.named.name,
            requests.goodput,
            requests.offered,
            100.0 * requests.satisfaction,
            requests.latency_ms.p50,
            requests.latency_ms.p99,
            requests.latency_ms.max,
            100.0 * work.gpu_utilisation,
            100.0 * work.pci_utilisation,
            work.batch_size,
        )
    };
    runs.iter().map(line).collect()
}

/// One row a run.
pub(super) fn csv(runs: &[Measured]) -> String {
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let mut text = format!("run,{}\n", names.join(","));
    for run in runs {
        let summary = &run.analysis.summary;
        let values = METRICS.iter().map(|metric| (metric.of)(summary).to_string());
        let values: Vec<String> = values.collect();
        writeln!(text, "{},{}", quoted(&run.named.name), values.join(","))
            .expect("a string takes every character");
    }
    text
}

/// A run over time, one row a bucket.
pub(super) fn series(analysis: &Analysis) -> String {
    let mut text = "t,seconds,requests,successes,in_time,cold_starts,cold_models,slo_factor,latency_p50_ms,\
                    latency_p99_ms,latency_max_ms,success_latency_p50_ms,success_latency_max_ms,infers,loads,\
                    evictions,failed_actions,batch_size,gpu_utilisation,gpu_goodput,pci_utilisation\n"
        .to_owned();
    for (r, a) in analysis.series.requests.iter().zip(&analysis.series.actions) {
        let (all, successes, work) = (r.latency_ms, r.success_latency_ms, a.work);
        write!(text, "{},{},{},{}", r.at, r.seconds, r.counts.all, r.counts.successes)
            .and_then(|()| write!(text, ",{},{}", r.counts.in_time, r.counts.cold_starts))
            .and_then(|()| write!(text, ",{},{}", r.cold_models, r.slo_factor))
            .and_then(|()| write!(text, ",{},{},{}", all.p50, all.p99, all.max))
            .and_then(|()| write!(text, ",{},{}", successes.p50, successes.max))
            .and_then(|()| {
                write!(text, ",{},{},{},{}", work.infers, work.loads, work.evictions, work.failed)
            })
            .and_then(|()| write!(text, ",{},{}", work.batch_size, work.gpu_utilisation))
            .and_then(|()| writeln!(text, ",{},{}", work.gpu_goodput, work.pci_utilisation))
            .expect("a string takes every character");
    }
    text
}

/// A name as a cell of a CSV file.
pub(super) fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n']) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    name.to_owned()
}

/// A figure for people: few digits, and as many as are needed.
pub(super) fn shown(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1_000.0 || size == 0.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_csv_needs_it() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }

    #[test]
    fn figures_are_shown_with_the_digits_that_matter() {
        let shown: Vec<_> = [0.0, 0.123_45, 2.345_67, 123.456, 98_765.4].map(shown).into();
        assert_eq!(shown, ["0", "0.1235", "2.35", "123.5", "98765"]);
    }
}
