//! `clockwork bench`: measures Clockwork on this machine, one question per bench.
//!
//! Every bench prints a table, writes a typed [`Report`](report::Report) where `--json` says, and
//! ends with one line of `key=value` pairs. `docs/benchmarks.md` says which bench answers which
//! question.

mod common;
mod compare;
mod machine;
mod plot;
mod report;
mod scheduler;

use clap::{Parser, Subcommand};

use crate::Failure;

/// The command line of `clockwork bench`.
#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Decisions per second of one core: the scheduler alone, in virtual time
    Scheduler(scheduler::Arguments),
    /// Two reports side by side, as ratios
    Compare(compare::Arguments),
}

/// Runs one bench.
///
/// # Errors
/// If the command line makes no sense, a process does not come up, or a file cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.bench {
        Bench::Scheduler(arguments) => scheduler::run(arguments),
        Bench::Compare(arguments) => compare::run(arguments),
    }
}
