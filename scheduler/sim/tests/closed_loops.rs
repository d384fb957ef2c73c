//! What closed loops get of a device, at SLOs of one to many batches.

use std::collections::BTreeMap;

use clockwork_config::SchedulerConfig;
use clockwork_executor::emulated::{Deviation, Jitter};
use clockwork_executor::zoo;
use clockwork_simulator::{Calibration, Machine, Trial};
use clockwork_wire::{ModelProfile, Pages, Span};
use clockwork_workload::{Context, registry};

/// Fifteen models with sixteen requests under way each, which come again a millisecond after they were
/// refused: the work of a tenth of a second, for an SLO of as little as two batches.
#[test]
fn a_device_does_what_it_can_in_batches_that_fit_the_slo() {
    let profile = zoo::profile(MODEL).expect("a model of the zoo");
    for slo in [10, 15, 20, 25, 30, 40, 50, 100].map(Span::from_millis) {
        let report = trial(slo).run(&mut ());
        let part = report.goodput_rps / bound(&profile, slo);
        assert!(part >= 0.95, "{part} at an SLO of {slo:?}: {report}");
    }
}

/// Requests per second of the best batch size that fits an SLO.
fn bound(profile: &ModelProfile, slo: Span) -> f64 {
    let most = SchedulerConfig::default().max_batch;
    let fits = profile.batches.iter().filter(|size| size.batch <= most && size.exec <= slo);
    let rates = fits.map(|size| f64::from(size.batch.get()) / size.exec.as_secs_f64());
    rates.fold(0.0, f64::max)
}

fn trial(slo: Span) -> Trial {
    let workload = registry::find("comparison_experiment2").expect("a workload");
    let models = zoo::profile(MODEL).map(|profile| (MODEL.to_owned(), profile));
    let deviation = Deviation { jitter: Jitter::LogNormal(0.002), ..Deviation::default() };
    Trial {
        name: workload.name.into(),
        machines: vec![Machine { devices: 1, pages: Pages::new(1_376), deviation }],
        models: models.into_iter().collect::<BTreeMap<_, _>>(),
        scheduler: SchedulerConfig { default_slo: slo, ..SchedulerConfig::default() },
        shards: 0,
        calibration: Calibration::NETWORK,
        plan: workload.plan(&[], &Context::default()).expect("its defaults"),
        seed: 1,
        arrivals: 1,
        warmup: Span::from_secs(2),
        duration: Span::from_secs(3),
        checked: false,
    }
}

const MODEL: &str = "resnet50_v2";
