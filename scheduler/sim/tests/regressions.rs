//! Seeds that once failed, each with what it was.

use clockwork_config::{SchedulerConfig, SchedulerKind};
use clockwork_simulator::{Options, scenario, simulate};

fn holds(name: &str, seed: u64) {
    let scenario = scenario::find(name).expect("it is registered");
    let report = simulate(scenario, seed, &Options::default());
    assert!(report.violations.is_empty(), "{report}");
}

/// An emulated device that was idle when it hung took an action, and reported the end of the hang
/// as its start: after its `latest`.
#[test]
fn an_action_that_a_hung_device_took_in_time_began_in_time() {
    holds("faults", 1);
    for seed in [1, 7, 21, 39, 45] {
        holds("random", seed);
    }
}

/// Many models with many copies, and a little more than can be done: goodput fell, because what was
/// left of a batch promised an instant that was over, and because one hopeless request of a model with
/// many copies kept a device from all the others.
#[test]
fn goodput_does_not_fall_where_a_large_cluster_is_full() {
    let goodput = |load| {
        let clockwork = SchedulerConfig { kind: SchedulerKind::Clockwork, ..Default::default() };
        let scheduler = Some(clockwork);
        let (load, devices) = (Some(load), Some(32));
        let options = Options { scheduler, load, devices, ..Options::default() };
        let scenario = scenario::find("uniform").expect("it is registered");
        let report = simulate(scenario, 1, &options);
        assert!(report.violations.is_empty(), "{report}");
        report.goodput_rps
    };
    let (before, at, beyond) = (goodput(0.8), goodput(0.9), goodput(1.1));
    assert!(at >= before && beyond >= before, "{before} {at} {beyond}");
}
