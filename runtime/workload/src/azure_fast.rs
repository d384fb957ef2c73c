//! `azure_fast`: a day in 24 minutes.

use clockwork_wire::Span;

use crate::functions::Replay;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_fast",
    description: "as azure_small, with a minute of the trace every second",
    differs: "each function begins at a random minute of its own, not all in the middle of the day",
    parameters: &[],
    build: |arguments| {
        let day = Replay::striped(arguments, Span::from_secs(1))?;
        Replay { random_start: true, ..day }.plan(arguments, Plan::add)
    },
};
