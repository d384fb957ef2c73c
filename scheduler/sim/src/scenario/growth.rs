//! `growth`: clients, models and workers that come after the start.

use clockwork_wire::Span;
use clockwork_workload::Plan;
use clockwork_workload::generator::PoissonOpenLoop;

use super::{ClientSetup, Scenario, Setup, models};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "growth",
    description: "1 worker serves; a second client loads and asks for models of its own, a second \
                  worker joins, a third client comes",
    build: |options, _| {
        let load = options.load.unwrap_or(1.0);
        let mut setup = Setup::cluster(options, 2, 2, &models::catalogue());
        setup.workers[1].joins = Span::from_millis(1_200);
        for (name, starts) in [("resnet50_v2", 0), ("googlenet", 900), ("densenet121", 1_500)] {
            let mut plan = Plan::of(name, 4);
            plan.add(PoissonOpenLoop::new(plan.targets(), 250.0 * load));
            let starts = Span::from_millis(starts);
            setup.clients.push(ClientSetup { starts, ..ClientSetup::new(plan) });
        }
        Setup { duration: Span::from_secs(2), ..setup }
    },
};
