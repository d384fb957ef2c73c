//! `spam`: as much as a hundred models can be asked for.

use crate::generator::ClosedLoop;
use crate::{Parameter, Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "spam",
    description: "100 copies of a model, each with a closed loop of 100 requests",
    differs: "",
    parameters: &[Parameter {
        name: "model",
        kind: "string",
        default: Some("resnet50_v2"),
        meaning: "name of the model",
    }],
    build: |arguments| {
        let mut plan = Plan::of(arguments.text("model"), COPIES);
        for target in plan.targets() {
            plan.add(ClosedLoop::new(vec![target], CONCURRENCY));
        }
        Ok(plan)
    },
};

const COPIES: u32 = 100;
const CONCURRENCY: u32 = 100;
