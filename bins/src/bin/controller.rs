//! The controller. See [`clockwork_bins::controller`].

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{controller, exit};

fn main() -> ExitCode {
    exit(controller::run(&controller::Arguments::parse()))
}
