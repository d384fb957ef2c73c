//! `convert`: what `clockwork compile` is called in the original.

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{compile, exit};

fn main() -> ExitCode {
    exit(compile::run(&compile::Arguments::parse()))
}
