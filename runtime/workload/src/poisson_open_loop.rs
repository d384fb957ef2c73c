//! `poisson-open-loop`: a total rate over many copies of one model.

use crate::arguments::MODELS_MAX;
use crate::generator::PoissonOpenLoop;
use crate::{Parameter, Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "poisson-open-loop",
    description: "copies of resnet50_v2 that share a Poisson stream evenly",
    differs: "",
    parameters: &[
        Parameter {
            name: "num_models",
            kind: "int",
            default: None,
            meaning: "copies of the model",
        },
        Parameter {
            name: "rate",
            kind: "float",
            default: None,
            meaning: "requests per second in all",
        },
    ],
    build: |arguments| {
        let mut plan = Plan::of("resnet50_v2", arguments.count("num_models", 1..=MODELS_MAX)?);
        plan.add(PoissonOpenLoop::new(plan.targets(), arguments.rate("rate")?));
        Ok(plan)
    },
};
