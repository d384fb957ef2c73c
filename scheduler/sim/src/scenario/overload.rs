//! `overload`: more than the devices can do. The goodput must not fall when the load rises.

use clockwork_wire::Span;
use clockwork_workload::Plan;
use clockwork_workload::generator::PoissonOpenLoop;

use super::{Scenario, Setup, models};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "overload",
    description: "4 devices, 12 copies of resnet50_v2, a Poisson stream of 2x (or the load factor) \
                  what the devices can do at batch size 8",
    build: |options, _| {
        let mut plan = Plan::of("resnet50_v2", MODELS);
        let rate = CAPACITY * options.load.unwrap_or(2.0);
        plan.add(PoissonOpenLoop::new(plan.targets(), rate));
        Setup {
            duration: Span::from_secs(2),
            ..Setup::cluster(options, 1, DEVICES, &models::catalogue()).serving(plan)
        }
    },
};

const DEVICES: usize = 4;
const MODELS: u32 = 12;

/// 4 devices, 8 requests each every 12.439 ms.
const CAPACITY: f64 = 4.0 * 8.0 / 0.012_439;
