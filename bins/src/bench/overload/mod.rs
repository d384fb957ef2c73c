//! `bench overload`: goodput where more is offered than can be carried.
//!
//! The capacity is searched for first; then each load is a multiple of it. With `--bound devices` there
//! are so few GPUs that they are the limit, with `--bound cpu` so many that the processes are, once with
//! credits that stop the clients early and once with as good as none.

mod refusals;

use self::refusals::Refusals;
use super::capacity::{self, Effort};
use super::common::Common;
use super::plot::Plot;
use super::probe::{self, Probe};
use super::report::{Better, Report, Row};
use super::system::{Load, Shape, Traffic};
use crate::Failure;
use crate::process::say;
use clap::ValueEnum;

/// The command line of `bench overload`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    effort: Effort,
    /// What is to be the limit; it decides how many GPUs there are unless --gpus does
    #[arg(long, value_enum, default_value_t = Bound::Devices)]
    bound: Bound,
    /// Loads, as multiples of the capacity
    #[arg(long, value_delimiter = ',', default_value = "0.5,0.75,1,1.5,2,3")]
    factors: Vec<f64>,
    /// Take this for the capacity instead of searching for it
    #[arg(long)]
    capacity: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Bound {
    /// 40 GPUs
    Devices,
    /// As many GPUs as `capacity` has; once with credits for clients and once without
    Cpu,
}

/// Goodput under each of the loads, with the same settings.
struct Variant {
    label: &'static str,
    settings: &'static [(&'static str, &'static str)],
}

/// One load that was put on a system.
struct Loaded {
    factor: f64,
    probe: Probe,
    refusals: Refusals,
}

/// Measures and publishes.
///
/// # Errors
/// If the command line makes no sense, a process fails or a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { common, effort, bound, .. } = arguments;
    let mut shape = arguments.shape.clone();
    if *bound == Bound::Devices {
        shape.gpus.get_or_insert(GPUS);
    }
    common.check()?;
    shape.check()?;
    effort.check()?;
    if !arguments.factors.iter().all(|factor| (0.01..=100.0).contains(factor)) {
        return Err(Failure::usage("--factors must be 0.01 to 100"));
    }
    let mut report = Report::new("overload", common.repeats);
    shape.describe(&mut report)?;
    capacity::describe(effort, common, &mut report);
    report.parameter("bound", &format!("{bound:?}").to_lowercase());
    let capacity = find_capacity(arguments, &shape, &mut report)?;
    let mut plot = Plot {
        title: "Goodput against offered load".into(),
        x: "offered requests/s".into(),
        y: "within the SLO, requests/s".into(),
        lines: Vec::new(),
    };
    for variant in variants(*bound) {
        let mut loaded = measure(arguments, &shape, &variant, capacity, &mut report.probes)?;
        plot.lines.push((variant.line().to_owned(), points(&loaded)));
        rows(&variant, capacity, &mut loaded, &mut report);
    }
    common.publish(&report, &HEADLINE, &plot)
}

fn find_capacity(
    arguments: &Arguments,
    shape: &Shape,
    report: &mut Report,
) -> Result<f64, Failure> {
    if let Some(capacity) = arguments.capacity.filter(|rate| *rate > 0.0 && rate.is_finite()) {
        return Ok(capacity);
    }
    let common = arguments.common.once();
    let found = capacity::measure(shape, &arguments.effort, &common, "search", &mut report.probes)?;
    let best = found.first().ok_or(Nothing)?;
    Ok(best.offered_rps)
}

#[derive(Debug, thiserror::Error)]
#[error(
    "no rate was carried, so there is nothing to overload; --capacity RATE says what to take for 1x"
)]
struct Nothing;

fn variants(bound: Bound) -> Vec<Variant> {
    match bound {
        Bound::Devices => vec![Variant { label: "", settings: &[("CLOCKWORK_LOG_FORMAT", "tsv")] }],
        Bound::Cpu => vec![
            Variant { label: "credits-", settings: &[] },
            Variant { label: "free-", settings: &FREE },
        ],
    }
}

impl Variant {
    fn line(&self) -> &str {
        match self.label.trim_end_matches('-') {
            "" => "goodput",
            other => other,
        }
    }
}

fn measure(
    arguments: &Arguments,
    shape: &Shape,
    variant: &Variant,
    capacity: f64,
    tries: &mut Vec<Probe>,
) -> Result<Vec<Loaded>, Failure> {
    let Arguments { common, effort, factors, bound, .. } = arguments;
    let mut all = Vec::new();
    for repeat in 0..common.repeats {
        for &factor in factors {
            let load = Load {
                traffic: Traffic::Open { rate: factor * capacity },
                seconds: common.seconds_or(capacity::SECONDS),
                warmup: effort.warmup,
                seed: u32::try_from(repeat)? + 1,
                records: *bound == Bound::Devices,
            };
            let (probe, remains, window) = Probe::examine(shape, &load, variant.settings)?;
            let probe = Probe { label: format!("{}{factor}x", variant.label), ..probe };
            say(&probe.text());
            tries.push(probe.clone());
            let refusals = match bound {
                Bound::Devices => Refusals::read(&remains, window)?,
                Bound::Cpu => Refusals::default(),
            };
            all.push(Loaded { factor, probe, refusals });
        }
    }
    Ok(all)
}

fn points(loaded: &[Loaded]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> =
        loaded.iter().map(|one| (one.probe.offered_rps, one.probe.goodput_rps)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// A row for each load, and one for all of them.
fn rows(variant: &Variant, capacity: f64, loaded: &mut [Loaded], report: &mut Report) {
    use Better::{Higher, Lower, Neither};
    let mut summary = Row::new(variant.label.trim_end_matches('-'));
    let goodput = |one: &Loaded| one.probe.goodput_rps;
    let peak = loaded.iter().map(goodput).fold(0.0, f64::max);
    summary.add("capacity_rps", "1/s", Higher, &[capacity]);
    summary.add("peak_rps", "1/s", Higher, &[peak]);
    for (factor, name, part) in
        [(2.0, "goodput_at_2x_rps", "retained_at_2x"), (3.0, "goodput_at_3x_rps", "retained_at_3x")]
    {
        let at: Vec<f64> = select(loaded, |f| (f - factor).abs() < 1e-9).map(goodput).collect();
        summary.add(name, "1/s", Higher, &at);
        summary.add(part, "", Higher, &at.iter().map(|rate| rate / peak).collect::<Vec<_>>());
    }
    let mut p99 = [Vec::new(), Vec::new(), Vec::new()];
    for one in loaded.iter_mut().filter(|one| one.factor > 1.0) {
        for (all, found) in p99.iter_mut().zip(one.refusals.p99_us()) {
            all.extend(found);
        }
    }
    for (name, values) in
        ["refusal_p99_us", "unserved_p99_us", "refusal_at_client_p99_us"].into_iter().zip(&p99)
    {
        summary.add(name, "us", Lower, values);
    }
    report.push(summary);
    let mut factors: Vec<f64> = loaded.iter().map(|one| one.factor).collect();
    factors.sort_by(f64::total_cmp);
    factors.dedup();
    for factor in factors {
        let same: Vec<&Loaded> = select(loaded, |f| f.total_cmp(&factor).is_eq()).collect();
        let mut row = Row::new(format!("{}{factor}x", variant.label));
        let all = |of: &dyn Fn(&Loaded) -> f64| same.iter().map(|one| of(one)).collect::<Vec<_>>();
        row.add("offered_rps", "1/s", Neither, &all(&|one| one.probe.offered_rps));
        row.add("goodput_rps", "1/s", Higher, &all(&goodput));
        row.add("logged", "", Neither, &all(&|one| count(one.refusals.logged)));
        row.add("recorded", "", Neither, &all(&|one| count(one.refusals.recorded)));
        probe::describe(&mut row, &same.iter().map(|one| &one.probe).collect::<Vec<_>>());
        report.push(row);
    }
}

fn select(loaded: &[Loaded], which: impl Fn(f64) -> bool) -> impl Iterator<Item = &Loaded> {
    loaded.iter().filter(move |one| which(one.factor))
}

fn count(of: u64) -> f64 {
    clockwork_wire::Span::new(of).as_f64()
}

/// The metrics of the summary line.
const HEADLINE: [&str; 8] = [
    "capacity_rps",
    "peak_rps",
    "goodput_at_2x_rps",
    "goodput_at_3x_rps",
    "retained_at_2x",
    "retained_at_3x",
    "refusal_p99_us",
    "refusal_at_client_p99_us",
];
/// Credits that never run out.
const FREE: [(&str, &str); 3] = [
    ("CLOCKWORK_NETWORK_CREDIT_DELAY", "0"),
    ("CLOCKWORK_NETWORK_CREDIT_REQUESTS", "4294967295"),
    ("CLOCKWORK_NETWORK_CREDIT_BYTES", "1TiB"),
];
/// So few GPUs that they are the limit on every machine.
const GPUS: u32 = 40;
