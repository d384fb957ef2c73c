//! Controllers of many cores: whichever core a request, its model and its worker are on, it is
//! answered, once.

use clockwork_wire::Status;

use crate::bench::Bench;
use crate::documented::Summary;
use crate::failure::kill_and_restart_a_worker;
use crate::logs::Log;
use crate::session;

/// Shards and I/O cores.
const CORES: [[&str; 2]; 4] = [["1", "2"], ["2", "0"], ["2", "2"], ["3", "0"]];

fn cores([shards, io]: [&str; 2]) -> [&str; 4] {
    ["--shards", shards, "--io-cores", io]
}

#[test]
fn every_request_is_answered_once_however_many_cores_there_are() {
    for many in CORES {
        let mut bench = Bench::new();
        bench.set("CLOCKWORK_DISABLE_INPUTS", "1");
        let workers = [bench.worker(&["-n", "2"]), bench.worker(&["-n", "2"])];
        let addresses = workers.each_ref().map(|worker| worker.address);
        let controller = bench.controller_of("INFER5", &addresses, &cores(many));
        let arguments =
            ["poisson-open-loop", "20", "300", "--seconds", "2", "--json", "summary.json"];
        let client = bench.client(&controller, &arguments).end();
        let controller = controller.process.interrupt();
        assert_eq!((client.code, controller.code), (Some(0), Some(0)), "{many:?}");
        let summary = Summary::read(&bench.path("summary.json"));
        assert!(summary.requests > 100 && summary.unanswered == 0, "{many:?}: {summary:?}");
        let requests = Log::requests(&bench.logs());
        assert_eq!(requests.len(), summary.requests, "{many:?}");
        assert_eq!(requests.count("result", 0), summary.requests, "{many:?}: {summary:?}");
        let actions = Log::actions(&bench.logs());
        let used = [0, 1].map(|worker| actions.count("worker_id", worker));
        assert!(used.iter().all(|&rows| rows > 1), "{many:?}: {used:?}");
    }
}

#[test]
fn inputs_and_outputs_cross_cores_whole_also_where_a_workers_devices_are_split() {
    let bench = Bench::new();
    let worker = bench.worker(&["-n", "4"]);
    let controller = bench.controller("INFER5", worker.address, &cores(["2", "1"]));
    session::talk(controller.address, async |client| {
        let mut models = Vec::new();
        for name in ["resnet50_v2", "resnet18_v2", "resnet34_v2", "densenet121"] {
            models.push(session::load(client, name).await);
        }
        for (id, model) in (0..).zip(models.iter().chain(&models)) {
            let answer = session::ask(client, id, model.model, model.input_size).await;
            assert_eq!(answer.response.status, Status::OK);
            assert_eq!(answer.output.len(), usize::try_from(model.output_size).unwrap());
        }
    });
    assert_eq!(controller.process.interrupt().code, Some(0));
    let actions = Log::actions(&bench.logs());
    let split = [[0, 2], [1, 3]].map(|gpus| gpus.map(|gpu| actions.count("gpu_id", gpu)));
    assert!(split.iter().all(|rows| rows.iter().sum::<usize>() > 1), "both shards: {split:?}");
}

#[test]
fn a_killed_worker_is_used_again_by_every_shard_when_it_is_back() {
    for many in [["2", "0"], ["2", "1"]] {
        let mut bench = Bench::new();
        bench.set("CLOCKWORK_DISABLE_INPUTS", "1");
        kill_and_restart_a_worker(bench, &cores(many), &["poisson-open-loop", "8", "100"]);
    }
}

#[test]
fn what_a_killed_client_asked_for_keeps_nobody_from_being_served_or_from_ending() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_CLIENT_REPORT_INTERVAL", "200ms");
    bench.set("CLOCKWORK_DISABLE_INPUTS", "1");
    let worker = bench.worker(&["-n", "2"]);
    let controller = bench.controller("INFER5", worker.address, &cores(["2", "2"]));
    let mut killed = bench.client(&controller, &["poisson-open-loop", "8", "400"]);
    killed.hear("total=");
    killed.kill();
    let next = bench.client(&controller, &["simple-parametric", "2", "1", "2", "20"]).end();
    assert_eq!(next.code, Some(0), "{}", next.err);
    assert_eq!(controller.process.interrupt().code, Some(0));
}

#[test]
fn a_controller_of_many_cores_that_is_interrupted_under_load_leaves_complete_logs() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_CLIENT_REPORT_INTERVAL", "200ms");
    bench.set("CLOCKWORK_CLIENT_RECONNECT", "false");
    let worker = bench.worker(&["-n", "2"]);
    let controller = bench.controller("INFER5", worker.address, &cores(["2", "2"]));
    let mut client = bench.client(&controller, &["simple"]);
    (0..3).for_each(|_| drop(client.hear("total=")));
    let controller = controller.process.interrupt();
    let client = client.end();
    assert_eq!((controller.code, client.code), (Some(0), Some(1)));
    assert!(Log::requests(&bench.logs()).len() > 2 && Log::actions(&bench.logs()).len() > 2);
}
