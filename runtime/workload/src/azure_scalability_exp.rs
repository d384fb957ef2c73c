//! `azure_scalability_exp`: a day of functions, more and more of it.

use clockwork_wire::Span;

use crate::functions::{
    LOADS, MEMORY_LOAD_FACTOR, Replay, SCALE_PER_LOAD, Spread, copies_by_memory,
};
use crate::generator::{AtEnd, Change, Load, Ramp, Stepped};
use crate::{Arguments, Parameter, UsageError, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_scalability_exp",
    description: "as azure, with a load factor that is multiplied every period; ends when it would exceed its maximum",
    differs: "num_workers (if the first value is no whole number) and memory_load_factor may be left out, as the documentation has it",
    parameters: &[
        Parameter::optional(
            "num_workers",
            "int",
            "the controller's GPUs",
            "factor on the rates: workers that share them",
        ),
        Parameter::needed("load_factor_min", "float", "eighths of the trace's rates at first"),
        Parameter::needed("load_factor_max", "float", "the same at most"),
        Parameter::needed("load_factor_inc", "float", "what it is multiplied with, above 1"),
        Parameter::needed("period_s", "float", "seconds between steps"),
        MEMORY_LOAD_FACTOR,
    ],
    build: |arguments| {
        let ramp = ramp(arguments)?;
        let replay = Replay {
            loads: copies_by_memory(arguments, true)?,
            spread: Spread::Blocks,
            day: 1,
            load: load(arguments, ramp.start)?,
            interval: MINUTE,
            random_start: false,
        };
        replay.plan(arguments, |plan, replay| plan.add(Stepped::load(replay, ramp)))
    },
};

fn ramp(arguments: &Arguments<'_>) -> Result<Ramp, UsageError> {
    Ok(Ramp {
        start: arguments.number("load_factor_min", LOADS)?,
        end: arguments.number("load_factor_max", LOADS)?,
        change: Change::Multiply(arguments.number("load_factor_inc", 1.000_001..=1e6)?),
        period: arguments.seconds("period_s")?,
        at_end: AtEnd::Terminate,
    })
}

fn load(arguments: &Arguments<'_>, value: f64) -> Result<Load, UsageError> {
    let per_gpu = arguments.is_default("num_workers");
    let workers = if per_gpu { 1 } else { arguments.count("num_workers", 1..=1_000_000)? };
    Ok(Load { value, unit: SCALE_PER_LOAD * f64::from(workers), per_gpu })
}

const MINUTE: Span = Span::from_secs(60);
