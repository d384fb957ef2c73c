//! `bench scheduler`: the scheduler alone, in process, on virtual devices.
//!
//! Poisson arrivals with SLOs of 50 to 300 ms at 90 % of what the virtual devices can do; a device
//! does one action at a time, and its result comes when it should. Time is virtual, CPU time is
//! real: `decisions_per_s` is requests carried from arrival to OK per CPU second of the thread,
//! the drive itself included (`driver_ns_per_request` says how much that is). A *decision* is one
//! `handle` and `poll` until `None`; refusals do not count. Nothing counts before the cluster has come
//! to rest, with weights where they are of use (`warm_up`).

mod arrivals;
mod fleet;
mod grid;
mod measure;
mod warm_up;
mod world;

use clap::ValueEnum;
use clockwork_config::{SchedulerConfig, SchedulerKind, Sources};

use self::grid::{Cell, Popularity};
use self::measure::{Measured, Setup};
use super::common::Common;
use super::plot::Plot;
use super::report::{Better, Report, Row};
use crate::Failure;
use crate::process::say;

/// The command line of `bench scheduler`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Models of each scheduler; with --devices, instead of the whole grid
    #[arg(long, requires = "devices")]
    models: Option<u32>,
    /// Devices of each scheduler; with --models, instead of the whole grid
    #[arg(long, requires = "models")]
    devices: Option<u32>,
    /// How requests spread over models
    #[arg(long, value_enum, default_value_t = Choice::Both)]
    popularity: Choice,
    /// Which scheduler decides [default: the configured one]
    #[arg(long)]
    kind: Option<String>,
    /// Independent schedulers, one per thread
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Offered load as a part of what the devices do at their largest batch size
    #[arg(long, default_value_t = 0.9)]
    load: f64,
    /// Take this load as it is, instead of the highest up to it with 99 % OK
    #[arg(long)]
    exact_load: bool,
    /// Carry exactly this many requests through one cell, without clocks: for instruction counts
    #[arg(long, requires = "devices", conflicts_with_all = ["seconds", "repeats", "shards"])]
    requests: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Choice {
    /// Every model alike
    Uniform,
    /// The n-th model by 1/n
    Zipf,
    /// One after the other
    Both,
}

/// Measures and publishes.
///
/// # Errors
/// If the command line makes no sense or a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.common.check()?;
    if arguments.shards == 0 || !(arguments.load > 0.0 && arguments.load.is_finite()) {
        return Err(Failure::usage("--shards must be at least 1 and --load above 0"));
    }
    let cells = cells(arguments)?;
    if let Some(requests) = arguments.requests {
        return carry(arguments, cells[0], requests);
    }
    let mut report = Report::new("scheduler", arguments.common.repeats);
    report.parameter("kind", &configuration(arguments, cells[0])?.kind);
    report.parameter("shards", &arguments.shards);
    report.parameter("load", &arguments.load);
    report.parameter("seconds", &arguments.common.seconds_or(2.0));
    for cell in cells {
        let setup = Setup { cell, config: configuration(arguments, cell)?, load: arguments.load };
        let measured = measure::cell(setup, arguments);
        let row = row(cell, &measured);
        say(&format!("{}: done", row.label));
        report.push(row);
    }
    let headline = ["decisions_per_s", "decision_p99_us", "ok_percent", "load"];
    arguments.common.publish(&report, &headline, &plot(&report))
}

/// Fixed work for an instruction counter.
fn carry(arguments: &Arguments, cell: Cell, requests: u64) -> Result<(), Failure> {
    let config = configuration(arguments, cell)?;
    let setup = Setup { cell, config, load: arguments.load };
    let tally = measure::carry(&setup, requests);
    say(&format!(
        "bench=scheduler kind={} cell={} requests={} ok={} actions={} turns={}",
        setup.config.kind,
        cell.label(),
        tally.requests,
        tally.ok,
        tally.actions,
        tally.turns
    ));
    Ok(())
}

fn cells(arguments: &Arguments) -> Result<Vec<Cell>, Failure> {
    let grid = match (arguments.models, arguments.devices) {
        (Some(0), _) | (_, Some(0)) => {
            return Err(Failure::usage("--models and --devices must be at least 1"));
        }
        (Some(models), Some(devices)) => vec![(models, devices)],
        _ => grid::SIZES.to_vec(),
    };
    let popularities: &[Popularity] = match arguments.popularity {
        Choice::Uniform => &[Popularity::Uniform],
        Choice::Zipf => &[Popularity::Zipf],
        Choice::Both => &[Popularity::Uniform, Popularity::Zipf],
    };
    let cell = |(models, devices)| {
        popularities.iter().map(move |&popularity| Cell { models, devices, popularity })
    };
    Ok(grid.into_iter().flat_map(cell).collect())
}

/// The configured scheduler with room for the cell's devices and batches of up to 16.
fn configuration(arguments: &Arguments, cell: Cell) -> Result<SchedulerConfig, Failure> {
    let usage = |error: clockwork_config::ConfigError| Failure::usage(error.to_string());
    let kind = arguments.kind.as_deref().map(str::parse::<SchedulerKind>).transpose();
    let kind = kind.map_err(usage)?.map(|kind| kind.name().to_lowercase());
    let sources = Sources::of_process(None)?
        .flag("scheduler.kind", kind)
        .flag("scheduler.max_gpus", Some(cell.devices))
        .flag("scheduler.max_batch", Some(grid::MAX_BATCH));
    Ok(sources.resolve().map_err(usage)?.config.scheduler)
}

fn row(cell: Cell, measured: &Measured) -> Row {
    use Better::{Higher, Lower, Neither};
    let mut row = Row::new(cell.label());
    row.add("decisions_per_s", "1/s", Higher, &measured.decisions_per_s);
    row.add("decisions_per_wall_s", "1/s", Neither, &measured.decisions_per_wall_s);
    row.add("decision_p50_us", "us", Lower, &measured.p50_us);
    row.add("decision_p99_us", "us", Lower, &measured.p99_us);
    row.add("decision_p999_us", "us", Lower, &measured.p999_us);
    row.add("decision_mean_us", "us", Lower, &measured.mean_us);
    row.add("ok_percent", "%", Higher, &measured.ok_percent);
    row.add("load", "", Higher, &[measured.load]);
    row.add("virtual_rps", "1/s", Neither, &[measured.offered_rps]);
    row.add("mean_batch", "", Higher, &measured.mean_batch);
    row.add("turns_per_request", "", Lower, &measured.turns_per_request);
    row.add("loads_per_request", "", Neither, &measured.loads_per_request);
    row.add("warm_up_s", "virtual s", Neither, &measured.warm_up_s);
    row.add("driver_ns_per_request", "ns", Neither, &measured.driver_ns);
    row.add("clock_overhead_ns", "ns", Neither, &[measured.clock_ns]);
    row
}

fn plot(report: &Report) -> Plot {
    let line = |popularity: &str| {
        let rows = report.rows.iter().filter(|row| row.label.ends_with(popularity));
        let point = |row: &Row| {
            let devices = row.label.split(['x', '-']).nth(1)?.parse().ok()?;
            Some((devices, row.median("decisions_per_s")?))
        };
        (popularity.to_owned(), rows.filter_map(point).collect())
    };
    Plot {
        title: "Decisions per CPU second of the pure scheduler".into(),
        x: "devices".into(),
        y: "decisions/s".into(),
        lines: vec![line("uniform"), line("zipf")],
    }
}
