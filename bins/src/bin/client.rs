//! The client. See [`clockwork_bins::client`].

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{client, exit};

fn main() -> ExitCode {
    exit(client::run(&client::Arguments::parse()))
}
