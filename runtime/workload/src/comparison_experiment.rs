//! `comparison_experiment`: the open loop with which the paper compares systems.

use crate::arguments::MODELS_MAX;
use crate::generator::PoissonOpenLoop;
use crate::{Parameter, Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "comparison_experiment",
    description: "copies of resnet50_v2 that share a Poisson stream evenly",
    differs: "",
    parameters: &[
        Parameter {
            name: "num_models",
            kind: "int",
            default: Some("15"),
            meaning: "copies of the model",
        },
        Parameter {
            name: "total_requests",
            kind: "float",
            default: Some("1000"),
            meaning: "requests per second in all",
        },
    ],
    build: |arguments| {
        let mut plan = Plan::of("resnet50_v2", arguments.count("num_models", 1..=MODELS_MAX)?);
        plan.add(PoissonOpenLoop::new(plan.targets(), arguments.rate("total_requests")?));
        Ok(plan)
    },
};
