//! `slo-exp-2`: how tight a promise can be beside others that are not.

use clockwork_wire::{Span, UserId};

use crate::arguments::{CONCURRENCY_MAX, MODELS_MAX};
use crate::generator::ClosedLoop;
use crate::slo_exp_1::{self, FACTOR_MAX};
use crate::{Arguments, Parameter, Plan, Target, UsageError, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "slo-exp-2",
    description: "as slo-exp-1, beside copies of the model with closed loops and an SLO that stays; those begin after 10 s",
    differs: "slo-start and slo-end may have fractions; what concerns the background may be left out",
    parameters: &[
        Parameter::needed("model", "string", "name of the model"),
        Parameter::needed("copies-fg", "int", "copies in the foreground"),
        Parameter::needed("poisson|fixed-rate", "string", "how their requests come"),
        Parameter::needed("rate-fg", "float", "their requests per second in all"),
        Parameter::needed("slo-start", "float", "their SLO factor at first"),
        Parameter::needed("slo-end", "float", "their SLO factor at most"),
        Parameter::needed("slo-factor", "float", "what is added to it, or multiplied with it"),
        Parameter::needed("add|mul", "string", "which of both"),
        Parameter::needed("period_s", "float", "seconds between steps"),
        Parameter::optional("copies-bg", "int", "0", "copies in the background"),
        Parameter::optional("concurrency-bg", "int", "1", "requests under way for each of those"),
        Parameter::optional("slo-bg", "float", "0", "their SLO factor; 0 is the controller's SLO"),
    ],
    build: |arguments| {
        let copies = arguments.count("copies-fg", 1..=MODELS_MAX)?;
        let mut plan = Plan::of(arguments.text("model"), copies);
        slo_exp_1::add(&mut plan, arguments, "rate-fg")?;
        add_background(&mut plan, arguments, copies)?;
        Ok(plan)
    },
};

fn add_background(
    plan: &mut Plan,
    arguments: &Arguments<'_>,
    first: u32,
) -> Result<(), UsageError> {
    let copies = arguments.count("copies-bg", 0..=MODELS_MAX)?;
    let concurrency = arguments.count("concurrency-bg", 0..=CONCURRENCY_MAX)?;
    let slo_factor = arguments.factor("slo-bg", FACTOR_MAX)?;
    if copies > 0 {
        plan.load(arguments.text("model"), copies);
    }
    for model in first..first + copies {
        let target = Target::new(UserId::new(model), model).with_slo_factor(slo_factor);
        plan.add(ClosedLoop::new(vec![target], concurrency).delayed(DELAY));
    }
    Ok(())
}

const DELAY: Span = Span::from_secs(10);
