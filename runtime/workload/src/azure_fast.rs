//! `azure_fast`: a day in 24 minutes.

use clockwork_wire::Span;

use crate::functions::{Replay, Spread, copies_of_all};
use crate::generator::Load;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_fast",
    description: "as azure_small, with a minute of the trace every second",
    differs: "each function begins at a random minute of its own, not all in the middle of the day",
    parameters: &[],
    build: |arguments| {
        let replay = Replay {
            loads: copies_of_all(arguments, |models| 3 * models)?,
            spread: Spread::Striped,
            day: 1,
            load: Load { value: 1.0, unit: 1.0, per_gpu: false },
            interval: Span::from_secs(1),
            random_start: true,
        };
        replay.plan(arguments, Plan::add)
    },
};
