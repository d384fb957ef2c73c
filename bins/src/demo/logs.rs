//! What the controller's two logs say of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clockwork_wire::Status;

use crate::Failure;

/// What the report needs from the logs.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// Requests that found their model in no device's memory, and were served.
    pub(super) cold_starts: u64,
    /// Requests without an output, by status.
    pub(super) refused: BTreeMap<String, u64>,
    /// |measured − predicted| of each successful INFER, in microseconds, rising.
    pub(super) prediction_errors: Vec<f64>,
}

impl Logs {
    /// The prediction error that `fraction` of the INFERs stay within, in microseconds.
    pub(super) fn prediction_error(&self, fraction: f64) -> f64 {
        let last = self.prediction_errors.len().saturating_sub(1);
        let at = (0..=last).find(|&at| ratio(at, last) >= fraction).unwrap_or(last);
        self.prediction_errors.get(at).copied().unwrap_or_default()
    }
}

/// Reads both logs.
pub(super) fn read(dir: &Path) -> Result<Logs, Failure> {
    let mut logs = Logs::default();
    for row in rows(&dir.join("clockwork_request_log.tsv"))? {
        if row.number("result") == 0.0 {
            logs.cold_starts += u64::from(row.number("is_coldstart") > 0.0);
        } else {
            let status = row.text("result").parse().map_or(Status::RUNTIME_ERROR, Status::new);
            *logs.refused.entry(status.text().to_owned()).or_default() += 1;
        }
    }
    for row in rows(&dir.join("clockwork_action_log.tsv"))? {
        if row.text("action_type") == "2" && row.text("status") == "0" {
            let expected = row.number("expected_exec_duration");
            let error = (row.number("worker_exec_duration") - expected).abs() / 1e3;
            logs.prediction_errors.push(error);
        }
    }
    logs.prediction_errors.sort_unstable_by(f64::total_cmp);
    Ok(logs)
}

/// A row of a log, by the names of its columns.
struct Row(BTreeMap<String, String>);

impl Row {
    fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    fn number(&self, column: &str) -> f64 {
        self.text(column).parse().unwrap_or_default()
    }
}

fn rows(path: &Path) -> Result<Vec<Row>, Failure> {
    let text = fs::read_to_string(path)?;
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let row = |line: &str| {
        let cells = line.split('\t').map(str::to_owned);
        Row(columns.iter().map(|&column| column.to_owned()).zip(cells).collect())
    };
    Ok(lines.map(row).collect())
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |n: usize| u32::try_from(n).map_or(f64::INFINITY, f64::from);
    if whole == 0 { 1.0 } else { float(part) / float(whole) }
}
