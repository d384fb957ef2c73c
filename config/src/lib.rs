//! Every knob of Clockwork: typed, documented, with unit, default and what happens at both extremes.

mod error;
mod knobs;
mod scheduler;
pub mod unit;

pub use error::{Check, ConfigError};
pub use knobs::{Key, Section};
pub use scheduler::{SchedulerConfig, SchedulerKind};
