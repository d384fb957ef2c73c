//! `azure_small`: a day on few models.

use clockwork_wire::Span;

use crate::functions::Replay;
use crate::{Plan, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "azure_small",
    description: "the first day of the trace as it is, on 3 copies of every model; functions take turns over the models",
    differs: "",
    parameters: &[],
    build: |arguments| Replay::striped(arguments, Span::from_secs(60))?.plan(arguments, Plan::add),
};
