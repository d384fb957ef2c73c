//! `comparison_experiment2`: the closed loops with which the paper compares systems.

use crate::arguments::{CONCURRENCY_MAX, MODELS_MAX};
use crate::generator::ClosedLoop;
use crate::{Parameter, Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "comparison_experiment2",
    description: "copies of resnet50_v2, each with a closed loop",
    differs: "",
    parameters: &[
        Parameter {
            name: "num_models",
            kind: "int",
            default: Some("15"),
            meaning: "copies of the model",
        },
        Parameter {
            name: "concurrency",
            kind: "int",
            default: Some("16"),
            meaning: "requests that each loop keeps under way",
        },
    ],
    build: |arguments| {
        let concurrency = arguments.count("concurrency", 1..=CONCURRENCY_MAX)?;
        let mut plan = Plan::of("resnet50_v2", arguments.count("num_models", 1..=MODELS_MAX)?);
        for target in plan.targets() {
            plan.add(ClosedLoop::new(vec![target], concurrency));
        }
        Ok(plan)
    },
};
