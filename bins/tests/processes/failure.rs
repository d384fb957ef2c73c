//! Workers that are not there, die and come back.

use std::net::TcpListener;

use clockwork_wire::Status;

use crate::bench::Bench;
use crate::documented::Summary;
use crate::session;
use crate::shape::assert_in_order;

#[test]
fn a_controller_waits_for_a_worker_that_is_not_there_yet_and_says_so() {
    let bench = Bench::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let mut controller = bench.controller("INFER5", address, &[]);
    controller.process.hear("Connecting to worker");
    let waits = ["in 100ms", "in 200ms", "in 400ms"].map(|wait| {
        let line = controller.process.hear("trying again");
        line.contains(&format!("cannot connect to {address}")) && line.ends_with(wait)
    });
    assert_eq!(waits, [true; 3], "the waits double");
    let _worker = bench.worker_at(address);
    controller.process.hear("Connection established");
    let client = bench.client(&controller, &["simple-parametric", "1", "1", "1", "5"]).end();
    assert_eq!(client.code, Some(0), "{}", client.err);
}

#[test]
fn a_client_waits_for_a_controller_that_is_not_there_yet_and_says_so() {
    let bench = Bench::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let early = [&address.to_string(), "simple-parametric", "1", "1", "1", "5"];
    let mut client = bench.start("client", &early);
    let line = client.hear("trying again in 100ms");
    assert!(line.contains(&format!("cannot connect to {address}")), "{line}");
    let worker = bench.worker(&[]);
    let (port, worker_address) = (address.port().to_string(), worker.address.to_string());
    let controller =
        ["INFER5", &worker_address, "--port", &port, "--log-dir", "logs", "--attached"];
    let _controller = bench.start("controller", &controller);
    let client = client.end();
    assert_eq!(client.code, Some(0), "{}", client.err);
    assert_in_order(&client.out, &["*trying again in*", "Connection established"]);
}

#[test]
fn a_killed_workers_requests_are_answered_and_it_serves_again_when_it_is_back() {
    kill_and_restart_a_worker(Bench::new(), &[], &["simple"]);
}

/// Kills a worker under this load, starts it again, and expects that every request was answered and
/// that it serves again.
pub(crate) fn kill_and_restart_a_worker(mut bench: Bench, options: &[&str], workload: &[&str]) {
    bench.set("CLOCKWORK_CLIENT_REPORT_INTERVAL", "200ms");
    let worker = bench.worker(&["-n", "2"]);
    let address = worker.address;
    let mut controller = bench.controller("INFER5", address, options);
    let mut client = bench.client(&controller, &[workload, &["--json", "summary.json"]].concat());
    client.hear("total=");
    worker.process.kill();
    controller.process.hear(&format!("Lost worker {address}"));
    let _again = bench.worker_at(address);
    controller.process.hear("Connection established");
    // Only the worker that is back can give outputs: the next whole interval has some.
    client.hear("total=");
    client.hear("total=");
    while client.hear("total=").contains("throughput=0.00") {}
    let client = client.interrupt();
    assert_eq!(client.code, Some(0), "{}", client.err);
    let summary = Summary::read(&bench.path("summary.json"));
    assert_eq!(summary.unanswered, 0, "{summary:?}");
    assert!(summary.errors.values().sum::<usize>() > 0, "{summary:?}");
    assert_eq!(controller.process.interrupt().code, Some(0));
}

#[test]
fn a_model_that_is_loaded_after_start_up_is_served() {
    let bench = Bench::new();
    let worker = bench.worker(&["-n", "2"]);
    let mut controller = bench.controller("INFER5", worker.address, &[]);
    session::talk(controller.address, async |client| {
        let first = session::load(client, "resnet50_v2").await;
        controller.process.hear("Admitting inference requests");
        let second = session::load(client, "resnet18_v2").await;
        assert_ne!(first.model, second.model);
        for (id, model) in [(1, second), (2, first)] {
            let answer = session::ask(client, id, model.model, model.input_size).await;
            assert_eq!(answer.response.status, Status::OK);
            assert_eq!(answer.output.len(), usize::try_from(model.output_size).unwrap());
        }
    });
}
