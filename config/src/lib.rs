//! Every knob of Clockwork: typed, documented, with unit, default and what happens at both extremes.
//!
//! One [`Config`] holds the sections of all processes, so that one file may describe a cluster.
//! [`Sources`] gathers what file, environment and flags say (each stronger than the one before) and
//! [`resolve`](Sources::resolve) makes it a configuration whose ranges and relations hold, or an
//! error that names the key, the value and what is allowed. `default.toml` beside this crate is
//! written from the code and shows every key.
//!
//! *Why is the original's `.cfg` understood?* So that an installation can move over with its files
//! as they are. Its keys are a subset of the section `executor`.
//!
//! ```
//! use clockwork_config::Sources;
//! use clockwork_wire::Span;
//!
//! let file = ("cluster.toml".into(), "[scheduler]\ndefault_slo = \"50ms\"\n".into());
//! let sources = Sources { file: Some(file), ..Sources::default() };
//! let resolved = sources.flag("scheduler.max_gpus", Some(4)).resolve().unwrap();
//! assert_eq!(resolved.config.scheduler.default_slo, Span::from_millis(50));
//! assert_eq!(resolved.config.scheduler.max_gpus, 4);
//! assert_eq!(
//!     resolved.overridden[0].to_string(),
//!     "The default setting scheduler.default_slo was overwritten to 50ms",
//! );
//! ```

mod config;
mod error;
pub mod experiment;
mod knobs;
mod libconfig;
mod source;
mod template;
pub mod unit;

mod client;
mod controller;
mod cores;
mod executor;
mod log;
mod network;
mod scheduler;
mod worker;

pub use client::{ClientConfig, Compression};
pub use config::Config;
pub use controller::ControllerConfig;
pub use cores::CoresConfig;
pub use error::{Check, ConfigError};
pub use executor::ExecutorConfig;
pub use knobs::{Key, Section};
pub use log::{LogConfig, LogFormat};
pub use network::NetworkConfig;
pub use scheduler::{Eviction, SchedulerConfig, SchedulerKind};
pub use source::{Overridden, Resolved, Sources};
pub use template::{default_toml, documented};
pub use worker::WorkerConfig;
