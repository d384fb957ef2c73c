//! The worker. See [`clockwork_bins::worker`].

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{exit, worker};

fn main() -> ExitCode {
    exit(worker::run(&worker::Arguments::parse()))
}
