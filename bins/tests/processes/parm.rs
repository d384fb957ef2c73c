//! Configurations of ParM's harness: run in virtual time, with results where the harness leaves them.

use std::fs;

use crate::bench::Bench;

/// The published smoke test with four clients and some imbalance.
const CONFIG: &str = r#"{
    "experiment_id": "ParM", "frontend_type": "c5.9xlarge", "client_type": "m5.xlarge",
    "worker_type": "p2.xlarge", "model": "resnet18", "queue_modes": ["single_queue"],
    "redundancy_modes": ["none", "equal", "coded"], "num_models": 4, "ec_k_val": [2],
    "batch_sizes": [2], "send_rates": [81], "num_clients": 4, "num_queries": 100,
    "num_trials": 2, "background_traffic": [2, "clipper"], "s3_path": ""
}"#;

/// Where a trial's results are.
fn folder(background: &str, mode: &str, trial: u32) -> String {
    format!(
        "ParM/wt_p2.xlarge/bm_resnet18/bg_{background}/bs_2/rate_80/k_2/nq_608/mode_{mode}/\
         it_{trial}/0"
    )
}

#[test]
fn a_configuration_leaves_its_results_where_the_harness_does() {
    let bench = Bench::new();
    bench.write("small.json", CONFIG);
    let run = |out| {
        let arguments = ["experiment", "small.json", "--logs", "--checked", "--out", out];
        bench.start("clockwork", &arguments).end()
    };
    let first = run("a");
    assert_eq!(first.code, Some(0), "{}", first.err);
    let place = first.out.iter().position(|line| *line == folder("2", "equal", 1));
    let lines = &first.out[place.expect("each run is told by its path") + 1..][..3];
    assert_eq!(lines[..2], ["E2E_LATENCY (ms)", "NUM\tMED\tMEAN\tP99\tP99.5\tP99.9"]);
    // 608 queries are 38 groups of two batches for each of four clients; 204 batches do not count.
    assert!(lines[2].starts_with("100\t"), "{lines:?}");
    let coded = first.out.iter().position(|line| *line == folder("2", "coded", 0));
    assert_eq!(first.out[coded.expect("it is named") + 1], "needs coded redundancy");
    assert!(!bench.path("a").join(folder("2", "coded", 0)).exists(), "nothing is made up");

    assert_eq!(run("b").code, Some(0));
    for (background, mode, trial) in [("2", "none", 0), ("clipper", "equal", 1)] {
        let [a, b] = ["a", "b"].map(|out| bench.path(out).join(folder(background, mode, trial)));
        for file in ["log.txt", "meta.txt", "stats.txt"] {
            let [a, b] = [&a, &b].map(|dir| fs::read(dir.join(file)).unwrap());
            assert!(!a.is_empty() && a == b, "{file}");
        }
    }
    let table = fs::read_to_string(bench.path("a/table.md")).unwrap();
    assert!(table.contains("(needs coded redundancy)"), "{table}");
}

#[test]
fn what_a_run_left_is_shown_again_from_its_log_and_without_it() {
    let bench = Bench::new();
    bench.write("small.json", &CONFIG.replace("[2, \"clipper\"]", "[0]"));
    let run = ["experiment", "small.json", "--logs", "--out", ".", "--trials", "1"];
    assert_eq!(bench.start("clockwork", &run).end().code, Some(0));
    let dir = bench.path(&folder("0", "equal", 0));
    let numbers = fs::read_to_string(dir.join("stats.txt")).unwrap();
    let stats = |path| bench.start("clockwork", &["experiment", "stats", path]).end();
    let from_log = stats("small.json");
    assert_eq!(from_log.code, Some(0), "{}", from_log.err);
    assert!(from_log.out.join("\n").contains(numbers.trim_end()), "{:?}", from_log.out);
    fs::remove_file(dir.join("log.txt")).unwrap();
    assert_eq!(stats("small.json").out, from_log.out);
    assert_eq!(stats("ParM").out.len(), from_log.out.len());
    fs::write(dir.join("log.txt"), "E2E_LATENCY:batch_id=7\n").unwrap();
    let damaged = stats("ParM");
    assert!(damaged.code == Some(1) && damaged.err.contains("log.txt:1"), "{damaged:?}");
}

#[test]
fn a_configuration_that_cannot_be_run_is_refused_by_its_key() {
    let bench = Bench::new();
    for (from, to, words) in [
        ("{", "[", "config.json"),
        ("\"num_models\": 4", "\"num_model\": 4", "num_model"),
        ("single_queue", "rr", "queue_modes"),
        ("\"coded\"", "\"replication\"", "redundancy_modes"),
        ("clipper", "noise", "background_traffic"),
        ("[2],\n    \"batch", "[3],\n    \"batch", "ec_k_val"),
        ("resnet18", "resnet50", "resnet18 or resnet152"),
    ] {
        bench.write("config.json", &CONFIG.replacen(from, to, 1));
        let ended = bench.start("clockwork", &["experiment", "config.json"]).end();
        assert!(ended.code == Some(2) && ended.err.contains(words), "{to}: {ended:?}");
    }
    bench.write("config.json", CONFIG);
    let local = bench.start("clockwork", &["experiment", "config.json", "--local"]).end();
    assert!(local.code == Some(2) && local.err.contains("virtual time only"), "{local:?}");
}
