//! `azure_half`: about half of the models of the whole.

use clockwork_wire::Span;

use crate::functions::{Replay, Spread, copies_of_all};
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_half",
    description: "the first day of the trace as it is, on 3100 models",
    differs: "",
    parameters: &[],
    build: |arguments| {
        let loads = copies_of_all(arguments, |_| 3_100)?;
        let day = Replay::first_day(loads, Spread::Blocks, Span::from_secs(60));
        day.plan(arguments, Plan::add)
    },
};
