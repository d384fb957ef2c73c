//! `clockwork sim`: the whole system in virtual time, from one seed.

mod options;
mod trace;

use std::fs::File;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use clockwork_config::SchedulerKind;
use clockwork_simulator::ahead;
use clockwork_simulator::beside::{self, Comparison};
use clockwork_simulator::policies::{self, Case};
use clockwork_simulator::shards::{self, Row};
use clockwork_simulator::{CLUSTERS, Options, SCENARIOS, Scenario, scenario, simulate};

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
    /// A knob of the scheduler, as `scheduler.max_batch=16`, instead of all of the scenario's; may be
    /// repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    knobs: Vec<String>,
    /// Schedulers beside each other, up to 64, instead of the scenario's; 0: one, and nothing around
    /// it
    #[arg(long)]
    shards: Option<usize>,
    /// Devices of the large clusters, instead of 160
    #[arg(long)]
    devices: Option<usize>,
    /// Trace of Azure Functions for `azure`; by default the sample in the folder that
    /// `CLOCKWORK_SHARED_DATA` names, or in ../shared/data
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Instead of one run, the runs behind a table
    #[arg(long, conflicts_with = "json")]
    table: Option<Table>,
    /// Seeds behind each figure of a table, from --seed on, 1 to 16
    #[arg(long, default_value_t = 1)]
    seeds: usize,
    /// Write the report to this file as well
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What can be compared.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Table {
    /// Goodput of 1, 2, 4, 8 and 16 shards against one scheduler, on each large cluster (or on
    /// --scenario) at 0.9, 0.95 and 1.0 of its capacity, with and models that move per second
    Shards,
    /// What each policy of the scheduler `clockwork` is worth, and what it is worth beside `infer5`: in
    /// the SLO, refusals, cold starts and p99 by SLO and load
    Policies,
    /// What the scheduler `clockwork` derives of how far ahead it orders, beside every constant, by
    /// speed of the devices, delay of the messages and SLO
    Ahead,
    /// What loads in pieces and evictions in part are worth where small and large models share devices
    Loads,
    /// What timelines of links are worth where large inputs fill them
    Links,
    /// What timelines are worth where copying large inputs into devices fills the copy engines
    Copies,
}

/// Runs a scenario and prints its report.
///
/// # Errors
/// If there is no such scenario, or the run violated an invariant.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = options::of(arguments)?;
    match arguments.table {
        None => single(arguments, options),
        Some(Table::Shards) => shard_table(arguments, &options),
        Some(Table::Policies) => policy_table(arguments, &options),
        Some(Table::Ahead) => ahead_table(arguments, &options),
        Some(Table::Loads) => beside_table(&beside::LOADS, arguments, &options),
        Some(Table::Links) => beside_table(&beside::LINKS, arguments, &options),
        Some(Table::Copies) => beside_table(&beside::COPIES, arguments, &options),
    }
}

fn single(arguments: &Arguments, mut options: Options) -> Result<(), Failure> {
    let Arguments { seed, scenario, json, .. } = arguments;
    let found = find(scenario)?;
    if found.needs_trace() {
        options.trace = Some(trace::read(arguments.trace.as_deref()).map_err(Failure::usage)?);
    }
    let report = simulate(found, *seed, &options);
    say(&report.to_string());
    if let Some(path) = json {
        serde_json::to_writer_pretty(File::create(path)?, &report)?;
    }
    judge(report.violations.len(), *seed, scenario)
}

/// A table of large clusters; without the trace, those that need it are left out and named.
fn shard_table(arguments: &Arguments, options: &Options) -> Result<(), Failure> {
    let chosen: Vec<&Scenario> = match arguments.scenario.as_str() {
        "random" => CLUSTERS.iter().collect(),
        name => vec![find(name)?],
    };
    let seeds = options::seeds(arguments)?;
    let trace = trace::read(arguments.trace.as_deref());
    let options = Options { trace: trace.as_ref().ok().cloned(), ..options.clone() };
    say(&Row::head(&SHARDS));
    let mut violations = 0;
    for scenario in chosen {
        if let (true, Err(reason)) = (scenario.needs_trace(), &trace) {
            say(&format!("skipped {}: {reason}", scenario.name));
            continue;
        }
        let capacity = shards::capacity(scenario, &seeds, &options);
        for part in PARTS {
            let row = shards::compare(scenario, &seeds, &options, (capacity, part), &SHARDS);
            violations += row.violations().count();
            say(&row.to_string());
        }
    }
    judge(violations, arguments.seed, &arguments.scenario)
}

/// A table of policies; without the trace, what needs it is left out.
fn policy_table(arguments: &Arguments, options: &Options) -> Result<(), Failure> {
    let trace = trace::read(arguments.trace.as_deref());
    let options = Options { trace: trace.ok(), ..options.clone() };
    say(&policies::Row::head());
    let mut violations = 0;
    let chosen = |case: &Case| arguments.scenario == "random" || case.is_of(&arguments.scenario);
    for case in Case::all(&options).filter(chosen) {
        let row = policies::Row::of(case, arguments.seed, &options);
        violations += row.violations().count();
        say(&row.to_string());
    }
    judge(violations, arguments.seed, &arguments.scenario)
}

fn ahead_table(arguments: &Arguments, options: &Options) -> Result<(), Failure> {
    let seeds = options::seeds(arguments)?;
    say(&ahead::Row::head());
    let mut violations = 0;
    let chosen = |case: &Case| arguments.scenario == "random" || case.is_of(&arguments.scenario);
    for (case, way) in ahead::Row::cases(options).filter(|(case, _)| chosen(case)) {
        let row = ahead::Row::of((case, way), &seeds, options);
        violations += row.violations().count();
        say(&row.to_string());
    }
    judge(violations, arguments.seed, &arguments.scenario)
}

/// A table of schedulers that differ in one thing.
fn beside_table(
    comparison: &Comparison,
    arguments: &Arguments,
    options: &Options,
) -> Result<(), Failure> {
    say(&comparison.head());
    let mut violations = 0;
    for row in comparison.rows(arguments.seed, options) {
        violations += row.violations().count();
        say(&row.to_string());
    }
    judge(violations, arguments.seed, &arguments.scenario)
}

fn find(name: &str) -> Result<&'static Scenario, Failure> {
    scenario::find(name).map_err(|error| {
        Failure::usage(format!("there is no scenario `{name}`; valid are {}", error.valid))
    })
}

fn judge(violations: usize, seed: u64, scenario: &str) -> Result<(), Failure> {
    if violations == 0 {
        return Ok(());
    }
    let text = format!(
        "{violations} invariants were violated; replay with `clockwork sim --seed {seed} --scenario {scenario}`"
    );
    Err(std::io::Error::other(text).into())
}

fn scenarios() -> String {
    let line = |s: &Scenario| format!("  {:14} {}\n", s.name, s.description);
    let all = SCENARIOS.iter().chain(&CLUSTERS);
    all.map(line).fold("Scenarios:\n".to_owned(), |text, line| text + &line)
}

/// Numbers of shards that are compared with one scheduler.
const SHARDS: [usize; 5] = [1, 2, 4, 8, 16];

/// Offered loads, as parts of one scheduler's capacity.
const PARTS: [f64; 3] = [0.9, 0.95, 1.0];
