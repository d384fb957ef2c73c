//! `example`: every kind of load on every model.

use clockwork_wire::{Span, UserId};

use crate::generator::{BurstyClosedLoop, BurstyOpenLoop, ClosedLoop, FixedRate, PoissonOpenLoop};
use crate::{Plan, Target, UsageError, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "example",
    description: "every model, each with a fixed rate of 5/s, a Poisson stream of 10/s, bursts of 10/s (10 s of 30 s), a closed loop of 1 and one that comes in bursts",
    differs: "idle times of the closed bursts are 20 s on average, not 10 s",
    parameters: &[],
    build: |arguments| {
        let models = &arguments.context().models;
        if models.is_empty() {
            return Err(UsageError::NoModels { workload: arguments.workload() });
        }
        let mut plan = Plan::default();
        for (model, name) in (0..).zip(models) {
            plan.load(name, 1);
            add(&mut plan, model);
        }
        Ok(plan)
    },
};

/// The five parts that ask for a model, each as a user of its own.
fn add(plan: &mut Plan, model: u32) {
    let part = |number| Target::new(UserId::new(model * PARTS + number), model);
    plan.add(FixedRate::new(vec![part(0)], FIXED_RATE));
    plan.add(PoissonOpenLoop::new(vec![part(1)], POISSON_RATE));
    plan.add(BurstyOpenLoop::new(part(2), POISSON_RATE, BURST, IDLE));
    plan.add(ClosedLoop::new(vec![part(3)], 1));
    plan.add(BurstyClosedLoop::new(part(4), 1, BURST, IDLE));
}

const PARTS: u32 = 5;
const FIXED_RATE: f64 = 5.0;
const POISSON_RATE: f64 = 10.0;
const BURST: Span = Span::from_secs(10);
const IDLE: Span = Span::from_secs(20);
