//! The real processes, started as a user starts them: what they print, log and answer, also when
//! they are given nonsense or are killed.
//!
//! The tests run one after the other ([`bench::Bench`] sees to it) and wait for lines, never for
//! time to pass.

mod analysis;
mod bad_input;
mod bench;
mod benches;
mod check_model;
mod cluster;
mod compile;
mod cores;
mod damaged;
mod documented;
mod experiment;
mod failure;
mod hostile;
mod log_formats;
mod logs;
mod models;
mod parm;
mod plan;
mod process;
mod report;
mod scripts;
mod serving;
mod session;
mod settings;
mod shape;
mod single;
mod system_benches;
mod uploads;
mod workloads;
