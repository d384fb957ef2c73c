//! Asks a model once. See [`clockwork_bins::simpleclient`].

use std::process::ExitCode;

use clap::Parser;
use clockwork_bins::{exit, simpleclient};

fn main() -> ExitCode {
    match simpleclient::Arguments::try_parse() {
        Ok(arguments) => exit(simpleclient::run(&arguments)),
        Err(error) => {
            // The original's code for a bad command line; help is no error.
            let code = u8::from(error.use_stderr());
            let _ = error.print();
            ExitCode::from(code)
        }
    }
}
