//! `clockwork experiment`: in virtual time the same bytes, a readable rest, and errors that name what is
//! wrong; for real the same file, here and on hosts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::bench::Bench;

const SMALL: &str = r#"
title = "Two loops"
published = "nowhere"
differs = "everything"
columns = ["goodput", "of_bound"]

[run]
workload = "comparison_experiment2 2 8"
bound = "resnet50_v2"
jitter = 0.01
duration = "2s"
cells = "interval"
interval = "500ms"
scheduler = { kind = "{scheduler}" }

[full]
duration = "10h"

[[axis]]
name = "scheduler"
values = ["clockwork", "infer5"]

[[expect]]
measure = "of_bound"
at_least = LEAST
source = "a test"

[[figure]]
file = "goodput"
title = "Goodput"
y = "goodput"
"#;

#[test]
fn the_same_command_gives_the_same_bytes_and_expectations_decide_its_end() {
    let bench = Bench::new();
    bench.write("small.toml", &SMALL.replace("LEAST", "0.5"));
    let arguments = |out| ["experiment", "small.toml", "--trials", "2", "--checked", "--out", out];
    let [first, second] = ["a", "b"].map(|out| bench.start("clockwork", &arguments(out)).end());
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{}", first.err);
    for file in ["results.json", "table.md", "goodput.svg"] {
        let [a, b] = ["a", "b"].map(|out| fs::read(bench.path(out).join(file)).unwrap());
        assert!(!a.is_empty() && a == b, "{file}");
    }
    let results = fs::read_to_string(bench.path("a/results.json")).unwrap();
    assert!(results.contains("\"violations\": []") && results.contains("\"trial\": 2"));
    assert!(fs::read_to_string(bench.path("a/run.log")).unwrap().ends_with("\nExiting\n"));

    bench.write("small.toml", &SMALL.replace("LEAST", "1.5"));
    let missed = bench.start("clockwork", &arguments("a")).end();
    assert_eq!(missed.code, Some(1));
    assert!(missed.out.iter().any(|line| line.starts_with("MISSED of_bound")), "{:?}", missed.out);
}

#[test]
fn logs_of_virtual_time_are_those_of_a_controller() {
    let bench = Bench::new();
    bench.write("small.toml", &SMALL.replace("LEAST", "0.5"));
    let only = ["--only", "scheduler=infer5"];
    let run = [&["experiment", "small.toml", "--logs", "--out", "a"][..], &only].concat();
    assert_eq!(bench.start("clockwork", &run).end().code, Some(0));
    let results = fs::read_to_string(bench.path("a/results.json")).unwrap();
    let requests = bench.path("a/trial_1/file=controller_1_request.tsv");
    let requests = fs::read_to_string(requests).unwrap();
    let answered = requests.lines().skip(1).filter(|line| line.contains("\t0\t")).count();
    assert!(answered > 500 && results.contains("\"complete\": true"), "{answered}");
    let report = bench.start("clockwork", &["report", "a/trial_1", "-o", "r"]).end();
    assert_eq!(report.code, Some(0), "{}", report.err);
    let page = fs::read_to_string(bench.path("r/report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("goodput"));
}

#[test]
fn what_was_measured_until_an_interrupt_is_kept_and_readable() {
    let bench = Bench::new();
    bench.write("small.toml", &SMALL.replace("LEAST", "0.5"));
    let mut run = bench.start("clockwork", &["experiment", "small.toml", "--full", "--out", "o"]);
    run.hear("Two loops");
    let ended = run.interrupt();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let log = fs::read_to_string(bench.path("o/run.log")).unwrap();
    assert!(log.contains("broken off by a signal") && log.ends_with("Exiting\n"), "{log}");
    let results = fs::read_to_string(bench.path("o/results.json")).unwrap();
    assert!(results.contains("\"extent\": \"full\""), "{results}");
}

#[test]
fn an_experiment_that_cannot_be_is_refused_with_the_reason() {
    let bench = Bench::new();
    let small = SMALL.replace("LEAST", "0.5");
    bench.write("small.toml", &small);
    bench.write("key.toml", &small.replace("jitter", "shake"));
    bench.write("work.toml", &small.replace("experiment2 2 8", "experiment2 0 8"));
    bench.write("file", "not a folder");
    for (arguments, code, words) in [
        (&["fig4"][..], 2, "fig5"),
        (&["nowhere.toml"], 2, "nowhere.toml cannot be read"),
        (&["key.toml"], 2, "shake"),
        (&["work.toml"], 1, "num_models"),
        (&["small.toml", "--out", "file/in"], 1, "cannot write file/in"),
        (&["small.toml", "--only", "scheduler=fifo"], 2, "scheduler=fifo"),
    ] {
        let ended = bench.start("clockwork", &[&["experiment"], arguments].concat()).end();
        assert!(ended.code == Some(code) && ended.err.contains(words), "{arguments:?}: {ended:?}");
    }
}

/// An open loop of two seconds on two emulated devices.
const REAL: &str = r#"
title = "Two devices"
published = "nowhere"
differs = "everything"
columns = ["goodput"]

[run]
workers = 2
workload = "poisson-open-loop 2 50"
duration = "2s"
scheduler = { schedule_ahead = "2s", default_slo = "20s" }

[[expect]]
measure = "satisfaction"
at_least = 0.9
source = "a test"
"#;

#[test]
fn real_processes_here_run_the_same_file_and_their_logs_are_kept() {
    let bench = Bench::new();
    bench.write("real.toml", REAL);
    let ended =
        bench.start("clockwork", &["experiment", "real.toml", "--local", "--out", "o"]).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let results = fs::read_to_string(bench.path("o/results.json")).unwrap();
    assert!(results.contains("\"mode\": \"local\"") && results.contains("\"complete\": true"));
    for kind in ["request", "action"] {
        let log = bench.path("o/trial_1").join(format!("file=controller_1_{kind}.tsv"));
        assert!(fs::read_to_string(log).unwrap().lines().count() > 10, "{kind}");
    }
}

#[test]
fn hosts_are_checked_first_and_their_logs_are_copied_back() {
    let mut bench = Bench::new();
    bench.write("real.toml", REAL);
    let build = Path::new(env!("CARGO_BIN_EXE_clockwork")).parent().unwrap().to_str().unwrap();
    let hosts = |build: &str| {
        format!(
            "client = '127.0.0.1'\ncontroller = '127.0.0.1'\nworkers = ['127.0.0.1', '127.0.0.1']\n\
             username = 'me'\nbuild = '{build}'\nlogdir = '{}'\nemulated = true\nworker_port = 0\n\
             controller_port = 0\n",
            bench.path("far").display()
        )
    };
    let (good, bad) = (hosts(build), hosts("/no/such/folder"));
    bench.write("hosts.toml", &good);
    bench.write("bad.toml", &bad);
    // Takes the last word as the command, whatever host it is for.
    let ssh =
        bench.write("ssh", "#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c \"$1\"\n");
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bench.path("").display(), env::var("PATH").unwrap());
    bench.set("PATH", path);

    let run = |hosts, out| {
        let arguments = ["experiment", "real.toml", "--hosts", hosts, "--out", out];
        bench.start("clockwork", &arguments).end()
    };
    let refused = run("bad.toml", "b");
    assert!(refused.code == Some(1) && refused.err.contains("/no/such/folder"), "{refused:?}");
    let ended = run("hosts.toml", "o");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let fetched = bench.start("clockwork", &["experiment", "fetch", "o"]).end();
    assert!(fetched.out.iter().any(|line| line == "Exiting"), "{fetched:?}");
    let log = fs::read_to_string(bench.path("o/trial_1/file=controller_1_request.tsv")).unwrap();
    assert!(log.lines().count() > 10);
    assert!(bench.path("far/clockwork_request_log.tsv").exists(), "it stays where it was, too");
}

#[test]
fn a_detached_run_goes_on_by_itself() {
    let bench = Bench::new();
    bench.write("small.toml", &SMALL.replace("LEAST", "0.5"));
    let begun =
        bench.start("clockwork", &["experiment", "small.toml", "--detach", "--out", "o"]).end();
    assert!(begun.code == Some(0) && begun.out[0].contains("fetch o"), "{begun:?}");
    let begun = Instant::now();
    let log = || fs::read_to_string(bench.path("o/run.log")).unwrap_or_default();
    while !log().ends_with("Exiting\n") {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", log());
        thread::yield_now();
    }
    let fetched = bench.start("clockwork", &["experiment", "fetch", "o"]).end();
    assert!(fetched.out.iter().any(|line| line.starts_with("| clockwork |")), "{fetched:?}");
}
