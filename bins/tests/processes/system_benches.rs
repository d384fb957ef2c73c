//! `clockwork bench capacity` and its kind: real processes under load, at a tiny size. What is checked
//! is the form of the reports and that no request is lost in them; never a time.

use std::fs;

use serde::Deserialize;
use serde_json::Value;

use crate::bench::Bench;

/// A report, as far as every bench of processes has the same.
#[derive(Debug, Deserialize)]
struct Report {
    bench: String,
    commit: String,
    parameters: Value,
    rows: Vec<Row>,
    #[serde(default)]
    probes: Vec<Probe>,
}

#[derive(Debug, Deserialize)]
struct Row {
    label: String,
    metrics: Value,
}

/// What became of one load.
#[derive(Debug, Deserialize)]
struct Probe {
    rate: f64,
    passed: bool,
    requests: u64,
    in_time: u64,
    failed: u64,
    unanswered: u64,
    refused_locally: u64,
    errors: std::collections::BTreeMap<String, u64>,
}

impl Probe {
    /// Every request is in exactly one place.
    fn assert_conserved(&self) {
        assert!(self.requests > 0, "{self:?}");
        assert_eq!(self.requests, self.in_time + self.failed + self.unanswered, "{self:?}");
        assert_eq!(self.failed, self.errors.values().sum::<u64>(), "{self:?}");
        assert!(self.refused_locally <= self.failed, "{self:?}");
    }
}

/// Runs a bench; gives its report and its last line.
fn run(name: &str, arguments: &[&str]) -> (Report, String) {
    let mut here = Bench::as_shipped();
    // Other things to do delay the processes of a test by more than windows of actions are wide.
    here.set("CLOCKWORK_SCHEDULER_SCHEDULE_AHEAD", "2s");
    here.set("CLOCKWORK_SCHEDULER_ACTION_GRACE", "30s");
    let json = here.path("report.json");
    let fixed = ["bench", name, "--json", json.to_str().expect("test paths are text")];
    let all: Vec<&str> = fixed.iter().chain(arguments).copied().collect();
    let ended = here.start("clockwork", &all).end();
    assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
    let last = ended.out.last().expect("a bench ends with a summary").clone();
    assert!(last.starts_with(&format!("bench={name} ")), "{last}");
    let text = fs::read_to_string(json).expect("the report was written");
    let report: Report = serde_json::from_str(&text).expect("it is one");
    assert_eq!(report.bench, name);
    assert!(!report.commit.is_empty() && report.parameters.is_object(), "{text}");
    report.probes.iter().for_each(Probe::assert_conserved);
    (report, last)
}

#[test]
fn capacity_ends_with_a_rate_that_was_carried() {
    let size = ["--gpus", "2", "--models", "2", "--slo", "10s", "--from", "900"];
    let effort = ["--seconds", "0.3", "--warmup", "0.2", "--repeats", "1", "--precision", "0.9"];
    let arguments: Vec<&str> = size.iter().chain(&effort).copied().collect();
    let (report, last) = run("capacity", &arguments);
    assert!(last.contains(" capacity_rps="), "{last}");
    let [row] = &report.rows[..] else { panic!("{report:?}") };
    assert!(row.label.is_empty() && row.metrics["capacity_rps"]["median"].is_number(), "{row:?}");
    let carried = report.probes.iter().filter(|probe| probe.passed);
    let best = carried.map(|probe| probe.rate).fold(0.0, f64::max);
    assert!(best > 0.0 && best <= 2.0 * 737.0, "{report:?}");
}
