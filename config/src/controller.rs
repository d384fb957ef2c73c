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
        /// Scheduler instances, at least 1, each with its own models and devices. 1: the published
        /// system's central scheduler. Large: more decisions per second, a few per cent of goodput
        /// lost because an instance cannot use its neighbour's devices.
        pub shards: u32 = 1,
        /// Cores for sockets beside the scheduling cores; 0: the scheduling core does both.
        /// More than the machine has: cores share, which costs latency.
        pub io_cores: u32 = 0,
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
        /// Clients at a time, at least 1; more are refused. Large: memory (about 100 KiB each).
        pub max_clients: u32 = 1_024,
        /// Time between two summaries on the console. 0: no summaries.
        #[serde(with = "crate::unit::span")]
        pub report_interval: Span = Span::from_secs(10),
    }
}

impl Check for ControllerConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let least_one = |key, value: u32| ConfigError::unless(value >= 1, key, value, "at least 1");
        least_one("controller.shards", self.shards)?;
        least_one("controller.loads_in_flight", self.loads_in_flight)?;
        least_one("controller.max_clients", self.max_clients)
    }
}
