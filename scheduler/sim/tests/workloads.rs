//! Every workload runs against emulated devices, and no invariant is violated.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use clockwork_config::SchedulerConfig;
use clockwork_executor::emulated::Deviation;
use clockwork_executor::zoo;
use clockwork_simulator::{Calibration, Machine, Trace, Trial};
use clockwork_wire::{Pages, Span};
use clockwork_workload::trace::{FileError, Files};
use clockwork_workload::{Context, Workload, registry};

#[test]
fn every_workload_is_served() {
    for workload in &registry::WORKLOADS {
        let report = trial(workload).run(&mut ());
        assert_eq!(report.violations, Vec::<String>::new(), "{}", workload.name);
        assert!(report.goodput > 0, "{}: {report}", workload.name);
        // As many as a client can send, whatever it wants.
        assert!(report.offered_rps < 1.05e6, "{}: {report}", workload.name);
    }
}

/// Two devices and every model of the zoo, for a short time.
fn trial(workload: &'static Workload) -> Trial {
    let models: Vec<String> = zoo::names().map(str::to_owned).collect();
    let context = Context { models: models.clone(), files: Arc::new(Few), ..Context::default() };
    let arguments: Vec<_> = arguments(workload.name).iter().map(ToString::to_string).collect();
    let profile = |name: String| zoo::profile(&name).map(|profile| (name, profile));
    Trial {
        name: workload.name.into(),
        machines: vec![Machine {
            devices: 2,
            pages: Pages::new(1_376),
            deviation: Deviation::default(),
        }],
        models: models.into_iter().filter_map(profile).collect::<BTreeMap<_, _>>(),
        scheduler: SchedulerConfig::default(),
        shards: 0,
        calibration: Calibration::NETWORK,
        plan: workload.plan(&arguments, &context).expect("arguments that fit"),
        seed: 1,
        arrivals: 7,
        warmup: Span::ZERO,
        // What is refused is sent again, a million times a second.
        duration: Span::from_millis(if workload.name.ends_with("spam") { 100 } else { 700 }),
        checked: true,
    }
}

/// What is needed, and otherwise small numbers where the defaults are large.
fn arguments(name: &str) -> &'static [&'static str] {
    match name {
        "simple-parametric" => &["4", "2", "3", "50"],
        "poisson-open-loop" | "open-loop" => &["20", "200"],
        "scalability-exp-1" => &["4", "20", "60", "1.5", "mul", "0.1"],
        "slo-exp-1" => &["resnet50_v2", "4", "fixed-rate", "200", "5", "80", "2", "mul", "0.1"],
        "slo-exp-2" => &["resnet18_v2", "3", "poisson", "90", "5", "20", "5", "add", "0.1", "2"],
        "azure" => &["1", "0", "1", "1"],
        "azure_scalability_exp" => &["0.5", "2", "2", "0.2", "1"],
        "bursty_experiment" => &["20", "0.1"],
        "replay-rates" => &["rates"],
        "replay-log" => &["log"],
        _ => &[],
    }
}

/// A trace of three functions, a file of rates and a log.
#[derive(Debug)]
struct Few;

impl Files for Few {
    fn day(&self, _: u32) -> Result<(String, Arc<Trace>), FileError> {
        let text = "f,1,2\na,9000,9000\nb,3000,0\nc,60,6000\n";
        Ok(("made-up".into(), Arc::new(Trace::read("made-up", text.as_bytes())?)))
    }

    fn open(&self, path: &Path) -> std::io::Result<Box<dyn Read>> {
        let log = "t\tmodel_id\tlatency\n1000000\t3\t1000000\n90000000\t4\t0\n";
        let text = if path == Path::new("log") { log } else { "50\n80\n" };
        Ok(Box::new(text.as_bytes()))
    }
}
