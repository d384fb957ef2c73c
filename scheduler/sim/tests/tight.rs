//! What loads in pieces and evictions in part are worth, and that they break nothing.

use clockwork_config::{SchedulerConfig, SchedulerKind};
use clockwork_simulator::{Options, Report, scenario, simulate};
use clockwork_wire::{Span, Status};

/// 120 copies per second of small models within 25 ms, and 30 of large ones within 250 ms, times 1.5.
fn sizes(seed: u64, tune: fn(&mut SchedulerConfig)) -> Report {
    let mut scheduler = SchedulerConfig {
        kind: SchedulerKind::Clockwork,
        default_slo: Span::from_millis(25),
        ..SchedulerConfig::default()
    };
    tune(&mut scheduler);
    let options = Options { scheduler: Some(scheduler), load: Some(1.5), ..Options::default() };
    let report = simulate(scenario::find("judge-sizes").expect("it is registered"), seed, &options);
    assert!(report.violations.is_empty(), "{report}");
    report
}

#[test]
fn a_small_urgent_load_does_not_wait_for_a_large_one() {
    let missed = |report: Report| report.offered - report.goodput;
    let runs = |tune| (0..4).map(|seed| missed(sizes(seed, tune))).sum::<u64>();
    let whole = runs(|config| config.load_quantum = Span::ZERO);
    let pieces = runs(|_| ());
    assert!(pieces * 2 < whole, "{pieces} are missed instead of {whole}");
}

#[test]
fn a_model_that_gave_way_in_part_costs_less_to_have_back() {
    let copying = |tune| (0..4).map(|seed| sizes(seed, tune).copying).sum::<f64>();
    let whole = copying(|config| {
        (config.load_quantum, config.partial_eviction) = (Span::ZERO, false);
    });
    let part = copying(|config| config.load_quantum = Span::ZERO);
    assert!(part < whole, "copying took {part} of the time instead of {whole}");
}

/// A scenario of large inputs.
fn inputs(name: &str, seed: u64, slo: Span, load: f64, tune: fn(&mut SchedulerConfig)) -> Report {
    let mut scheduler = SchedulerConfig {
        kind: SchedulerKind::Clockwork,
        default_slo: slo,
        ..SchedulerConfig::default()
    };
    tune(&mut scheduler);
    let options = Options { scheduler: Some(scheduler), load: Some(load), ..Options::default() };
    let report = simulate(scenario::find(name).expect("it is registered"), seed, &options);
    assert!(report.violations.is_empty(), "{report}");
    report
}

#[test]
fn what_a_link_cannot_carry_is_refused_and_not_late() {
    let late = |report: &Report| {
        let refused = report.refused.get(&Status::REFUSED.to_string()).copied();
        report.offered - report.goodput - refused.unwrap_or_default()
    };
    let twice = |tune| {
        let runs =
            (1..5).map(|seed| inputs("judge-links", seed, Span::from_millis(100), 2.0, tune));
        runs.fold((0, 0), |(missed, goodput), run| (missed + late(&run), goodput + run.goodput))
    };
    let (without, with) = (twice(|config| config.link_bandwidth = 0), twice(|_| ()));
    let told =
        format!("late and in time: {without:?} without, {with:?} with what is known of links");
    assert!(with.0 * 5 < without.0 && with.1 * 100 > without.1 * 97, "{told}");
}

#[test]
fn a_batch_waits_for_its_copy_and_the_next_is_copied_meanwhile() {
    let nearly_full = |tune| inputs("judge-copies", 1, Span::from_millis(25), 0.9, tune);
    let (without, with) = (nearly_full(|config| config.link_bandwidth = 0), nearly_full(|_| ()));
    assert!(with.goodput * 100 > without.goodput * 104, "{without}\n{with}");
}
