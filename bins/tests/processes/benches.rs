//! `clockwork bench`: every bench runs, small, and what it writes can be compared.

use crate::bench::Bench;
use crate::process::Ended;

/// Runs a bench and gives the last line, which must be its summary.
fn bench(bench: &Bench, arguments: &[&str]) -> String {
    let all: Vec<&str> = ["bench"].iter().chain(arguments).copied().collect();
    let Ended { code, out, err } = bench.start("clockwork", &all).end();
    assert_eq!(code, Some(0), "{arguments:?}: {err}");
    let last = out.last().expect("a bench ends with a summary").clone();
    let name = format!("bench={}", arguments[0]);
    assert!(last.starts_with(&name), "{last}");
    last
}

fn text(path: &std::path::Path) -> String {
    path.to_str().expect("test paths are text").to_owned()
}

#[test]
fn the_scheduler_is_measured_drawn_and_compared_with_itself() {
    let here = Bench::as_shipped();
    let (json, svg) = (text(&here.path("a.json")), text(&here.path("a.svg")));
    let small = ["--models", "20", "--devices", "4", "--seconds", "0.02", "--repeats", "2"];
    let files = ["--json", &json, "--svg", &svg];
    let words: Vec<&str> = ["scheduler"].iter().chain(&small).chain(&files).copied().collect();
    let last = bench(&here, &words);
    assert!(last.contains(" 20x4-uniform.decisions_per_s="), "{last}");
    assert!(last.contains(" 20x4-zipf.decision_p99_us="), "{last}");
    let drawn = std::fs::read_to_string(&svg).expect("the figure was drawn");
    assert!(drawn.contains("uniform") && drawn.contains("zipf"), "{drawn}");

    let last = bench(&here, &["compare", &json, &json, "--fail-above", "0"]);
    assert!(last.ends_with(" regressions=0 beyond_limit=0"), "{last}");
}

#[test]
fn a_fixed_number_of_requests_is_carried_the_same_way_every_time() {
    let here = Bench::as_shipped();
    let words = ["scheduler", "--models", "20", "--devices", "4", "--requests", "2000"];
    let words: Vec<&str> = words.iter().chain(&["--popularity", "zipf"]).copied().collect();
    let first = bench(&here, &words);
    assert!(first.contains(" cell=20x4-zipf "), "{first}");
    assert_eq!(bench(&here, &words), first);
}

#[test]
fn what_is_no_report_is_named() {
    let here = Bench::as_shipped();
    let path = text(&here.write("no.json", "{}"));
    let ended = here.start("clockwork", &["bench", "compare", &path, &path]).end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("no.json"), "{}", ended.err);
}

#[test]
fn frames_of_every_kind_are_measured() {
    let here = Bench::as_shipped();
    let words = ["wire", "--seconds", "0.05", "--repeats", "1"];
    let words = words.iter().chain(&["--messages", "2", "--payloads", "0,602112"]);
    let last = bench(&here, &words.copied().collect::<Vec<_>>());
    assert!(last.contains(" 2x0B.request_encode_ns=") && last.contains(" 2x602112B."), "{last}");
}
