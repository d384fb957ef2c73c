//! `azure_half`: about half of the models of the whole.

use clockwork_wire::Span;

use crate::functions::{Replay, Spread, copies_of_all};
use crate::generator::Load;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_half",
    description: "the first day of the trace as it is, on 3100 models",
    differs: "",
    parameters: &[],
    build: |arguments| {
        let replay = Replay {
            loads: copies_of_all(arguments, |_| 3_100)?,
            spread: Spread::Blocks,
            day: 1,
            load: Load { value: 1.0, unit: 1.0, per_gpu: false },
            interval: Span::from_secs(60),
            random_start: false,
        };
        replay.plan(arguments, Plan::add)
    },
};
