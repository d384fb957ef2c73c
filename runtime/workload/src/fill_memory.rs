//! `fill_memory`: more models than fit, few of them asked for often.

use crate::generator::PoissonOpenLoop;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "fill_memory",
    description: "411 copies of resnet50_v2 with Poisson streams: one of 1000/s, 10 of 10/s, 400 of 1/s",
    differs: "",
    parameters: &[],
    build: |_| {
        let mut plan = Plan::of("resnet50_v2", COPIES);
        let targets = plan.targets();
        let (hot, rest) = targets.split_at(1);
        let (warm, cold) = rest.split_at(10);
        for (targets, rate) in [(hot, 1_000.0), (warm, 10.0 * 10.0), (cold, 400.0 * 1.0)] {
            plan.add(PoissonOpenLoop::new(targets.to_vec(), rate));
        }
        Ok(plan)
    },
};

const COPIES: u32 = 411;
