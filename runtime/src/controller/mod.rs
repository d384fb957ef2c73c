//! The controller: one place that decides everything.
//!
//! [`Controller`] is the whole of it without sockets: clients' requests and workers' results go in,
//! replies, commands and log records come out, and the scheduler inside says what to do when.
//! [`serve`] drives it on a core.

mod catalog;
mod fleet;
mod inferring;
mod inputs;
mod ledger;
mod loading;
mod machine;
mod message;
mod serve;
mod startup;
mod workers;

pub use machine::{Controller, Options};
pub use message::{Input, Output};
pub use serve::{ServeError, ServeOptions, serve};
pub use startup::Startup;
