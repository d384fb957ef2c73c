//! `bench capacity`: the highest offered rate of which 99.9 % are answered within the SLO.
//!
//! Real processes on this machine: workers on emulated GPUs, a controller, and clients that send a
//! Poisson stream in an open loop. Each rate gets a system of its own, whose weights are loaded during
//! a warm-up that does not count. A rate that is missed by little is tried once more.

mod search;

use clockwork_runtime::placement;

use self::search::Search;
use super::common::Common;
use super::plot::Plot;
use super::probe::{self, Probe};
use super::report::{Better, Report, Row};
use super::system::{Load, Shape, Traffic};
use crate::Failure;
use crate::process::say;

/// The command line of `bench capacity`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    effort: Effort,
}

/// How a capacity is searched for.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Effort {
    /// Seconds of load before those that count
    #[arg(long, default_value_t = 3.0)]
    pub(super) warmup: f64,
    /// The first rate to try, in requests per second [default: guessed]
    #[arg(long)]
    pub(super) from: Option<f64>,
    /// How well the rate is to be known, as a part of it
    #[arg(long, default_value_t = 0.03)]
    pub(super) precision: f64,
}

impl Effort {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If a search with them makes no sense.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let warm = self.warmup >= 0.0 && self.warmup.is_finite();
        let from = self.from.is_none_or(|rate| rate > 0.0 && rate.is_finite());
        if !(warm && from && (0.001..1.0).contains(&self.precision)) {
            let usage = "--warmup must be at least 0, --from above 0 and --precision 0.001 to 1";
            return Err(Failure::usage(usage));
        }
        Ok(())
    }
}

/// Measures and publishes.
///
/// # Errors
/// If the command line makes no sense, a process fails or a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { common, shape, effort } = arguments;
    common.check()?;
    shape.check()?;
    effort.check()?;
    let mut report = Report::new("capacity", common.repeats);
    shape.describe(&mut report)?;
    describe(effort, common, &mut report);
    let best = measure(shape, effort, common, "", &mut report.probes)?;
    report.push(row("", &best));
    let plot = plot(&report);
    common.publish(&report, &HEADLINE, &plot)
}

/// Notes in a report how it is searched.
pub(super) fn describe(effort: &Effort, common: &Common, report: &mut Report) {
    report.parameter("seconds", &common.seconds_or(SECONDS));
    report.parameter("warmup", &effort.warmup);
    report.parameter("precision", &effort.precision);
}

/// Finds the capacity of one configuration as often as is asked for; all tries are added to `tries`. Gives
/// the best that was carried each time, and nothing where nothing was.
///
/// # Errors
/// If a process fails.
pub(super) fn measure(
    shape: &Shape,
    effort: &Effort,
    common: &Common,
    label: &str,
    tries: &mut Vec<Probe>,
) -> Result<Vec<Probe>, Failure> {
    let mut found: Vec<Probe> = Vec::new();
    for _ in 0..common.repeats {
        let bound = shape.device_bound();
        let (first, step) = match found.last() {
            Some(before) => (before.rate, NEXT_STEP),
            None => (effort.from.unwrap_or_else(|| guess(shape)), FIRST_STEP),
        };
        let search = Search::new(first, bound, step, effort.precision);
        found.extend(once(shape, search, effort, common, label, tries)?);
    }
    Ok(found)
}

fn once(
    shape: &Shape,
    mut search: Search,
    effort: &Effort,
    common: &Common,
    label: &str,
    tries: &mut Vec<Probe>,
) -> Result<Option<Probe>, Failure> {
    let mut best: Option<Probe> = None;
    while let Some(rate) = search.next() {
        let mut attempt = |again: bool| -> Result<Probe, Failure> {
            let seed = u32::try_from(tries.len()).unwrap_or_default() + 1;
            let (seconds, warmup) = (common.seconds_or(SECONDS), effort.warmup);
            let traffic = Traffic::Open { rate };
            let load = Load { traffic, seconds, warmup, seed, records: false };
            let probe = Probe { label: label.into(), again, ..Probe::run(shape, &load)? };
            say(&probe.text());
            tries.push(probe.clone());
            Ok(probe)
        };
        let mut probe = attempt(false)?;
        if probe.is_close() {
            probe = attempt(true)?;
        }
        search.tried(rate, probe.passed);
        if probe.passed && best.as_ref().is_none_or(|best| best.rate < rate) {
            best = Some(probe);
        }
    }
    Ok(best)
}

/// Where to begin: below what the devices can do, and in the right order for the machine.
fn guess(shape: &Shape) -> f64 {
    let cpus = u32::try_from(placement::allowed().len()).expect("CPUs fit a u32");
    (0.7 * shape.device_bound()).min(GUESS_PER_CPU * f64::from(cpus))
}

/// The row of a configuration.
pub(super) fn row(label: &str, best: &[Probe]) -> Row {
    let mut row = Row::new(label);
    let rates: Vec<f64> = best.iter().map(|probe| probe.offered_rps).collect();
    // That nothing was carried is a result too.
    let rates = if rates.is_empty() { vec![0.0] } else { rates };
    row.add("capacity_rps", "1/s", Better::Higher, &rates);
    probe::describe(&mut row, &best.iter().collect::<Vec<_>>());
    row
}

fn plot(report: &Report) -> Plot {
    let mut points: Vec<(f64, f64)> =
        report.probes.iter().map(|probe| (probe.offered_rps, probe.goodput_rps)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Plot {
        title: "Goodput of every rate that was tried".into(),
        x: "offered requests/s".into(),
        y: "within the SLO, requests/s".into(),
        lines: vec![("goodput".into(), points)],
    }
}

/// The metrics of the summary line.
const HEADLINE: [&str; 5] = [
    "capacity_rps",
    "controller_cpu_us_per_request",
    "client_cpu_us_per_request",
    "worker_cpu_us_per_request",
    "device_utilisation",
];
/// Seconds that count of each try.
pub(super) const SECONDS: f64 = 4.0;
const FIRST_STEP: f64 = 1.5;
const NEXT_STEP: f64 = 1.06;
const GUESS_PER_CPU: f64 = 40_000.0;
