//! `clockwork report` on experiments, and what the tools say when input or disk is bad.

use std::fs;
use std::os::unix::fs::symlink;

use crate::bench::Bench;
use crate::process::Ended;

const SMALL: &str = r#"
title = "Loops & <more>"
published = "nowhere"
differs = "everything"
columns = ["goodput", "of_bound", "lowest_factor"]

[run]
workload = "comparison_experiment2 2 8"
bound = "resnet50_v2"
jitter = 0.01
duration = "1s"
cells = "interval"
interval = "500ms"
scheduler = { kind = "{scheduler}" }

[[axis]]
name = "scheduler"
values = ["clockwork", "infer5"]

[[expect]]
measure = "goodput"
at_least = 1.0
source = "a test"

[[expect]]
measure = "of_bound"
at_least = 2.0
source = "more than there is"

[[figure]]
file = "satisfaction"
title = "In time"
y = "satisfaction"

[[figure]]
file = "over_time"
title = "Goodput over time"
y = "goodput"
"#;

fn clockwork(bench: &Bench, arguments: &[&str]) -> Ended {
    bench.start("clockwork", arguments).end()
}

/// Runs the experiment into a folder. Of its two expectations one is always missed.
fn ran(bench: &Bench, text: &str, out: &str, more: &[&str]) {
    bench.write("small.toml", text);
    let ended = clockwork(bench, &[&["experiment", "small.toml", "--out", out], more].concat());
    assert!(ended.out.contains(&format!("results are in {out}")), "{ended:?}");
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path(name)).expect("it was written")
}

/// What a reader sees of a page.
fn text_of(page: &str) -> String {
    let (mut text, mut within) = (String::new(), false);
    for letter in page.chars() {
        match letter {
            '<' => within = true,
            '>' => {
                within = false;
                text.push(' ');
            }
            _ if !within => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_experiment_without_logs_is_one_page_with_tables_figures_and_expectations() {
    let bench = Bench::new();
    ran(&bench, SMALL, "a", &[]);
    let told = clockwork(&bench, &["report", "a"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    let missed = |line: &String| line.starts_with("  MISSED of_bound at least 200.00 %");
    assert_eq!(told.out[0], "a: small, quick, 2 points, 1 of 2 expectations met");
    assert!(told.out.iter().any(missed), "{:?}", told.out);

    let page = read(&bench, "report/report.html");
    let seen = text_of(&page);
    for words in [
        "small: Loops &amp; &lt;more&gt;",
        "Published: nowhere",
        "goodput at least 1.0/s a met",
        "of_bound at least 200.00 % a MISSED",
        "scheduler folder goodput of_bound lowest_factor clockwork a",
        "Goodput over time",
        "from (s) or SLO factor goodput of_bound satisfaction",
        "scheduler infer5 a 1 0 0.5",
    ] {
        assert!(seen.contains(words), "{words} in {seen}");
    }
    assert!(page.contains("<svg") && !page.contains("src=") && !page.contains("In figures"));
    assert!(read(&bench, "report/small/over_time.svg").starts_with("<svg"));
    let csv = read(&bench, "report/experiments.csv");
    let row = "small,a,scheduler clockwork,1,1,sim,1,true,lowest_factor,";
    assert!(csv.lines().any(|line| line.starts_with(row)), "{csv}");
    assert!(!bench.path("report/report.csv").exists());
}

#[test]
fn the_runs_of_an_experiment_with_logs_are_measured_too() {
    let bench = Bench::new();
    ran(&bench, SMALL, "a", &["--logs"]);
    let told = clockwork(&bench, &["report", "a"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    let seen = text_of(&read(&bench, "report/report.html"));
    for words in ["Expectations", "In figures", "trial_1-2: scheduler infer5", "Devices"] {
        assert!(seen.contains(words), "{words} in {seen}");
    }
    // The same goodput by both ways: a closed loop keeps the device busy all the time.
    let outcome = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let results = outcome(&read(&bench, "a/results.json"));
    let report = outcome(&read(&bench, "report/report.json"));
    let requests = &report[0]["summary"]["requests"];
    let whole = &results["outcomes"][0]["whole"];
    let close = |a: &serde_json::Value, b: &serde_json::Value, within: f64| {
        let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
        assert!((a - b).abs() <= b * within, "{a} and {b}");
    };
    close(&requests["goodput"], &whole["goodput"], 0.05);
    close(&requests["success_latency_ms"]["p50"], &whole["p50"], 0.05);
    close(&report[0]["summary"]["actions"]["batch_size"], &whole["batch"], 0.05);
}

#[test]
fn several_folders_of_one_experiment_are_compared() {
    let bench = Bench::new();
    ran(&bench, SMALL, "x/a", &[]);
    ran(&bench, &SMALL.replace("2 8", "2 4"), "x/b", &["--only", "scheduler=clockwork"]);
    let same = clockwork(&bench, &["report", "x/a", "x/a", "-o", "same"]);
    assert_eq!(same.code, Some(0), "{}", same.err);
    let seen = text_of(&read(&bench, "same/report.html"));
    assert!(seen.contains("clockwork a.1") && seen.contains("clockwork a.2"), "{seen}");
    assert!(!seen.contains("Differences"), "{seen}");
    // The folder above leads to both.
    let other = clockwork(&bench, &["report", "x", "-o", "other"]);
    assert_eq!(other.code, Some(0), "{}", other.err);
    let seen = text_of(&read(&bench, "other/report.html"));
    assert!(
        seen.contains("Differences") && seen.contains("scheduler clockwork goodput a"),
        "{seen}"
    );
    assert!(
        seen.contains("a: scheduler infer5") && !seen.contains("b: scheduler infer5"),
        "{seen}"
    );
}

#[test]
fn results_that_make_no_sense_are_named_with_their_line() {
    let bench = Bench::new();
    for (bytes, words) in [
        (&b"{\n  \"experiment\": 7\n}"[..], "line 2 column 17"),
        (b"", "line 1 column 0"),
        (b"[]", "results.json: these are no results of an experiment"),
        (b"\xff\xfe", "results.json cannot be read"),
    ] {
        fs::create_dir_all(bench.path("a")).unwrap();
        fs::write(bench.path("a/results.json"), bytes).unwrap();
        let told = clockwork(&bench, &["report", "a"]);
        assert!(told.code == Some(1) && told.err.contains(words), "{words}: {told:?}");
        assert!(told.err.contains("a/results.json"), "{told:?}");
    }
}

#[test]
fn a_full_disk_is_named_by_the_file_that_it_refused() {
    let bench = Bench::new();
    ran(&bench, SMALL, "a", &["--logs"]);
    let full = "No space left on device";
    fs::create_dir_all(bench.path("r")).unwrap();
    symlink("/dev/full", bench.path("r/report.html")).unwrap();
    let report = clockwork(&bench, &["report", "a", "-o", "r"]);
    assert_eq!(report.code, Some(1));
    assert!(report.err.contains("r/report.html cannot be written"), "{}", report.err);
    let trace = clockwork(&bench, &["trace", "a/trial_1", "--out", "/dev/full"]);
    assert!(trace.code == Some(1) && trace.err.contains("/dev/full: "), "{trace:?}");
    bench.write("none.raw", "");
    let inflate = clockwork(&bench, &["inflate", "none.raw", "/dev/full", "task"]);
    assert!(inflate.code == Some(1) && inflate.err.contains("/dev/full: "), "{inflate:?}");
    for ended in [report, trace, inflate] {
        assert!(ended.err.contains(full), "{}", ended.err);
    }
}

#[test]
fn a_log_of_another_kind_is_told_by_file_line_and_column() {
    let bench = Bench::new();
    ran(&bench, SMALL, "a", &["--logs", "--only", "scheduler=infer5"]);
    let log = bench.path("a/trial_1/file=controller_1_action.tsv");
    let whole = fs::read_to_string(&log).unwrap();
    let row = whole.lines().nth(2).unwrap();
    let mut cells: Vec<&str> = row.split('\t').collect();
    cells[2] = "9";
    for (text, words) in [
        (whole.replacen("gpu_id", "gpu", 1), "action.tsv:1: the header lacks the columns gpu_id"),
        (String::new(), "action.tsv: is empty"),
        (whole.replacen(row, "1\t2", 1), "action.tsv:3: the row has 2 columns, the header 23"),
        (whole.replacen(row, &cells.join("\t"), 1), "action.tsv:3: column `action_type` is `9`"),
    ] {
        fs::write(&log, text).unwrap();
        for tool in [&["report", "a"][..], &["trace", "a/trial_1"]] {
            let told = clockwork(&bench, tool);
            assert!(told.code == Some(1) && told.err.contains(words), "{tool:?} {words}: {told:?}");
        }
    }
}
