//! What a bench found out, as data: comparable over machines and commits.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::machine::{self, Machine};
use super::probe::Probe;

/// The result of one run of a bench.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// Which bench.
    pub(super) bench: String,
    /// What was asked of it, by name.
    pub(super) parameters: BTreeMap<String, String>,
    /// Where it ran.
    pub(super) machine: Machine,
    /// Which sources it was built from (`git describe`), or "unknown".
    pub(super) commit: String,
    /// When it began, in UTC.
    pub(super) date: String,
    /// Measurements per figure.
    pub(super) repeats: usize,
    /// What was measured, in the order in which it was.
    pub(super) rows: Vec<Row>,
    /// Every load that was put on a system for it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) probes: Vec<Probe>,
}

/// The metrics of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// Which configuration, unique in the report; empty if there is only one.
    pub(super) label: String,
    /// Its metrics by name.
    pub(super) metrics: BTreeMap<String, Metric>,
}

/// One figure with its spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Metric {
    /// In what it is measured.
    pub(super) unit: String,
    /// Which direction is an improvement.
    pub(super) better: Better,
    /// The median of the repeats.
    pub(super) median: f64,
    /// The smallest.
    pub(super) min: f64,
    /// The largest.
    pub(super) max: f64,
}

/// Which direction of a metric is an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// It describes the run; no direction is better.
    Neither,
}

impl Report {
    /// An empty report of a bench that begins now.
    pub(super) fn new(bench: &str, repeats: usize) -> Self {
        Self {
            bench: bench.into(),
            parameters: BTreeMap::new(),
            machine: Machine::here(),
            commit: machine::commit(),
            date: machine::date(),
            repeats,
            rows: Vec::new(),
            probes: Vec::new(),
        }
    }

    /// Notes a parameter.
    pub(super) fn parameter(&mut self, name: &str, value: &dyn fmt::Display) {
        self.parameters.insert(name.into(), value.to_string());
    }

    /// Adds a configuration's metrics.
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The table for people: one block per row, one line per metric.
    pub(super) fn table(&self) -> String {
        let Machine { cpu, cores, kernel, affinity } = &self.machine;
        let mut text = format!(
            "bench {} of {} on {cores} x {cpu} (CPUs {affinity}), Linux {kernel}, {}\n",
            self.bench, self.commit, self.date
        );
        for (name, value) in &self.parameters {
            writeln!(text, "  {name} = {value}").expect("text takes all");
        }
        for row in &self.rows {
            text += &row.table();
        }
        text
    }

    /// One line for scripts: `metric=value`, or `label.metric=value` where there are labels.
    pub(super) fn summary(&self, headline: &[&str]) -> String {
        let mut line = format!("bench={}", self.bench);
        for row in &self.rows {
            let dot = if row.label.is_empty() { "" } else { "." };
            for name in headline {
                if let Some(metric) = row.metrics.get(*name) {
                    let value = digits(metric.median);
                    write!(line, " {}{dot}{name}={value}", row.label).expect("text takes all");
                }
            }
        }
        line
    }
}

impl Row {
    /// An empty row.
    pub(super) fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), metrics: BTreeMap::new() }
    }

    /// Adds a metric from its repeats; none if nothing was measured.
    pub(super) fn add(&mut self, name: &str, unit: &str, better: Better, values: &[f64]) {
        if let Some(metric) = Metric::of(unit, better, values) {
            self.metrics.insert(name.into(), metric);
        }
    }

    /// The median of a metric, if it was measured.
    pub(super) fn median(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).map(|metric| metric.median)
    }

    fn table(&self) -> String {
        let head = if self.label.is_empty() { String::new() } else { format!("{}\n", self.label) };
        self.metrics
            .iter()
            .fold(head, |text, (name, metric)| text + &format!("  {name:32} {}\n", metric.text()))
    }
}

impl Metric {
    /// The metric of these repeats; `None` of none. Values that are not finite are left out: JSON
    /// has no word for them.
    fn of(unit: &str, better: Better, values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self { unit: unit.into(), better, median, min, max })
    }

    fn text(&self) -> String {
        let Self { unit, median, min, max, .. } = self;
        let spread = if min < max {
            format!("  ({} to {})", digits(*min), digits(*max))
        } else {
            String::new()
        };
        format!("{:>14} {unit}{spread}", digits(*median))
    }
}

/// A number with as many digits as carry meaning.
pub(super) fn digits(value: f64) -> String {
    let magnitude = value.abs();
    match magnitude {
        _ if magnitude >= 1_000.0 => format!("{value:.0}"),
        _ if magnitude >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let metric = Metric::of("s", Better::Lower, &[4.0, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!((metric.min, metric.median, metric.max), (1.0, 3.0, 9.0));
        assert_eq!(Metric::of("s", Better::Lower, &[]), None);
        assert_eq!(Metric::of("s", Better::Lower, &[f64::NAN]), None);
    }

    #[test]
    fn a_report_survives_json_and_ends_with_one_line() {
        let mut report = Report::new("example", 2);
        report.parameter("models", &10);
        let mut row = Row::new("10x10");
        row.add("rate", "1/s", Better::Higher, &[2_000.0, 1_000.0]);
        report.push(row);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        assert_eq!(report.summary(&["rate", "absent"]), "bench=example 10x10.rate=1500");
    }
}
