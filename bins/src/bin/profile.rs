//! Checks this machine. See [`clockwork_bins::profile`].

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{exit, profile};

fn main() -> ExitCode {
    exit(profile::run(&profile::Arguments::parse()))
}
