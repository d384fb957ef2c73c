//! The multi-tool's clusters: every role a process of its own.

use std::fs;

use clockwork_wire::Status;
use serde_json::Value;

use crate::bench::Bench;
use crate::logs::Log;
use crate::session;

#[test]
fn the_demo_serves_the_digits_as_exactly_as_the_model_can() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_LOG_DIR", bench.logs());
    let demo = ["demo", "--seconds", "2", "--gpus", "2", "--json", "demo.json"];
    let demo = bench.start("clockwork", &demo).end();
    assert_eq!(demo.code, Some(0), "{}", demo.err);
    let text = fs::read_to_string(bench.path("demo.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    for key in [
        "accuracy",
        "offered_rps",
        "goodput_rps",
        "in_slo",
        "p50_ms",
        "p99_ms",
        "p999_ms",
        "max_ms",
        "cold_starts",
        "refused",
        "prediction_error_us",
        "cpu_s",
    ] {
        assert!(report.get(key).is_some(), "{key} is not in {report}");
    }
    let number = |key: &str| report[key].as_f64().unwrap();
    assert!(number("accuracy") >= 0.97 && number("goodput_rps") > 0.0, "{report}");
    let last = demo.out.last().expect("it ends with where the logs are");
    let logs = last.strip_prefix("Logs are in ").expect("it ends with where the logs are");
    assert!(Log::requests(logs.as_ref()).len() > 100);
}

#[test]
fn a_cluster_serves_the_real_model_and_emulated_ones_until_it_is_interrupted() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_LOG_DIR", bench.logs());
    let mut up = bench.start("clockwork", &["up", "--gpus", "1", "--port", "0"]);
    let serving = up.hear("Serving on ");
    let address = serving.strip_prefix("Serving on ").unwrap().split(": ").next().unwrap();
    session::talk(address.parse().unwrap(), async |client| {
        for (id, name) in [(1, "digits"), (2, "resnet50_v2")] {
            let model = session::load(client, name).await;
            let answer = session::ask(client, id, model.model, model.input_size).await;
            assert_eq!(answer.response.status, Status::OK, "{name}");
            assert_eq!(answer.output.len(), usize::try_from(model.output_size).unwrap());
        }
    });
    assert_eq!(up.interrupt().code, Some(0));
    assert_eq!(Log::requests(&bench.logs()).count("result", 0), 2);
}
