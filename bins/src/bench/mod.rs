//! `clockwork bench`: measures Clockwork on this machine, one question per bench.
//!
//! Every bench prints a table, writes a typed `Report` where `--json` says, and
//! ends with one line of `key=value` pairs.

mod capacity;
mod common;
mod compare;
mod inputs;
mod instructions;
mod machine;
mod overload;
pub(crate) mod plot;
mod probe;
mod report;
mod rtt;
mod scale;
mod scheduler;
pub(crate) mod system;
mod tables;
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
    /// Capacity against the number of controller cores
    Scale(Box<scale::Arguments>),
    /// What is added to a request's latency where nothing is scarce
    Rtt(Box<rtt::Arguments>),
    /// A hop of `rtt`
    #[command(hide = true)]
    Hop(rtt::HopArguments),
    /// Goodput and refusals where more is offered than can be carried
    Overload(Box<overload::Arguments>),
    /// Throughput with large inputs, against a relay that only passes bytes on
    Inputs(Box<inputs::Arguments>),
    /// A process of the relay of `inputs`
    #[command(hide = true)]
    Relay(inputs::RelayArguments),
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
        Bench::Scale(arguments) => scale::run(arguments),
        Bench::Rtt(arguments) => rtt::run(arguments),
        Bench::Hop(arguments) => rtt::serve(arguments),
        Bench::Overload(arguments) => overload::run(arguments),
        Bench::Inputs(arguments) => inputs::run(arguments),
        Bench::Relay(arguments) => inputs::relay(arguments),
        Bench::Compare(arguments) => compare::run(arguments),
    }
}
