//! A thousand small worlds, each drawn from its seed. Every invariant holds in all of them.

use clockwork_simulator::{Options, scenario, simulate};

/// A failing seed is printed with the command that runs it again, then belongs in
/// `regressions.rs`.
#[test]
fn a_thousand_seeds_hold_every_invariant() {
    let random = scenario::find("random").unwrap();
    let mut offered = 0;
    let mut failed = Vec::new();
    for seed in 0..1_000 {
        let report = simulate(random, seed, &Options::default());
        offered += report.offered;
        if !report.violations.is_empty() {
            println!("{report}");
            failed.push(report.replay_command());
        }
    }
    assert!(failed.is_empty(), "run again with:\n{}", failed.join("\n"));
    assert!(offered > 100_000, "the seeds offer only {offered} requests");
}

/// The scenarios with names, on a few seeds each.
#[test]
fn every_scenario_holds_every_invariant() {
    for scenario in &clockwork_simulator::SCENARIOS {
        for seed in 0..3 {
            let report = simulate(scenario, seed, &Options::default());
            assert!(report.violations.is_empty(), "{report}");
            assert!(report.work.requests > 0, "{report}");
        }
    }
}
