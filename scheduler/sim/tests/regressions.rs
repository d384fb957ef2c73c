//! Seeds that once failed, each with what it was.

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
