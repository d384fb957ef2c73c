//! `slo-exp-1`: how tight a promise can be.

use crate::arguments::MODELS_MAX;
use crate::generator::{AtEnd, FixedRate, PoissonOpenLoop, Ramp, Stepped};
use crate::{Arguments, Parameter, Plan, UsageError, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "slo-exp-1",
    description: "copies of a model that share a rate evenly; their SLO grows every period, as a multiple of the model's time at batch size 1; ends when it would exceed its maximum",
    differs: "slo-start and slo-end may have fractions",
    parameters: &[
        Parameter::needed("model", "string", "name of the model"),
        Parameter::needed("copies", "int", "copies of the model"),
        Parameter::needed("poisson|fixed-rate", "string", "how requests come"),
        Parameter::needed("rate", "float", "requests per second in all"),
        Parameter::needed("slo-start", "float", "SLO factor at first"),
        Parameter::needed("slo-end", "float", "SLO factor at most"),
        Parameter::needed("slo-factor", "float", "what is added to it, or multiplied with it"),
        Parameter::needed("add|mul", "string", "which of both"),
        Parameter::needed("period_s", "float", "seconds between steps"),
    ],
    build: |arguments| {
        let copies = arguments.count("copies", 1..=MODELS_MAX)?;
        let mut plan = Plan::of(arguments.text("model"), copies);
        add(&mut plan, arguments, "rate")?;
        Ok(plan)
    },
};

/// Adds the streams over all models so far whose SLO changes. What both experiments have is called the same in both.
pub(crate) fn add(
    plan: &mut Plan,
    arguments: &Arguments<'_>,
    rate: &'static str,
) -> Result<(), UsageError> {
    let ramp = Ramp {
        start: arguments.number("slo-start", FACTOR_MIN..=FACTOR_MAX)?,
        end: arguments.number("slo-end", FACTOR_MIN..=FACTOR_MAX)?,
        change: arguments.change("slo-factor", "add|mul")?,
        period: arguments.seconds("period_s")?,
        at_end: AtEnd::Terminate,
    };
    let (targets, rate) = (plan.targets(), arguments.rate(rate)?);
    let each = rate / f64::from(u32::try_from(targets.len()).expect("a count of models"));
    plan.add(match arguments.word("poisson|fixed-rate", &["poisson", "fixed-rate"])? {
        0 => Stepped::slo_factor(PoissonOpenLoop::new(targets, rate), ramp),
        _ => Stepped::slo_factor(FixedRate::in_step(targets, each), ramp),
    });
    Ok(())
}

/// A thousandth of the time at batch size 1: nothing can be so fast.
const FACTOR_MIN: f64 = 1e-3;

/// As good as no promise.
pub(crate) const FACTOR_MAX: f64 = 1e6;
