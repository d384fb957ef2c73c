//! What every process does first: look at the machine, open its log.

use std::io;

use clockwork_runtime::preflight;
use tracing_subscriber::EnvFilter;

use crate::Failure;

/// Sends what is worth knowing to standard error (`RUST_LOG` chooses; warnings by default) and checks
/// that the kernel gives what `cores` cores need.
///
/// # Errors
/// With what is missing on this machine and what to do.
pub fn begin(cores: u64) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second subscriber in one process (tests) changes nothing.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
    preflight::check(cores)?;
    Ok(())
}

/// Prints a line; a reader that has gone is no reason to stop serving.
pub fn say(line: &str) {
    use io::Write;
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
