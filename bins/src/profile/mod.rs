//! `profile [check]`: whether this machine is set up for predictable serving, and the command that repairs
//! what is not. It changes nothing.

mod facts;
mod gpu;
mod judge;

use clap::Parser;

use crate::Failure;
use crate::process::say;
use facts::Facts;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    about = "Whether this machine is set up for predictable serving, and what repairs what is not"
)]
pub struct Arguments {
    /// What to look at: [check], everything that serving needs; [status], processors and GPUs.
    #[arg(default_value = "[check]")]
    tag: String,
}

/// Prints what is so.
///
/// # Errors
/// If one of the conditions that the original insists on does not hold.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.tag.trim_matches(['[', ']']) {
        "check" => check(&Facts::here()),
        "status" => {
            for line in judge::status(&Facts::here()) {
                say(&line);
            }
            Ok(())
        }
        other => {
            Err(Failure::usage(format!("no tag is called {other}; there are [check] and [status]")))
        }
    }
}

fn check(facts: &Facts) -> Result<(), Failure> {
    let checks = judge::checks(facts);
    for check in &checks {
        check.lines().iter().for_each(|line| say(line));
    }
    let config = facts.config_file.as_deref().unwrap_or("(not set: the defaults hold)");
    say(&format!("CLOCKWORK_CONFIG_FILE={config}"));
    let failed = checks.iter().filter(|check| check.is_decisive()).count();
    if failed == 0 { Ok(()) } else { Err(Unfit(failed).into()) }
}

/// The machine is not as the original insists that it be.
#[derive(Debug, thiserror::Error)]
#[error("{0} required settings are not as they should be")]
struct Unfit(usize);
