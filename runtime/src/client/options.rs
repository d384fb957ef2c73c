//! What a client is to do.

use std::path::PathBuf;

use clockwork_config::{ClientConfig, Compression, NetworkConfig};
use clockwork_wire::Span;
use clockwork_workload::Plan;

use super::inputs::InputMode;
use crate::shutdown::Shutdown;

/// What a client is to do, and how.
#[derive(Debug)]
pub struct Options {
    /// The controller, as `host:port`.
    pub address: String,
    /// The workload's name, for people.
    pub workload: String,
    /// The workload.
    pub plan: Plan,
    /// Stop submitting after this long; `None` leaves the end to the workload.
    pub length: Option<Span>,
    /// Where models come from, for people: `61 models in <built-in>`.
    pub catalogue: String,
    /// How to send.
    pub client: ClientConfig,
    /// How to connect.
    pub network: NetworkConfig,
    /// Where to write what became of each single request; `None`: nowhere. It takes 64 bytes of memory
    /// for each.
    pub requests: Option<PathBuf>,
    /// Ends the run early when it is wanted.
    pub shutdown: Shutdown,
}

impl Options {
    /// How requests carry their inputs.
    pub(super) fn input_mode(&self) -> InputMode {
        match (self.client.disable_inputs, self.client.compress) {
            (true, _) => InputMode::Absent,
            (false, Compression::None) => InputMode::Raw,
            (false, Compression::Lz4) => InputMode::Lz4,
        }
    }
}
