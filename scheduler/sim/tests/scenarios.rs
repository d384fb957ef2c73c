//! What the scheduler promises, shown on the scenarios.

use clockwork_config::SchedulerKind;
use clockwork_simulator::{Calibration, Options, Report, scenario, simulate, sweep};
use clockwork_wire::Status;

const SEED: u64 = 1;

fn run(name: &str) -> Report {
    run_at(name, None)
}

fn run_at(name: &str, load: Option<f64>) -> Report {
    let options = Options { load, ..Options::default() };
    let report = simulate(scenario::find(name).expect("it is registered"), SEED, &options);
    assert!(report.violations.is_empty(), "{report}");
    report
}

#[test]
fn simple_uses_both_devices() {
    let report = run("simple");
    assert!((report.in_slo - 1.0).abs() < f64::EPSILON, "{report}");
    // One device alone does 301 a second.
    assert!(report.goodput_rps > 540.0, "{report}");
    assert!(report.latency.mean_ms < 3.7, "{report}");
    assert!(report.device_utilisation.iter().all(|&used| used > 0.9), "{report:?}");
}

#[test]
fn a_load_with_room_to_spare_is_served_in_its_slo() {
    let report = run("poisson");
    assert!((report.in_slo - 1.0).abs() < f64::EPSILON, "{report}");
    assert!(report.latency.p99_ms <= 25.0, "{report}");
}

#[test]
fn goodput_does_not_fall_under_overload() {
    let overload = scenario::find("overload").unwrap();
    let reports = sweep(overload, SEED, &Options::default(), &[0.5, 0.75, 1.0, 1.5, 2.0, 3.0]);
    for report in &reports {
        assert!(report.violations.is_empty(), "{report}");
    }
    let peak = reports.iter().map(|report| report.goodput_rps).fold(0.0, f64::max);
    let [.., twice, thrice] = &reports[..] else { unreachable!("six were run") };
    assert!(twice.goodput_rps >= 0.95 * peak, "peak {peak}\n{twice}");
    assert!(thrice.goodput_rps >= 0.95 * peak, "peak {peak}\n{thrice}");
}

#[test]
fn devices_do_not_idle_while_requests_wait() {
    let report = run_at("overload", Some(1.5));
    assert!(report.utilisation > 0.99, "{report}");
    assert!(report.batch_mean > 7.0, "the largest batch that fits is used\n{report}");
}

#[test]
fn models_beyond_device_memory_are_served_by_loading_them() {
    let report = run("cold");
    assert!(report.in_slo > 0.99, "{report}");
    assert!(report.cold_starts > 0 && report.actions.evicts > 0, "{report}");
}

#[test]
fn a_lost_workers_requests_are_answered_and_the_rest_is_served() {
    let faults = scenario::find("faults").unwrap();
    let run = |kind| {
        let options = Options { kind: Some(kind), ..Options::default() };
        let report = simulate(faults, SEED, &options);
        let answered: u64 = report.goodput + report.refused.values().sum::<u64>();
        assert_eq!(answered, report.offered, "{report}");
        assert!(report.in_slo > 0.97, "{report}");
        report
    };
    let lost = |report: &Report| report.refused.get(&Status::WORKER_LOST.to_string()).copied();
    let (published, ours) = (run(SchedulerKind::Infer5), run(SchedulerKind::Clockwork));
    assert!(lost(&published) > Some(0), "{published}");
    assert!(lost(&ours) < lost(&published), "what is lost is given to another\n{ours}");
}

#[test]
fn models_and_workers_that_come_later_are_served_and_used() {
    let report = run("growth");
    assert!((report.in_slo - 1.0).abs() < f64::EPSILON, "{report}");
    let [.., joined, joined_too] = report.device_utilisation[..] else { unreachable!("four") };
    assert!(joined > 0.0 && joined_too > 0.0, "the second worker is used: {report:?}");
}

#[test]
fn workers_that_differ_are_all_used() {
    let report = run("mixed");
    assert!(report.in_slo > 0.99, "{report}");
    assert!(report.device_utilisation.iter().all(|&used| used > 0.05), "{report:?}");
}

#[test]
fn processes_that_share_a_machine_answer_later_than_an_ideal_network() {
    let run = |calibration| {
        let options = Options { calibration: Some(calibration), ..Options::default() };
        simulate(scenario::find("simple").unwrap(), SEED, &options)
    };
    let (ideal, shared) = (run(Calibration::NETWORK), run(Calibration::LOOPBACK));
    assert!(shared.violations.is_empty(), "{shared}");
    assert!(shared.latency.mean_ms > ideal.latency.mean_ms, "{ideal}\n{shared}");
    let crowded = run(Calibration { cores: 1, ..Calibration::LOOPBACK });
    assert!(crowded.latency.mean_ms >= shared.latency.mean_ms, "{shared}\n{crowded}");
}
