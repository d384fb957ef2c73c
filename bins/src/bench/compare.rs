//! `bench compare A B`: two reports of one bench as ratios, regressions marked.

use std::fs;
use std::path::{Path, PathBuf};

use super::report::{Better, Metric, Report, Row, digits};
use crate::Failure;
use crate::process::say;

/// The command line of `bench compare`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The report to compare with
    before: PathBuf,
    /// The report that is compared
    after: PathBuf,
    /// Fail with exit code 1 if a metric is worse by more than this many percent, and by more
    /// than the spread of both runs
    #[arg(long, value_name = "PERCENT")]
    fail_above: Option<f64>,
}

/// Prints the comparison.
///
/// # Errors
/// If a report cannot be read, the two have nothing in common, or something is worse by more than
/// allowed.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (before, after) = (read(&arguments.before)?, read(&arguments.after)?);
    let comparison = compare(&before, &after);
    if comparison.is_empty() {
        return Err(Failure::usage("the two reports have no metric in common"));
    }
    for line in warnings(&before, &after) {
        say(&line);
    }
    let limit = arguments.fail_above.unwrap_or(f64::INFINITY);
    for line in &comparison {
        say(&line.text());
    }
    let worse = comparison.iter().filter(|line| line.is_regression()).count();
    let failed =
        comparison.iter().filter(|l| l.is_regression() && l.loss_percent() > limit).count();
    say(&format!(
        "bench=compare metrics={} regressions={worse} beyond_limit={failed}",
        comparison.len()
    ));
    if failed == 0 {
        return Ok(());
    }
    Err(Regressed { failed, limit }.into())
}

#[derive(Debug, thiserror::Error)]
#[error("{failed} metrics are worse by more than {limit} %")]
struct Regressed {
    failed: usize,
    limit: f64,
}

#[derive(Debug, thiserror::Error)]
#[error("`{}` is not a report of `clockwork bench`", path.display())]
struct Unreadable {
    path: PathBuf,
    source: serde_json::Error,
}

fn read(path: &Path) -> Result<Report, Failure> {
    let text = fs::read_to_string(path)?;
    let unreadable = |source| Unreadable { path: path.into(), source };
    Ok(serde_json::from_str(&text).map_err(unreadable)?)
}

/// What makes ratios mean less than they seem to.
fn warnings(before: &Report, after: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if before.machine != after.machine {
        lines.push(format!(
            "note: different machines: {:?} and {:?}",
            before.machine, after.machine
        ));
    }
    if before.parameters != after.parameters {
        lines.push(format!(
            "note: different parameters: {:?} and {:?}",
            before.parameters, after.parameters
        ));
    }
    lines
}

/// One metric of both reports.
struct Line<'a> {
    label: &'a str,
    name: &'a str,
    before: &'a Metric,
    after: &'a Metric,
}

fn compare<'a>(before: &'a Report, after: &'a Report) -> Vec<Line<'a>> {
    let partner = |row: &Row| after.rows.iter().find(|other| other.label == row.label);
    let rows = before.rows.iter().filter_map(|row| Some((row, partner(row)?)));
    let lines = rows.flat_map(|(row, other)| {
        row.metrics.iter().filter_map(move |(name, metric)| {
            let after = other.metrics.get(name)?;
            Some(Line { label: &row.label, name, before: metric, after })
        })
    });
    lines.collect()
}

impl Line<'_> {
    fn ratio(&self) -> f64 {
        self.after.median / self.before.median
    }

    /// By how many percent it became worse; negative if it became better.
    fn loss_percent(&self) -> f64 {
        match self.before.better {
            Better::Higher => 100.0 * (1.0 - self.ratio()),
            Better::Lower => 100.0 * (self.ratio() - 1.0),
            Better::Neither => 0.0,
        }
    }

    /// Worse, and not within the spread of the repeats.
    fn is_regression(&self) -> bool {
        let apart = match self.before.better {
            Better::Higher => self.after.max < self.before.min,
            Better::Lower => self.after.min > self.before.max,
            Better::Neither => false,
        };
        apart && self.loss_percent() > 0.0
    }

    fn text(&self) -> String {
        let mark = if self.is_regression() { "  WORSE" } else { "" };
        let Self { label, name, before, after } = self;
        format!(
            "{label:24} {name:32} {:>14} -> {:>14} {:8}  x {:.3}{mark}",
            digits(before.median),
            digits(after.median),
            before.unit,
            self.ratio()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(better: Better, values: &[f64]) -> Report {
        let mut report = Report::new("example", values.len());
        let mut row = Row::new("");
        row.add("metric", "x", better, values);
        report.push(row);
        report
    }

    fn regressed(better: Better, before: &[f64], after: &[f64]) -> bool {
        compare(&report(better, before), &report(better, after))[0].is_regression()
    }

    #[test]
    fn worse_means_beyond_the_spread_in_the_wrong_direction() {
        assert!(regressed(Better::Higher, &[10.0, 11.0], &[8.0, 9.0]));
        assert!(!regressed(Better::Higher, &[10.0, 11.0], &[8.0, 10.0]));
        assert!(!regressed(Better::Lower, &[10.0, 11.0], &[8.0, 9.0]));
        assert!(regressed(Better::Lower, &[10.0], &[10.1]));
        assert!(!regressed(Better::Neither, &[10.0], &[99.0]));
    }

    #[test]
    fn the_loss_is_a_percentage_of_what_was_before() {
        let (before, after) = (report(Better::Lower, &[100.0]), report(Better::Lower, &[120.0]));
        let loss = compare(&before, &after)[0].loss_percent();
        assert!((loss - 20.0).abs() < 1e-9, "{loss}");
    }
}
