//! `azure_small`: a day on few models.

use clockwork_wire::Span;

use crate::functions::{Replay, Spread, copies_of_all};
use crate::generator::Load;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_small",
    description: "the first day of the trace as it is, on 3 copies of every model; functions take turns over the models",
    differs: "",
    parameters: &[],
    build: |arguments| {
        let replay = Replay {
            loads: copies_of_all(arguments, |models| 3 * models)?,
            spread: Spread::Striped,
            day: 1,
            load: Load { value: 1.0, unit: 1.0, per_gpu: false },
            interval: Span::from_secs(60),
            random_start: false,
        };
        replay.plan(arguments, Plan::add)
    },
};
