//! `poisson`: the documentation's second test, with room to spare.

use clockwork_wire::Span;
use clockwork_workload::{Context, registry};

use super::{Scenario, Setup, models};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "poisson",
    description: "10 devices, 40 copies of resnet50_v2 that share a Poisson stream of 2,000/s \
                  (times the load factor)",
    build: |options, _| {
        let workload = registry::find("poisson-open-loop").expect("the workload is registered");
        let rate = 2_000.0 * options.load.unwrap_or(1.0);
        let arguments = ["40".to_owned(), rate.to_string()];
        let plan =
            workload.plan(&arguments, &Context::default()).expect("a positive rate is valid");
        Setup {
            duration: Span::from_secs(2),
            ..Setup::cluster(options, 1, 10, &models::catalogue()).serving(plan)
        }
    },
};
