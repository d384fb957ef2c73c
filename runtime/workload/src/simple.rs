//! `simple`: the readiness test of the documentation.

use clockwork_wire::UserId;

use crate::generator::ClosedLoop;
use crate::{Plan, Target, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "simple",
    description: "2 copies of resnet50_v2, each with a closed loop of 1 request",
    differs: "",
    parameters: &[],
    build: |_| {
        let mut plan = Plan::of("resnet50_v2", 2);
        for model in 0..plan.models() {
            plan.add(ClosedLoop::new(vec![Target::new(UserId::new(0), model)], 1));
        }
        Ok(plan)
    },
};
