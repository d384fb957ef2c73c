//! `clockwork bench`: measures Clockwork on this machine, one question per bench.
//!
//! Every bench prints a table, writes a typed `Report` where `--json` says, and
//! ends with one line of `key=value` pairs.

mod capacity;
mod common;
mod compare;
mod instructions;
mod machine;
mod plot;
mod probe;
mod report;
mod scheduler;
mod system;
mod wire;

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
    /// Instructions and allocations of the pure scheduler per request, counted by valgrind
    Instructions(instructions::Arguments),
    /// Nanoseconds per message and frame, into bytes and out of them
    Wire(wire::Arguments),
    /// The highest rate with 99.9 % in the SLO, over real processes on this machine
    Capacity(Box<capacity::Arguments>),
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
        Bench::Instructions(arguments) => instructions::run(arguments),
        Bench::Wire(arguments) => wire::run(arguments),
        Bench::Capacity(arguments) => capacity::run(arguments),
        Bench::Compare(arguments) => compare::run(arguments),
    }
}
