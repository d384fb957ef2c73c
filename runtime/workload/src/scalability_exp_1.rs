//! `scalability-exp-1`: rates that grow until nothing can follow.

use crate::arguments::{MODELS_MAX, RATE_MAX, RATE_MIN};
use crate::generator::{AtEnd, PoissonOpenLoop, Ramp, Stepped};
use crate::{Parameter, Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "scalability-exp-1",
    description: "copies of resnet50_v2 with equal Poisson streams whose rate grows every period; ends when it would exceed its maximum",
    differs: "one line tells each step, not one per model",
    parameters: &[
        Parameter::needed("num-models", "int", "copies of the model"),
        Parameter::needed("rate-min", "float", "requests per second of each model at first"),
        Parameter::needed("rate-max", "float", "requests per second of each model at most"),
        Parameter::needed("factor", "float", "what is added to the rate, or multiplied with it"),
        Parameter::needed("add|mul", "string", "which of both"),
        Parameter::needed("period_s", "float", "seconds between steps"),
    ],
    build: |arguments| {
        let models = arguments.count("num-models", 1..=MODELS_MAX)?;
        let rates = RATE_MIN..=RATE_MAX / f64::from(models);
        let ramp = Ramp {
            start: arguments.number("rate-min", rates.clone())?,
            end: arguments.number("rate-max", rates)?,
            change: arguments.change("factor", "add|mul")?,
            period: arguments.seconds("period_s")?,
            at_end: AtEnd::Terminate,
        };
        let mut plan = Plan::of("resnet50_v2", models);
        let stream = PoissonOpenLoop::new(plan.targets(), ramp.start * f64::from(models));
        plan.add(Stepped::rate(stream, ramp));
        Ok(plan)
    },
};
