//! `clockwork experiment` in virtual time: the same bytes, a readable rest, and errors that name what is
//! wrong.

use std::fs;

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
