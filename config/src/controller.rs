//! The controller's doors and its patience.

use clockwork_wire::Span;

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// The controller's doors and its patience.
    pub struct ControllerConfig {
        /// Address to listen on for clients. "127.0.0.1": only clients of this machine.
        pub address: String = "0.0.0.0".into(),
        /// TCP port for clients; 0 takes a free one, which is printed.
        pub port: u16 = 12_346,
        /// The initial loading stage ends when no load is under way and none was asked for within
        /// this. 0: the first client's first pause ends it. Large: serving starts that much later.
        #[serde(with = "crate::unit::span")]
        pub load_idle: Span = Span::from_secs(1),
        /// The same for the scheduler "echo".
        #[serde(with = "crate::unit::span")]
        pub load_idle_echo: Span = Span::from_secs(10),
        /// Models being loaded from disk at a time, per worker, at least 1. 1: slow start. Large: a
        /// worker's disk and setup threads are shared by many.
        pub loads_in_flight: u32 = 4,
        /// A list or inference request before serving starts is answered "initializing" after this
        /// at the latest. 0: clients ask again at once. Large: clients hang.
        #[serde(with = "crate::unit::span")]
        pub bounce_after: Span = Span::from_secs(12),
        /// Time between two summaries on the console. 0: no summaries.
        #[serde(with = "crate::unit::span")]
        pub report_interval: Span = Span::from_secs(10),
    }
}

impl Check for ControllerConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let loads = self.loads_in_flight;
        ConfigError::unless(loads >= 1, "controller.loads_in_flight", loads, "at least 1")
    }
}
