//! What a controller leaves on disk in each format of its logs.

use std::fs;

use crate::bench::Bench;
use crate::logs::Log;
use crate::session::{ask, load, talk};

/// Serves a few requests and ends.
fn serve(bench: &Bench, requests: u64) -> Vec<String> {
    let worker = bench.worker(&[]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    talk(controller.address, async |session| {
        let model = load(session, "resnet50_v2").await.model;
        for id in 0..requests {
            assert!(ask(session, id, model, 0).await.response.status.is_ok());
        }
    });
    controller.process.interrupt().out
}

#[test]
fn a_binary_log_is_read_back_as_the_columns_of_the_tsv_log() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_LOG_FORMAT", "binary");
    serve(&bench, 5);
    for stem in ["clockwork_request_log", "clockwork_action_log"] {
        let file = |extension: &str| format!("logs/{stem}.{extension}");
        let read = bench.start("clockwork", &["log", &file("bin"), "--output", &file("tsv")]).end();
        assert_eq!((read.code, read.err.as_str()), (Some(0), ""));
    }
    let (requests, actions) = (Log::requests(&bench.logs()), Log::actions(&bench.logs()));
    assert_eq!((requests.len(), requests.count("result", 0)), (5, 5));
    assert_eq!((actions.count("action_type", 1), actions.count("action_type", 2)), (1, 5));

    let whole = fs::read(bench.path("logs/clockwork_request_log.bin")).expect("it was written");
    fs::write(bench.path("cut.bin"), &whole[..whole.len() - 1]).expect("a test may write files");
    let cut = bench.start("clockwork", &["log", "cut.bin"]).end();
    assert_eq!((cut.code, cut.out.len()), (Some(1), 5), "a header and four rows");
    assert!(cut.err.contains("cut.bin: the log ends within row 4"), "{}", cut.err);
}

#[test]
fn with_logs_off_there_is_no_file_and_no_directory() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_LOG_FORMAT", "off");
    bench.set("CLOCKWORK_CONTROLLER_REPORT_INTERVAL", "0s");
    let said = serve(&bench, 3);
    assert!(!bench.logs().exists());
    assert!(said.iter().any(|line| line.contains("log.format")), "{said:?}");
}
