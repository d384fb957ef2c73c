//! What the tools make of the logs of a real run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bench::Bench;
use crate::logs::Log;
use crate::process::Ended;

/// Two models on two devices, twenty requests each, and the logs of it.
fn served() -> Bench {
    let bench = Bench::new();
    let worker = bench.worker(&["-n", "2"]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    let client = bench.client(&controller, &["simple-parametric", "2", "2", "1", "20"]).end();
    assert_eq!(client.code, Some(0), "{}", client.err);
    controller.process.interrupt();
    bench
}

fn clockwork(bench: &Bench, arguments: &[&str]) -> Ended {
    bench.start("clockwork", arguments).end()
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("it was written");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Copies the logs into a folder, under other names.
fn copied(bench: &Bench, folder: &str, names: [&str; 2]) {
    fs::create_dir_all(bench.path(folder)).expect("a test may make folders");
    for (log, name) in ["clockwork_request_log.tsv", "clockwork_action_log.tsv"].iter().zip(names) {
        let to = bench.path(&format!("{folder}/{name}"));
        fs::copy(bench.logs().join(log), to).expect("a test may copy files");
    }
}

#[test]
fn a_run_is_reported_as_its_logs_have_it() {
    let bench = served();
    let (requests, actions) = (Log::requests(&bench.logs()), Log::actions(&bench.logs()));
    let told = clockwork(&bench, &["report", "logs", "--out", "report", "--gpus", "2"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    assert!(told.out.iter().any(|line| line.starts_with("logs: goodput=")), "{:?}", told.out);

    let report = json(&bench.path("report/report.json"));
    let summary = &report[0]["summary"];
    let count = |value: &Value| usize::try_from(value.as_u64().expect("a count")).expect("it fits");
    assert_eq!(count(&summary["requests"]["counts"]["all"]), requests.len());
    assert_eq!(count(&summary["requests"]["counts"]["in_time"]), requests.count("deadline_met", 1));
    // Actions that ended before the first answer lie before the window.
    let outside = count(&summary["window"]["rows_outside"]);
    let inside = ["infers", "loads", "evictions"].map(|kind| count(&summary["actions"][kind]));
    assert_eq!(inside.iter().sum::<usize>() + outside, actions.len());

    let page = fs::read_to_string(bench.path("report/report.html")).expect("it was written");
    assert!(page.matches("<svg").count() >= 10 && page.ends_with("</html>\n"));
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("xmlns=").count()
    );
    for file in ["report.csv", "logs/series.csv", "logs/9a_throughput.svg", "logs/timeline.svg"] {
        assert!(bench.path(&format!("report/{file}")).exists(), "{file}");
    }
}

#[test]
fn latencies_are_printed_as_parm_does() {
    let bench = served();
    let told = clockwork(&bench, &["experiment", "stats", "logs"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    assert_eq!(told.out[1..3], ["E2E_LATENCY (ms)", "NUM\tMED\tMEAN\tP99\tP99.5\tP99.9"]);
    assert!(told.out[3].starts_with("40\t"), "{:?}", told.out);
}

#[test]
fn a_run_is_traced_device_by_device() {
    let bench = served();
    let actions = Log::actions(&bench.logs());
    let told = clockwork(&bench, &["trace", "logs", "--length", "10min", "--picture", "100ms"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    let trace = json(&bench.path("logs/trace.json"));
    let events = trace["traceEvents"].as_array().expect("a list").clone();
    let of = |what: &str| events.iter().filter(|event| event["cat"] == what).count();
    assert_eq!(of("INFER planned"), actions.count("action_type", 2));
    assert_eq!(of("LOAD planned"), actions.count("action_type", 1));
    assert!(of("INFER") > 0);
    let devices = events.iter().filter(|event| event["name"] == "process_name").count();
    assert!((1..=2).contains(&devices), "{devices}");
    assert!(fs::read_to_string(bench.path("logs/trace.svg")).expect("a picture").contains("<svg"));
}

#[test]
fn several_trials_become_figure_11() {
    let bench = served();
    let names = ["file=controller_4_request.tsv", "file=controller_4_action.tsv"];
    for trial in ["one", "two", "three"] {
        copied(&bench, trial, names);
    }
    let told = clockwork(&bench, &["report", "one", "two", "three", "--bucket", "1s"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    for name in ["11a_goodput_median_40_workers", "11b_goodput_median_aggregate"] {
        for kind in ["csv", "svg"] {
            assert!(bench.path(&format!("report/{name}.{kind}")).exists(), "{name}.{kind}");
        }
    }
    let csv = fs::read_to_string(bench.path("report/11b_goodput_median_aggregate.csv")).unwrap();
    assert!(csv.lines().nth(1).is_some_and(|row| row.starts_with("40,3,")), "{csv}");
}

#[test]
fn a_damaged_log_is_reported_as_far_as_it_goes() {
    let bench = served();
    let path = bench.logs().join("clockwork_request_log.tsv");
    let whole = fs::read_to_string(&path).unwrap();
    let rows = |bench: &Bench| {
        json(&bench.path("report/report.json"))[0]["summary"]["requests"]["counts"]["all"].as_u64()
    };
    fs::write(&path, &whole[..whole.len() - 2]).unwrap();
    let cut = clockwork(&bench, &["report", "logs"]);
    assert_eq!((cut.code, rows(&bench)), (Some(0), Some(39)), "{}", cut.err);
    assert!(
        cut.out.iter().any(|line| line.contains(":41: the last line is cut off")),
        "{:?}",
        cut.out
    );

    let broken = whole.replacen('\n', "\nx", 5).replacen("\nx", "\n", 4);
    fs::write(&path, broken).unwrap();
    let broken = clockwork(&bench, &["report", "logs"]);
    assert_eq!((broken.code, rows(&bench)), (Some(1), Some(4)));
    assert!(broken.err.contains("clockwork_request_log.tsv:6: column `t` is `x"), "{}", broken.err);
}

#[test]
fn what_cannot_be_analysed_is_said_in_a_line() {
    let bench = Bench::new();
    bench.write("file", "");
    fs::create_dir(bench.path("empty")).unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["report", "empty"], "empty has no logs"),
        (&["report", "nowhere"], "nowhere cannot be read"),
        (&["report", "empty", "--bucket", "never"], "never"),
        (&["trace", "empty"], "empty has no logs"),
        (&["inflate", "nowhere", "out.tsv", "task"], "nowhere"),
        (&["inflate", "file", "out.tsv", "tasks"], "request, task or action"),
    ];
    for (arguments, words) in cases {
        let ended = clockwork(&bench, arguments);
        assert!(ended.code != Some(0) && ended.err.contains(words), "{arguments:?}: {}", ended.err);
    }
    let empty = clockwork(&bench, &["inflate", "file", "out.tsv", "task"]);
    assert_eq!(empty.code, Some(0), "{}", empty.err);
    assert!(
        fs::read_to_string(bench.path("out.tsv")).unwrap().starts_with("action_id\taction_type\t")
    );
    assert!(empty.out.contains(&"Processed 0 records".to_owned()), "{:?}", empty.out);
    let usage = bench.start("inflate", &["in", "out"]).end();
    assert_eq!((usage.code, usage.out.len()), (Some(0), 2), "{:?}", usage.out);
}

#[test]
fn a_report_that_cannot_be_written_says_where() {
    let bench = served();
    bench.write("file", "");
    let told = clockwork(&bench, &["report", "logs", "--out", "file/report"]);
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("file/report cannot be written"), "{}", told.err);
}
