//! Batches that wait for more requests.

use clockwork_simulator::policies::Case;
use clockwork_simulator::{Options, Report, scenario};
use clockwork_wire::Span;

fn run(scheduler_defers: bool) -> Report {
    let scenario = scenario::find("zipf").expect("it is registered");
    let case = Case { scenario, slo: Span::from_millis(100), load: 0.6 };
    let options = Options {
        devices: Some(10),
        warmup: Some(Span::from_millis(700)),
        duration: Some(Span::from_secs(1)),
        ..Options::default()
    };
    let report = case.run(1, &options, |config| config.defer = scheduler_defers);
    assert!(report.violations.is_empty(), "{report}");
    report
}

#[test]
fn popular_models_let_others_go_first_and_everything_is_still_in_time() {
    let (at_once, deferring) = (run(false), run(true));
    assert!(deferring.in_slo >= at_once.in_slo, "{at_once}\n{deferring}");
    assert!(deferring.latency.p50_ms < at_once.latency.p50_ms, "{at_once}\n{deferring}");
}
