//! `single-spam`: ten times [`spam`](crate::spam), with one fixed model. (The original's help says
//! one copy; its code loads a hundred, and so do we.)

use crate::generator::ClosedLoop;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "single-spam",
    description: "100 copies of resnet50_v2, each with a closed loop of 1000 requests",
    differs: "",
    parameters: &[],
    build: |_| {
        let mut plan = Plan::of("resnet50_v2", COPIES);
        for target in plan.targets() {
            plan.add(ClosedLoop::new(vec![target], CONCURRENCY));
        }
        Ok(plan)
    },
};

const COPIES: u32 = 100;
const CONCURRENCY: u32 = 1_000;
