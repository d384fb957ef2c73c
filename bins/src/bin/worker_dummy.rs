//! The worker on emulated GPUs. See [`clockwork_bins::worker`].

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{exit, worker};

fn main() -> ExitCode {
    exit(worker::run_dummy(&worker::DummyArguments::parse()))
}
