//! `simple-slo-factor`: promises that get looser and tighter.

use clockwork_wire::{Span, UserId};

use crate::generator::{AtEnd, Change, ClosedLoop, Ramp, Stepped};
use crate::{Plan, Target, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "simple-slo-factor",
    description: "3 copies of resnet50_v2, each with a closed loop of 1 request; every 10 s the SLO factor of the first is multiplied by 1.25 (from 4), that of the second grows by 1 (from 4), that of the third falls by 1 from 10 to 1",
    differs: "the third factor falls step by step instead of being 1 from the first step on; no factor exceeds a million",
    parameters: &[],
    build: |_| {
        let mut plan = Plan::of("resnet50_v2", 3);
        let ramps = [
            (4.0, FACTOR_MAX, Change::Multiply(1.25)),
            (4.0, FACTOR_MAX, Change::Add(1.0)),
            (10.0, 1.0, Change::Add(-1.0)),
        ];
        for (model, (start, end, change)) in (0..).zip(ramps) {
            let client = ClosedLoop::new(vec![Target::new(UserId::new(model), model)], 1);
            let ramp = Ramp { start, end, change, period: PERIOD, at_end: AtEnd::Hold };
            plan.add(Stepped::slo_factor(client, ramp));
        }
        Ok(plan)
    },
};

const PERIOD: Span = Span::from_secs(10);

/// As good as no promise.
const FACTOR_MAX: f64 = 1e6;
