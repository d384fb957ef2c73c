//! What a process tells people and scripts of its work.
//!
//! A core hands fixed-size records ([`RequestRecord`], [`ActionRow`]) to its [`Recorder`], which puts
//! them into a bounded ring: no lock, no allocation, no formatting on the core. One thread of its
//! own ([`Telemetry`]) drains the rings of all cores twice a second into the two TSV logs and into
//! the interval summary on the console. A record that finds its ring full is dropped, counted and
//! shown: serving never waits for a disk.
//!
//! Arithmetic: a record costs its core 20 ns and keeps 56 to 144 bytes of a ring; a row costs the
//! writer 0.3 us, the disk included. A hundred thousand rows a second are 3 % of a core; an idle
//! process wakes up twice a second for it.
//!
//! The logs' columns and the console's lines are the original's, so that its scripts keep working;
//! `docs/telemetry.md` lists them.

pub mod describe;

mod action_log;
mod binary;
mod log_files;
mod plain;
mod reader;
mod recorder;
mod request_log;
mod row;
mod sink;
mod statistics;
mod summary;
mod traffic;
mod tsv;
mod writer;

pub use action_log::ActionRow;
pub use log_files::{LogDir, LogError, LogFiles};
pub use plain::PlainLogs;
pub use reader::{ReadError, binary_to_tsv};
pub use recorder::Recorder;
pub use request_log::{Asked, RequestRecord};
pub use summary::Summary;
pub use traffic::{Carried, TrafficText};
pub use writer::{Options, Telemetry, Totals};
