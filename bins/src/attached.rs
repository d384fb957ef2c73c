//! Processes that live as long as the one that started them.

use std::io::{self, Read};
use std::thread;

use clockwork_runtime::shutdown::Shutdown;

/// Ends the process when its standard input ends: the starter is gone, or wants it to end.
///
/// # Errors
/// If there is no thread to wait for it.
pub fn end_with_input(shutdown: &Shutdown) -> io::Result<()> {
    let shutdown = shutdown.clone();
    thread::Builder::new().name("attached".into()).spawn(move || {
        let mut rest = [0; 64];
        let mut input = io::stdin().lock();
        while input.read(&mut rest).is_ok_and(|n| n > 0) {}
        shutdown.trigger();
    })?;
    Ok(())
}
