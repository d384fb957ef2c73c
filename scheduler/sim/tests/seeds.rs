//! A thousand small worlds, each drawn from its seed. Every invariant holds in all of them.

use clockwork_config::SchedulerKind;
use clockwork_simulator::{Options, scenario, simulate};

/// A failing seed is printed with the command that runs it again, then belongs in
/// `regressions.rs`.
#[test]
fn a_thousand_seeds_hold_every_invariant() {
    let failed = failing(1_000, &of(SchedulerKind::Infer5));
    assert!(failed.is_empty(), "run again with:\n{}", failed.join("\n"));
}

#[test]
fn a_thousand_seeds_hold_every_invariant_of_the_default_scheduler() {
    let failed = failing(1_000, &of(SchedulerKind::Clockwork));
    assert!(failed.is_empty(), "run again with:\n{}", failed.join("\n"));
}

#[test]
fn three_hundred_seeds_hold_every_invariant_with_batches_that_wait() {
    let defers = Options { tune: Some(|c| c.defer = true), ..of(SchedulerKind::Clockwork) };
    let failed = failing(300, &defers);
    assert!(failed.is_empty(), "run again with --set scheduler.defer=true:\n{}", failed.join("\n"));
}

fn of(kind: SchedulerKind) -> Options {
    Options { kind: Some(kind), ..Options::default() }
}

/// Runs the seeds; returns what fails, and how to see it again.
fn failing(seeds: u64, options: &Options) -> Vec<String> {
    let random = scenario::find("random").expect("it is registered");
    let reports: Vec<_> = (0..seeds).map(|seed| simulate(random, seed, options)).collect();
    let offered: u64 = reports.iter().map(|report| report.offered).sum();
    assert!(offered > 100 * seeds, "the seeds offer only {offered} requests");
    let failed = reports.iter().filter(|report| !report.violations.is_empty());
    failed.map(|report| format!("{report}\n{}", report.replay_command())).collect()
}

/// The scenarios with names, on a few seeds each.
#[test]
fn every_scenario_holds_every_invariant() {
    for kind in [SchedulerKind::Infer5, SchedulerKind::Clockwork] {
        let options = Options { kind: Some(kind), ..Options::default() };
        for scenario in &clockwork_simulator::SCENARIOS {
            for seed in 0..3 {
                let report = simulate(scenario, seed, &options);
                assert!(report.violations.is_empty(), "{report}");
                assert!(report.work.requests > 0, "{report}");
            }
        }
    }
}
