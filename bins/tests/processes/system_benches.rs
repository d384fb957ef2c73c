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
    let arguments: Vec<&str> =
        size.iter().chain(&["--precision", "0.9"]).chain(&BRIEF).copied().collect();
    let (report, last) = run("capacity", &arguments);
    assert!(last.contains(" capacity_rps="), "{last}");
    let [row] = &report.rows[..] else { panic!("{report:?}") };
    assert!(row.label.is_empty() && row.metrics["capacity_rps"]["median"].is_number(), "{row:?}");
    let carried = report.probes.iter().filter(|probe| probe.passed);
    let best = carried.map(|probe| probe.rate).fold(0.0, f64::max);
    assert!(best > 0.0 && best <= 2.0 * 737.0, "{report:?}");
}

#[test]
fn scale_has_a_row_for_each_number_of_cores_and_the_first_is_the_measure() {
    let size = ["--gpus", "2", "--models", "2", "--slo", "10s", "--workers", "1"];
    let search = ["--from", "900", "--precision", "0.9", "--cores", "1,1+1"];
    let arguments: Vec<&str> = size.iter().chain(&search).chain(&BRIEF).copied().collect();
    let (report, last) = run("scale", &arguments);
    assert!(last.contains(" c1.efficiency=1.0") && last.contains(" c1+1.capacity_rps="), "{last}");
    assert_eq!(report.rows.iter().map(|row| &row.label[..]).collect::<Vec<_>>(), ["c1", "c1+1"]);
}

#[test]
fn overload_logs_and_records_every_request() {
    let size = ["--gpus", "2", "--models", "2", "--capacity", "200", "--factors", "0.5,3"];
    let arguments: Vec<&str> = size.iter().chain(&BRIEF).copied().collect();
    let (report, last) = run("overload", &arguments);
    for key in [" capacity_rps=200", " peak_rps=", " goodput_at_3x_rps=", " retained_at_3x="] {
        assert!(last.contains(key), "{last}");
    }
    assert_eq!(report.probes.len(), 2);
    for row in report.rows.iter().filter(|row| row.label.ends_with('x')) {
        // The warm-up is in both, so they are more than the requests that count.
        let count = |name: &str| row.metrics[name]["median"].as_f64().expect("a number");
        assert!(count("recorded") > 0.0, "{row:?}");
        assert!((count("logged") - count("recorded")).abs() < 0.5, "{row:?}");
    }
}

#[test]
fn rtt_finds_the_action_of_every_answer() {
    let size = ["--gpus", "4", "--models", "4", "--rate", "200", "--slo", "10s"];
    let arguments: Vec<&str> = size.iter().chain(&BRIEF).copied().collect();
    let (report, last) = run("rtt", &arguments);
    for key in [" added_p50_us=", " added_p99_us=", " hops_p50_us=", " ratio="] {
        assert!(last.contains(key), "{last}");
    }
    let joined = report.rows[0].metrics["joined_percent"]["median"].as_f64();
    assert!(joined.is_some_and(|percent| percent > 90.0), "{report:?}");
}

#[test]
fn inputs_pass_through_the_system_and_through_the_relay() {
    let size = ["--gpus", "2", "--models", "2", "--window", "4", "--slo", "10s"];
    let arguments: Vec<&str> = size.iter().chain(&BRIEF).copied().collect();
    let (report, last) = run("inputs", &arguments);
    assert!(last.contains(" system_rps=") && last.contains(" ratio="), "{last}");
    let relay = report.rows[0].metrics["relay_rps"]["median"].as_f64();
    assert!(relay.is_some_and(|rate| rate > 0.0), "{report:?}");
    assert!(report.probes[0].in_time > 0, "{report:?}");
}

/// As little time as shows the form.
const BRIEF: [&str; 6] = ["--seconds", "0.3", "--warmup", "0.2", "--repeats", "1"];
