//! `clockwork sim`: the whole system in virtual time, from one seed.

use std::fs::File;
use std::path::PathBuf;

use clap::Parser;
use clockwork_config::SchedulerKind;
use clockwork_simulator::{Calibration, Options, SCENARIOS, scenario, simulate};
use clockwork_wire::Span;

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
    /// Seed of the arrivals, as `client --seed` takes it, so that both send the same
    #[arg(long)]
    arrivals: Option<u64>,
    /// What messages and turns cost: network (nothing but delay) or loopback (measured)
    #[arg(long)]
    calibration: Option<String>,
    /// Seconds that are measured, instead of the scenario's
    #[arg(long)]
    seconds: Option<f64>,
    /// Factor on the scenario's load
    #[arg(long)]
    load: Option<f64>,
    /// Which scheduler decides, instead of the scenario's
    #[arg(long)]
    scheduler: Option<SchedulerKind>,
    /// Write the report to this file as well
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs a scenario and prints its report.
///
/// # Errors
/// If there is no such scenario, or the run violated an invariant.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { seed, scenario, json, .. } = arguments;
    let names = || SCENARIOS.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
    let found = scenario::find(scenario).map_err(|_| {
        Failure::usage(format!("there is no scenario `{scenario}`; valid are {}", names()))
    })?;
    let report = simulate(found, *seed, &options(arguments)?);
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

fn options(arguments: &Arguments) -> Result<Options, Failure> {
    let calibration = arguments.calibration.as_deref().map(|name| {
        Calibration::named(name).ok_or_else(|| {
            Failure::usage(format!("there is no calibration `{name}`; valid are network, loopback"))
        })
    });
    let positive = |name: &str, value: Option<f64>| match value {
        Some(v) if !(v > 0.0 && v.is_finite()) => {
            Err(Failure::usage(format!("--{name} must be above 0")))
        }
        value => Ok(value),
    };
    Ok(Options {
        calibration: calibration.transpose()?,
        // A real client measures from its first request on.
        warmup: arguments.arrivals.map(|_| Span::ZERO),
        duration: positive("seconds", arguments.seconds)?.map(|s| Span::from_f64(s * 1e9)),
        arrivals: arguments.arrivals,
        kind: arguments.scheduler,
        load: positive("load", arguments.load)?,
        ..Options::default()
    })
}

fn scenarios() -> String {
    let line = |s: &clockwork_simulator::Scenario| format!("  {:10} {}\n", s.name, s.description);
    SCENARIOS.iter().map(line).fold("Scenarios:\n".to_owned(), |text, line| text + &line)
}
