//! The sessions that the original's documentation shows, with its command lines.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::bench::Bench;
use crate::logs::Log;
use crate::shape::assert_in_order;

#[test]
fn infer4_and_simple_print_the_documented_lines_and_use_both_gpus() {
    let mut bench = Bench::as_shipped();
    for role in ["WORKER", "CONTROLLER", "CLIENT"] {
        bench.set(&format!("CLOCKWORK_{role}_REPORT_INTERVAL"), "500ms");
    }
    let worker = bench.worker(&["-n", "2"]);
    let mut controller = bench.controller("INFER4", worker.address, &[]);
    let client = bench.client(&controller, &["simple", "--seconds", "3", "--json", "summary.json"]);
    let client = client.end();
    controller.process.hear("Network->Workers:");
    let controller = controller.process.interrupt();
    let worker = worker.process.interrupt();
    assert_eq!((client.code, controller.code, worker.code), (Some(0), Some(0), Some(0)));
    assert_in_order(&client.out, &CLIENT_LINES);
    assert_in_order(&controller.out, &CONTROLLER_LINES);
    for actions in ["W0-GPU0 LoadW", "W0-GPU0 Infer", "W0-GPU1 LoadW", "W0-GPU1 Infer"] {
        assert_in_order(&controller.out, &[&format!("{actions} {ACTION_NUMBERS}")]);
    }
    assert_in_order(&worker.out, &WORKER_LINES);

    let summary = Summary::read(&bench.path("summary.json"));
    assert!(summary.in_slo >= MOST && summary.unanswered == 0, "{summary:?}");
    assert_eq!(Log::requests(&bench.logs()).len(), summary.requests);
    let actions = Log::actions(&bench.logs());
    let gpus = [0, 1].map(|gpu| actions.count("gpu_id", gpu));
    assert!(gpus.iter().all(|&rows| rows > 1), "{gpus:?}");
}

#[test]
fn infer5_serves_an_open_loop_on_ten_gpus() {
    let mut bench = Bench::as_shipped();
    bench.set("CLOCKWORK_DISABLE_INPUTS", "1");
    let worker = bench.worker(&["-n", "10"]);
    let options = ["0", "10", "5000000", "100000000"];
    let controller = bench.controller("INFER5", worker.address, &options);
    let arguments = ["poisson-open-loop", "40", "500", "--seconds", "3", "--json", "summary.json"];
    let client = bench.client(&controller, &arguments).end();
    let controller = controller.process.interrupt();
    assert_eq!((client.code, controller.code), (Some(0), Some(0)));
    let used = ["*default_slo=100000000", "*schedule_ahead=5000000", "*max_gpus=10"];
    assert_in_order(&controller.out, &used);
    assert_in_order(&controller.out, &["Created 40 models", "Created 10 GPUs on 1 Workers"]);
    let summary = Summary::read(&bench.path("summary.json"));
    assert!(summary.requests > 500 && summary.unanswered == 0, "{summary:?}");
    assert!(summary.in_slo >= MOST && summary.goodput_rps > 0.0, "{summary:?}");
    let requests = Log::requests(&bench.logs());
    assert_eq!(requests.len(), summary.requests);
    let met = requests.count("deadline_met", 1);
    assert_eq!(met + summary.errors.values().sum::<usize>(), summary.requests);
    assert!(Log::actions(&bench.logs()).len() > 40);
}

#[test]
fn a_controller_that_is_interrupted_under_load_leaves_complete_logs() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_CLIENT_REPORT_INTERVAL", "200ms");
    bench.set("CLOCKWORK_CLIENT_RECONNECT", "false");
    let worker = bench.worker(&["-n", "2"]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    let mut client = bench.client(&controller, &["simple"]);
    (0..3).for_each(|_| drop(client.hear("total=")));
    let controller = controller.process.interrupt();
    let client = client.end();
    assert_eq!((controller.code, client.code), (Some(0), Some(1)));
    assert!(client.err.contains("lost the controller"), "{}", client.err);
    let submitted: usize = client.out.iter().filter_map(|line| total(line)).sum();
    // The two loops' last requests may be under way; what came after the last line is not in it.
    let rows = Log::requests(&bench.logs()).len();
    assert!(submitted > 0 && rows + 2 >= submitted, "{rows} rows for {submitted} requests");
    assert!(Log::actions(&bench.logs()).len() > 2);
}

/// The requests that a line of the client counts.
fn total(line: &str) -> Option<usize> {
    line.strip_prefix("total=")?.split(' ').next()?.parse().ok()
}

/// What `--json` writes, as far as it is compared.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) requests: usize,
    pub(crate) unanswered: usize,
    pub(crate) in_slo: f64,
    pub(crate) goodput_rps: f64,
    pub(crate) errors: std::collections::BTreeMap<String, usize>,
}

impl Summary {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("the client writes its summary");
        serde_json::from_str(&text).expect("the summary is JSON")
    }
}

/// All requests are in time on a machine that has nothing else to do. Tests run on others, too,
/// whose delays are longer than the windows of the actions.
const MOST: f64 = 0.5;

const CLIENT_LINES: [&str; 8] = [
    "Running workload `simple` on 127.0.0.1:*",
    "Client is sending inputs with requests.  Set CLOCKWORK_DISABLE_INPUTS=1 to disable inputs.",
    "Connecting to clockwork @ 127.0.0.1:*",
    "Connection established",
    "Found 61 models in <built-in>",
    "Clockwork initializing, retrying Controller initializing",
    "total=* throughput=* min=* max=* mean=*",
    "Client->Controller: *MB/s (* msgs) snd, *MB/s (* msgs) rcv, ",
];

const CONTROLLER_LINES: [&str; 51] = [
    "Starting Clockwork Controller",
    "Logging requests to *clockwork_request_log.tsv",
    "Logging actions to *clockwork_action_log.tsv",
    "ConcurrentInferAndLoadScheduler using:",
    "*default_slo=100000000",
    "*latest_delta=10000000",
    "*schedule_ahead=10000000",
    "*max_allowable_exec_time=250000000",
    "*max_batch_size=8",
    "*generate_inputs=0",
    "*max_gpus=100",
    "IO service thread listening for clients on 0.0.0.0:*",
    "(Startup) Running ControllerStartup",
    "(Startup-1) Bouncing LS and Infer requests until startup is complete",
    "(Startup-2) Querying current worker state",
    "Clockwork page_size=16777216",
    "Worker 0 2 GPUs 0 models",
    "GPU 0 21.5 GB (1376 pages) 0 loaded models",
    "GPU 1 21.5 GB (1376 pages) 0 loaded models",
    "",
    "(Startup-3) Awaiting LoadModel requests from clients",
    "Client  --> Req0:LoadModel path=resnet50_v2*",
    "(Startup-4) LoadModelStage has begun",
    "Worker <--  A0:LoadModelFromDisk model=* [0.0, *] resnet50_v2*",
    "Worker  --> R0:LoadModelFromDisk input=602112 output=4000 weights=* (7 pages) xfer=8.4 b1=3.3 b2=5.3 b4=7.5 b8=12.4",
    "Client <--  Rsp0:LoadModel model_id=[0->1] input=602112 output=4000",
    "Client  --> Req1:LS",
    "(Startup-6) LoadModelStage complete.  Printing loaded models:",
    "Clockwork page_size=16777216",
    "Worker 0 2 GPUs 2 models",
    "GPU 0 21.5 GB (1376 pages) 0 loaded models",
    "GPU 1 21.5 GB (1376 pages) 0 loaded models",
    "M-0 src=resnet50_v2* input=602112 output=4000 weights=* (7 pages) xfer=8.4 b1=3.3 b2=5.3 b4=7.5 b8=12.4",
    "M-1 src=resnet50_v2* input=602112 output=4000 weights=* (7 pages) xfer=8.4 b1=3.3 b2=5.3 b4=7.5 b8=12.4",
    "",
    "(Startup-end) Transitioning to scheduler",
    "Client <--  Rsp1:LS error 5: Controller initializing",
    "Created 2 models",
    "Created 2 GPUs on 1 Workers",
    "Total GPU capacity 2752 pages (1376 per GPU).",
    "Total model pages 14 (0% oversubscription).",
    " * Admitting inference requests",
    "GPU handler [ 0 ] started",
    "GPU handler [ 1 ] started",
    "Network Status:  Client ✔✔✔✔✔ Controller ✔✔✔✔✔ Workers (inputs generated by client)",
    "W0-GPU0 LoadW *",
    "W0-GPU0 Infer *",
    "Client throughput=* success=*%* min=* max=* mean=*",
    "Network->Workers: *MB/s (* msgs) snd, *MB/s (* msgs) rcv, ",
    "Interrupt signal (2) received.",
    "Clockwork Controller Exiting",
];

/// What follows the kind of action in a line of the summary.
const ACTION_NUMBERS: &str = "min=* max=* mean=* e2emean=* e2emax=* throughput=* utilization=* \
     clock=[*-*] norm_max=* norm_mean=*";

const WORKER_LINES: [&str; 15] = [
    "Starting Clockwork Worker",
    "Loading Clockwork worker default config from *",
    "IO service thread listening on 0.0.0.0:*",
    "Received A0:GetWorkerState",
    "Sending R0:GetWorkerState:",
    " page_size=16777216",
    "gpus=",
    " GPU-0 weights_cache=21.5GB (1376 pages) io_pool=512.0MB workspace_pool=512.0MB 0 models currently on GPU",
    " GPU-1 weights_cache=21.5GB (1376 pages) io_pool=512.0MB workspace_pool=512.0MB 0 models currently on GPU",
    "models=",
    "Clock Skew=*  RTT=*  LdWts=0  Inf=0  Evct=0  || Total Pending=0  Errors=0",
    "Received A0:LoadModelFromDisk model=* [0.0, *] resnet50_v2*",
    "Sending R0:LoadModelFromDisk input=602112 output=4000 weights=* (7 pages) xfer=8.4 b1=3.3 b2=5.3 b4=7.5 b8=12.4 duration=*",
    "Network Status: Controller ✔✔✔✔✔ Worker (inputs forwarded by controller)",
    "Clock Skew=*  RTT=*  LdWts=*  Inf=*  Evct=*  || Total Pending=*  Errors=*",
];
