//! Several shards serve as well as one scheduler, on clusters small enough for every change; the
//! large ones are in the documentation's table.

use std::sync::Arc;

use clockwork_config::SchedulerKind;
use clockwork_simulator::{CLUSTERS, Options, Trace, scenario, simulate};
use clockwork_wire::Span;

/// The schedulers that report demand.
const JUDGED: [SchedulerKind; 2] = [SchedulerKind::Infer5, SchedulerKind::Clockwork];

/// 20 devices for half a second, and a trace in which one function in ten has half of the calls.
fn options() -> Options {
    let row = |function| {
        let calls = |minute| match (function % 10, minute % 4) {
            (0, _) => "9",
            (_, 3) => "0",
            _ => "1",
        };
        (0..700).map(|minute| format!(",{}", calls(minute))).collect::<Vec<_>>().concat()
    };
    let head: Vec<String> = (0..700).map(|minute| format!(",minute_{minute}")).collect();
    let rows: Vec<String> = (0..200).map(|function| format!("f{}\n", row(function))).collect();
    let text = format!("function{}\n{}", head.concat(), rows.concat());
    Options {
        devices: Some(20),
        duration: Some(Span::from_millis(500)),
        trace: Some(Arc::new(
            Trace::read("a made-up trace", text.as_bytes()).expect("it is a trace"),
        )),
        ..Options::default()
    }
}

/// At nine tenths of what one scheduler carries; beyond that so few devices are a lottery.
#[test]
fn shards_lose_little_of_the_goodput_of_one_scheduler() {
    for (scenario, kind) in CLUSTERS.iter().flat_map(|s| JUDGED.map(|kind| (s, kind))) {
        let run = |shards| {
            let options =
                Options { shards: Some(shards), kind: Some(kind), load: Some(0.72), ..options() };
            let report = simulate(scenario, 1, &options);
            assert!(report.violations.is_empty(), "{report}");
            report
        };
        let alone = run(0);
        assert!(alone.in_slo > 0.99, "{alone}");
        for sharded in [run(1), run(2), run(4)] {
            assert!(sharded.goodput_rps > 0.98 * alone.goodput_rps, "{alone}\n{sharded}");
        }
    }
}

/// Without moves the shard with the hottest models has more work than it can do.
#[test]
fn skewed_popularity_makes_the_balancer_move_models_and_equal_popularity_does_not() {
    let moved = |name| {
        let scenario = scenario::find(name).unwrap();
        let options = Options { shards: Some(2), load: Some(0.72), ..options() };
        simulate(scenario, 1, &options).work.homes_changed
    };
    assert_eq!(moved("uniform"), 0);
    assert!(moved("zipf") > 0);
    assert!(moved("zipf-shift") > moved("zipf"));
}

#[test]
fn devices_of_few_workers_are_split_and_every_shard_is_used() {
    let options = Options { devices: Some(10), shards: Some(4), load: Some(0.5), ..options() };
    let report = simulate(&CLUSTERS[0], 1, &options);
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.in_slo > 0.99, "{report}");
    assert!(report.device_utilisation.iter().all(|&used| used > 0.2), "{report:?}");
}
