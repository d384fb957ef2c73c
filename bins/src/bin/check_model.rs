//! Checks a compiled model. See [`clockwork_bins::check_model`].

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{check_model, exit};

fn main() -> ExitCode {
    exit(check_model::run(&check_model::Arguments::parse()))
}
