//! Looking ahead by measurements is about as good as the best constant, however fast devices are and
//! however long messages take.

use clockwork_config::SchedulerConfig;
use clockwork_simulator::ahead::WAYS;
use clockwork_simulator::policies::Case;
use clockwork_simulator::{Options, Report, scenario};
use clockwork_wire::Span;

/// Goodput as a fraction of what is offered, just at what the devices can do.
fn in_slo(name: &str, slo_ms: u64, way: usize, tune: fn(&mut SchedulerConfig)) -> f64 {
    let scenario = scenario::find(name).expect("it is registered");
    let case = Case { scenario, slo: Span::from_millis(slo_ms), load: 1.0 };
    let options = Options {
        calibration: Some(WAYS[way].calibration()),
        warmup: Some(Span::from_millis(500)),
        duration: Some(Span::from_secs(1)),
        ..Options::default()
    };
    let report: Report = case.run(1, &options, tune);
    assert!(report.violations.is_empty(), "{report}");
    report.in_slo
}

#[test]
fn a_device_faster_than_its_messages_is_kept_busy() {
    let derived = in_slo("judge-fast", 15, 1, |_| {});
    let fixed = in_slo("judge-fast", 15, 1, |c| (c.ahead, c.depth) = (Span::from_millis(5), 3));
    assert!(derived >= 0.97 * fixed && derived > 0.95, "{derived} beside {fixed}");
}

#[test]
fn a_device_slower_than_its_messages_is_given_work_late() {
    let derived = in_slo("judge-steady", 25, 0, |_| {});
    let early =
        in_slo("judge-steady", 25, 0, |c| (c.ahead, c.ahead_executions) = (Span::ZERO, 1.0));
    assert!(derived >= 1.05 * early, "{derived} beside {early}");
}
