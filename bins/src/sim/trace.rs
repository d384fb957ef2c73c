//! Where the trace of Azure Functions is.

use std::path::Path;
use std::sync::Arc;

use clockwork_simulator::Trace;
use clockwork_workload::trace::{Files, Folder};

use crate::workload::sample;

/// Reads the trace at `path`, or the sample in the shared data; compressed or not.
///
/// # Errors
/// If it is not there or is no trace.
pub(super) fn read(path: Option<&Path>) -> Result<Arc<Trace>, String> {
    let file = path.map_or_else(sample, Path::to_owned);
    let folder = Folder { days: None, file: Some(file) };
    folder.day(1).map(|(_, trace)| trace).map_err(|error| format!("no trace: {error}"))
}
