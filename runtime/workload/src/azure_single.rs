//! `azure_single`: one function.

use clockwork_wire::Span;

use crate::functions::{Replay, Spread};
use crate::generator::Load;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_single",
    description: "the most called function of the first day on one copy of resnet50_v2, with a minute of the trace every second",
    differs: "",
    parameters: &[],
    build: |arguments| {
        let replay = Replay {
            loads: vec![("resnet50_v2".into(), 1)],
            spread: Spread::First,
            day: 1,
            load: Load { value: 1.0, unit: 1.0, per_gpu: false },
            interval: Span::from_secs(1),
            random_start: false,
        };
        replay.plan(arguments, Plan::add)
    },
};
