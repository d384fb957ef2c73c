//! `clockwork sim`: the whole system in virtual time, from one seed.

use std::fs::File;
use std::path::PathBuf;

use clap::Parser;
use clockwork_simulator::{Options, SCENARIOS, scenario, simulate};

use crate::Failure;
use crate::process::say;

/// The command line of `clockwork sim`.
#[derive(Debug, Parser)]
#[command(after_help = scenarios())]
pub struct Arguments {
    /// The seed of every random choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is simulated
    #[arg(long, default_value = "random")]
    scenario: String,
    /// Write the report to this file as well
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs a scenario and prints its report.
///
/// # Errors
/// If there is no such scenario, or the run violated an invariant.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { seed, scenario, json } = arguments;
    let names = || SCENARIOS.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
    let found = scenario::find(scenario).map_err(|_| {
        Failure::usage(format!("there is no scenario `{scenario}`; valid are {}", names()))
    })?;
    let report = simulate(found, *seed, &Options::default());
    say(&report.to_string());
    if let Some(path) = json {
        serde_json::to_writer_pretty(File::create(path)?, &report)?;
    }
    if report.violations.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{} invariants were violated; replay with `clockwork sim --seed {seed} --scenario {scenario}`",
        report.violations.len()
    );
    Err(std::io::Error::other(text).into())
}

fn scenarios() -> String {
    let line = |s: &clockwork_simulator::Scenario| format!("  {:10} {}\n", s.name, s.description);
    SCENARIOS.iter().map(line).fold("Scenarios:\n".to_owned(), |text, line| text + &line)
}
