//! The processes of Clockwork. Each binary's `main` hands its command line to a module here.

#![expect(clippy::print_stderr, reason = "this is where people are spoken to")]

pub mod attached;
pub mod bench;
mod chart;
pub mod check_model;
pub mod client;
pub mod cluster;
pub mod compile;
pub mod controller;
pub mod demo;
pub mod experiment;
pub mod failure;
mod folder;
pub mod inflate;
mod knobs;
pub mod log;
pub mod model;
pub mod plan;
mod pool;
pub mod process;
pub mod profile;
pub mod report;
pub mod sim;
pub mod simpleclient;
mod stages;
pub mod stats;
pub mod trace;
pub mod up;
mod virtual_time;
pub mod worker;
pub mod workload;
pub mod zoo;

pub use failure::{Failure, exit};
