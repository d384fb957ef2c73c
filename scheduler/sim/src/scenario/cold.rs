//! `cold`: many more models than device memory holds.

use clockwork_wire::Span;
use clockwork_workload::Plan;
use clockwork_workload::generator::PoissonOpenLoop;

use super::{DeviceSetup, Scenario, Setup, models};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "cold",
    description: "2 devices with room for 20 models each, 200 copies of resnet50_v2, 150/s (times \
                  the load factor)",
    build: |options, _| {
        let mut plan = Plan::of("resnet50_v2", MODELS);
        plan.add(PoissonOpenLoop::new(plan.targets(), 150.0 * options.load.unwrap_or(1.0)));
        let mut setup = Setup::cluster(options, 1, 2, &models::catalogue()).serving(plan);
        for device in &mut setup.workers[0].devices {
            *device = DeviceSetup::exact(20 * 7);
        }
        Setup { duration: Span::from_secs(3), ..setup }
    },
};

const MODELS: u32 = 200;
