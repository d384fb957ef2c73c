//! `azure`: a day of serverless functions, each a model.

use crate::functions::{
    DAY, INTERVAL, LOADS, MEMORY_LOAD_FACTOR, Replay, SCALE_PER_LOAD, Spread, copies_by_memory,
};
use crate::generator::Load;
use crate::{Parameter, Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure",
    description: "replays a day of Azure Functions from AZURE_TRACE_DIR (or --trace), minute by minute; blocks of functions share a model, the most called have the first models (--shuffle: any)",
    differs: "a random start is random, each function's own; a sampled trace is scaled (--scale-rows, --scale-rate), which is told",
    parameters: &[
        Parameter::optional(
            "num_workers",
            "int",
            "1",
            "factor on the rates: workers that share them",
        ),
        Parameter::optional(
            "use_all_models",
            "int",
            "1",
            "1: copies of every model, 0: of resnet50_v2",
        ),
        Parameter::optional("load_factor", "float", "1.0", "eighths of the trace's rates"),
        MEMORY_LOAD_FACTOR,
        INTERVAL,
        DAY,
        Parameter::optional("randomise", "int", "0", "1: each function begins at a random minute"),
    ],
    build: |arguments| {
        let workers = arguments.count("num_workers", 1..=1_000_000)?;
        let all = arguments.count("use_all_models", 0..=1)? == 1;
        let replay = Replay {
            loads: copies_by_memory(arguments, all)?,
            spread: Spread::Blocks,
            day: arguments.count("trace", 1..=14)?,
            load: Load {
                value: arguments.number("load_factor", LOADS)?,
                unit: SCALE_PER_LOAD * f64::from(workers),
                per_gpu: false,
            },
            interval: arguments.seconds("interval")?,
            random_start: arguments.count("randomise", 0..=1)? == 1,
        };
        replay.plan(arguments, Plan::add)
    },
};
