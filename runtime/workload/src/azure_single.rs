//! `azure_single`: one function.

use clockwork_wire::Span;

use crate::functions::{Replay, Spread};
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_single",
    description: "the most called function of the first day on one copy of resnet50_v2, with a minute of the trace every second",
    differs: "",
    parameters: &[],
    build: |arguments| {
        let loads = vec![("resnet50_v2".into(), 1)];
        let day = Replay::first_day(loads, Spread::First, Span::from_secs(1));
        day.plan(arguments, Plan::add)
    },
};
