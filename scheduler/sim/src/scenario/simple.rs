//! `simple`: the readiness test of the documentation.

use clockwork_wire::Span;
use clockwork_workload::{Context, registry};

use super::{Scenario, Setup, models};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "simple",
    description: "2 devices, 2 copies of resnet50_v2, each with a closed loop of 1 request",
    build: |options, _| {
        let workload = registry::find("simple").expect("the workload is registered");
        let plan =
            workload.plan(&[], &Context::default()).expect("the workload takes no arguments");
        Setup {
            duration: Span::from_secs(2),
            ..Setup::cluster(options, 1, 2, &models::catalogue()).serving(plan)
        }
    },
};
