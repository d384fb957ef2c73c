//! `mixed`: workers that differ in everything that a worker may differ in.

use clockwork_wire::Span;
use clockwork_workload::Plan;
use clockwork_workload::generator::{ClosedLoop, PoissonOpenLoop};

use super::{DeviceSetup, Scenario, Setup, WorkerSetup, models};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "mixed",
    description: "3 workers that differ in models, pages, batch sizes and class; one joins late",
    build: |options, _| {
        let mut setup = Setup::cluster(options, 3, 2, &models::catalogue());
        let slow = models::slower(&models::catalogue(), 2.5, 4);
        let [_, small, late] = &mut setup.workers[..] else { unreachable!("three were made") };
        *small = WorkerSetup {
            catalogue: models::only(&["resnet18_v2", "googlenet", "densenet121"]),
            devices: vec![DeviceSetup::exact(16)],
            ..small.clone()
        };
        *late = WorkerSetup { catalogue: slow, joins: Span::from_millis(700), ..late.clone() };
        for device in &mut late.devices {
            device.spec.class = "slow".into();
        }
        Setup { duration: Span::from_secs(2), ..setup }.serving(plan(options.load.unwrap_or(1.0)))
    },
};

fn plan(load: f64) -> Plan {
    let mut plan = Plan::default();
    for name in ["resnet50_v2", "resnet18_v2", "googlenet", "densenet121", "resnet152_v1"] {
        plan.load(name, 3);
    }
    plan.add(PoissonOpenLoop::new(plan.targets(), 600.0 * load));
    for target in plan.targets().into_iter().step_by(4) {
        plan.add(ClosedLoop::new(vec![target], 2));
    }
    plan
}
