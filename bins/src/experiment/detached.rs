//! Runs that go on when their terminal is gone.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;
use crate::process::say;

/// Starts this very command again in a session of its own, without `--detach`.
///
/// # Errors
/// If the folder cannot be written to, or there is no `setsid` to start it with.
pub(super) fn begin(out: &Path) -> Result<(), Failure> {
    fs::create_dir_all(out)?;
    let console = File::create(out.join("console.log"))?;
    let arguments = env::args_os().skip(1).filter(|argument| argument != "--detach");
    let mut command = Command::new("setsid");
    command.arg(env::current_exe()?).args(arguments);
    if !env::args().any(|argument| argument.starts_with("--out")) {
        command.arg("--out").arg(out);
    }
    command.stdin(Stdio::null()).stdout(console.try_clone()?).stderr(console);
    let child = command.spawn()?;
    say(&format!(
        "running as process {}; `clockwork experiment fetch {}` shows how it stands",
        child.id(),
        out.display()
    ));
    Ok(())
}

/// Shows how a run stands: its table if it is over, else its log.
///
/// # Errors
/// If there is no run.
pub(super) fn fetch(dir: &Path) -> Result<(), Failure> {
    let log = fs::read_to_string(dir.join("run.log")).map_err(|error| {
        Failure::usage(format!("{} is not the folder of a run: {error}", dir.display()))
    })?;
    say(log.trim_end());
    if log.ends_with("Exiting\n") {
        say(fs::read_to_string(dir.join("table.md"))?.trim_end());
    } else {
        say("it is still running, or was killed: results.json has what is done");
    }
    Ok(())
}
