//! `simple-parametric`: closed loops of a given size that end by themselves.

use clockwork_wire::UserId;

use crate::arguments::{CONCURRENCY_MAX, MODELS_MAX};
use crate::generator::ClosedLoop;
use crate::{Parameter, Plan, Target, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "simple-parametric",
    description: "copies of resnet50_v2 shared out among clients, each a closed loop of a given number of requests; ends by itself",
    differs: "the number of requests is exact whatever the concurrency",
    parameters: &[
        Parameter { name: "models", kind: "int", default: None, meaning: "copies of the model" },
        Parameter {
            name: "clients",
            kind: "int",
            default: None,
            meaning: "closed loops; each takes the next models / clients models, rounded up",
        },
        Parameter {
            name: "concurrency",
            kind: "int",
            default: None,
            meaning: "requests that each client keeps under way",
        },
        Parameter {
            name: "requests",
            kind: "int",
            default: None,
            meaning: "requests that each client sends in all",
        },
    ],
    build: |arguments| {
        let models = arguments.count("models", 1..=MODELS_MAX)?;
        let clients = arguments.count("clients", 1..=MODELS_MAX)?;
        let concurrency = arguments.count("concurrency", 1..=CONCURRENCY_MAX)?;
        let requests = arguments.count("requests", 1..=u32::MAX)?;
        let mut plan = Plan::of("resnet50_v2", models);
        let share = usize::try_from(models.div_ceil(clients)).expect("a count fits usize");
        for (client, group) in (0..).zip(plan.targets().chunks(share)) {
            let targets = group.iter().map(|t| Target::new(UserId::new(client), t.model)).collect();
            plan.add(ClosedLoop::new(targets, concurrency).limited(u64::from(requests)));
        }
        Ok(plan)
    },
};
