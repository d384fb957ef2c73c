//! The controller: one place that decides everything.
//!
//! [`Controller`] is the whole of it without sockets: clients' requests and workers' results go in,
//! replies, commands and log records come out, and the scheduler inside says what to do when.
//! [`run`] drives it on one core, or one of it on each of several.

mod carry;
mod catalog;
mod core;
mod credit;
mod ending;
mod exchange;
mod fleet;
mod group;
mod inferring;
mod inputs;
mod jobs;
mod layout;
mod ledger;
mod links;
mod loading;
mod machine;
mod message;
mod replacing;
mod router;
mod serve;
mod shards;
mod startup;
#[cfg(test)]
mod tests;
mod unloading;
mod uploading;
mod versions;
mod workers;

pub use group::Group;
pub use machine::{Controller, Options};
pub use message::{Input, News, Output, Swap};
pub use serve::{ServeError, ServeOptions, run};
pub use startup::Startup;
