//! `replay-trace`: a trace over any models.

use crate::functions::{DAY, INTERVAL, Replay, Spread};
use crate::generator::Load;
use crate::{Parameter, Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "replay-trace",
    description: "replays a trace of Azure Functions as `azure` does, over models of your choice; blocks of functions share a model, the most called have the first models (--shuffle: any)",
    differs: "",
    parameters: &[
        Parameter::optional(
            "models",
            "string",
            "all",
            "NAME or NAME:COPIES, separated by commas; `all` is every model",
        ),
        Parameter::optional("scale", "float", "1", "factor on the trace's rates"),
        INTERVAL,
        DAY,
    ],
    build: |arguments| {
        let replay = Replay {
            loads: arguments.models("models")?,
            spread: Spread::Blocks,
            day: arguments.count("trace", 1..=14)?,
            load: Load { value: arguments.number("scale", 1e-9..=1e9)?, unit: 1.0, per_gpu: false },
            interval: arguments.seconds("interval")?,
            random_start: false,
        };
        replay.plan(arguments, Plan::add)
    },
};
