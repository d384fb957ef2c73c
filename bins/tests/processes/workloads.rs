//! Workloads that end by themselves, and those with a trace, as processes.

use crate::bench::Bench;
use crate::documented::Summary;
use crate::logs::Log;

/// Two functions in two minutes, of which the first is called.
const TRACE: &str =
    "HashOwner,HashApp,HashFunction,Trigger,1,2\na,b,c,http,6000,0\na,b,d,timer,3000,0\n";

#[test]
fn load_grows_with_the_devices_that_the_controller_reports_however_many_threads_send() {
    for threads in ["1", "2"] {
        let mut bench = Bench::new();
        bench.set("CLOCKWORK_DISABLE_INPUTS", "1");
        bench.write("trace.csv", TRACE);
        let worker = bench.worker(&["-n", "3"]);
        let controller = bench.controller("INFER5", worker.address, &[]);
        let azure = ["azure_scalability_exp", "1.5", "6", "2", "0.2", "1", "--trace", "trace.csv"];
        let more = ["--threads", threads, "--json", "summary.json"];
        let client = bench.client(&controller, &[&azure[..], &more].concat()).end();
        assert_eq!(client.code, Some(0), "{}", client.err);
        // Three devices: 1.5 x 0.125 x 3, doubled twice.
        for told in [
            "Trace trace.csv: 2 functions x 2 minutes, not resampled",
            "Loading xception x3",
            ">>>> Updating scale_factor to 1.125",
            ">>>> Updating scale_factor to 2.25",
            "Terminating engine",
        ] {
            let count = client.out.iter().filter(|line| line.starts_with(told)).count();
            assert_eq!(count, 1, "{told}: {:?}", client.out);
        }
        let summary = Summary::read(&bench.path("summary.json"));
        // 150 a second times 0.5625, 1.125 and 2.25 for 0.2 s each: 118; six standard deviations.
        assert!(summary.requests.abs_diff(118) < 66, "{summary:?}");
        assert_eq!(summary.unanswered, 0);
    }
}

#[test]
fn a_sweep_of_promises_reaches_the_log() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_DISABLE_INPUTS", "1");
    let worker = bench.worker(&["-n", "1"]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    let sweep = ["slo-exp-2", "resnet50_v2", "2", "poisson", "150", "2.5", "40", "4", "mul", "0.3"];
    let client = bench.client(&controller, &sweep).end();
    assert_eq!(client.code, Some(0), "{}", client.err);
    assert!(client.out.contains(&"Updating slo_factor to 10".into()), "{:?}", client.out);
    assert_eq!(controller.process.interrupt().code, Some(0));
    let requests = Log::requests(&bench.logs());
    assert!(requests.len() > 60, "{}", requests.len());
    let factors = requests.column("slo_factor");
    let is = |factor: &f64, one: f64| (factor - one).abs() < 1e-6;
    assert!(factors.iter().all(|factor| [2.5, 10.0, 40.0].iter().any(|one| is(factor, *one))));
    assert!(factors.iter().any(|factor| is(factor, 40.0)));
}

#[test]
fn a_trace_that_is_wrong_or_missing_is_named_and_nothing_is_sent() {
    let bench = Bench::new();
    bench.write("short.csv", "HashOwner,HashApp,HashFunction,Trigger,1,2\na,b,c,http,6000\n");
    for (arguments, wrong) in [
        (&["azure", "--trace", "short.csv"][..], "`short.csv`: line 2: it has 5 columns"),
        (&["azure", "--trace", "none.csv"], "`none.csv`: No such file"),
        (&["azure", "--scale-rate", "0"], "--scale-rate must be"),
        (&["azure", "--scale-rows", "99999999"], "--scale-rows must be"),
        (&["azure", "1", "1", "1", "9"], "`memory_load_factor`"),
        (&["replay-log", "short.csv"], "`short.csv`: line 1: column `t` is missing"),
    ] {
        let ended = bench.start("client", &[&["127.0.0.1:9"], arguments].concat()).end();
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains(wrong), "{arguments:?}: {}", ended.err);
    }
}
