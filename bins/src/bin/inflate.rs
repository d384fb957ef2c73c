//! `inflate IN OUT request|task|action`: a worker's binary telemetry as TSV.

use std::process::ExitCode;

use clap::Parser as _;
use clockwork_bins::{exit, inflate};

fn main() -> ExitCode {
    exit(inflate::run(&inflate::Arguments::parse()))
}
