//! `bench rtt`: what Clockwork adds to the latency of a request where nothing is scarce.
//!
//! A thousand requests per second over 40 devices; from each request's latency at the client the
//! time on its device is taken, and the time for which that device was busy with earlier work. In the same
//! run two bare hops and a timer carry the same stream over the same frames: what the ground costs. The
//! ways between the processes are shown one by one, for one or several ways of waiting in turn.

mod added;
mod hops;

use std::net::SocketAddr;

use self::added::Added;
use self::hops::Stream;
pub(super) use self::hops::{HopArguments, serve};
use super::capacity;
use super::common::Common;
use super::plot::Plot;
use super::probe::{self, Probe};
use super::report::{Better, Report, Row};
use super::system::{Load, Places, Process, Shape, Traffic};
use super::tables;
use crate::Failure;
use crate::process::say;

/// The command line of `bench rtt`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    shape: Shape,
    /// Requests per second
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// Seconds of load before those that count
    #[arg(long, default_value_t = 3.0)]
    warmup: f64,
    /// Measure with each of these in turn instead of with --spin, as 0us,10ms: parked and spinning
    #[arg(long, value_delimiter = ',')]
    spins: Vec<String>,
}

/// What one run has found, in microseconds.
#[derive(Debug, Default)]
struct Found {
    added: [f64; 2],
    hops: [f64; 2],
    parts: [f64; 4],
    /// The ways one by one, at their medians.
    ways: Vec<(&'static str, f64)>,
    joined: f64,
    /// The part of the requests that found their device idle, of which the ways are.
    idle: f64,
}

/// Measures and publishes.
///
/// # Errors
/// If the command line makes no sense, a process fails or a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { common, rate, warmup, spins, .. } = arguments;
    let mut shape = arguments.shape.clone();
    shape.gpus.get_or_insert(GPUS);
    shape.models.get_or_insert(GPUS);
    common.check()?;
    shape.check()?;
    if !(*rate > 0.0 && rate.is_finite() && *warmup >= 0.0 && warmup.is_finite()) {
        return Err(Failure::usage("--rate must be above 0 and --warmup at least 0"));
    }
    let mut report = Report::new("rtt", common.repeats);
    shape.describe(&mut report)?;
    report.parameter("rate", rate);
    report.parameter("seconds", &common.seconds_or(capacity::SECONDS));
    report.parameter("warmup", warmup);
    let spins = if spins.is_empty() { vec![shape.spin.clone()] } else { spins.clone() };
    report.parameter("spin", &spins.join(","));
    let mut rows: Vec<_> = spins.iter().map(|spin| (spin, Vec::new())).collect();
    // In turn, so that what else happens on the machine meets all alike.
    for repeat in 0..common.repeats {
        for (spin, found) in &mut rows {
            let mut shape = shape.clone();
            shape.spin.clone_from(spin);
            found.push(once(arguments, &shape, u32::try_from(repeat)? + 1, &mut report.probes)?);
        }
    }
    let several = rows.len() > 1;
    for (spin, found) in &rows {
        let label = if several { format!("spin-{spin}") } else { String::new() };
        let probes: Vec<&Probe> =
            report.probes.iter().filter(|probe| probe.label == **spin).collect();
        let row = row(label, found, &probes);
        report.push(row);
    }
    common.publish(&report, &HEADLINE, &Plot::default())
}

fn once(
    arguments: &Arguments,
    shape: &Shape,
    seed: u32,
    tries: &mut Vec<Probe>,
) -> Result<Found, Failure> {
    let (rate, warmup) = (arguments.rate, arguments.warmup);
    let seconds = arguments.common.seconds_or(capacity::SECONDS);
    let traffic = Traffic::Open { rate };
    let load = Load { traffic, seconds, warmup, seed, records: true };
    let (probe, remains, window) = Probe::examine(shape, &load, &[LOGS])?;
    tries.push(Probe { label: shape.spin.clone(), ..probe });
    let mut added = Added::read(&remains, window)?;
    drop(remains);
    let input = shape.input_bytes();
    let stream =
        Stream { rate, warmup, seconds, input, spin: shape.spin.clone(), seed: seed.into() };
    let mut hops = bare(shape, &stream)?;
    let joined = added.whole.len();
    let all = joined + usize::try_from(added.unmatched)?;
    let idle = added.ways.count();
    let [p50, p99] = [500, 990].map(|per_mille| us(&mut added.whole, per_mille));
    let found = Found {
        added: [p50, p99],
        hops: [500, 990].map(|per_mille| us(&mut hops, per_mille)),
        parts: [
            us(&mut added.to_controller, 500),
            us(&mut added.to_device, 500),
            us(&mut added.from_device, 500),
            us(&mut added.to_client, 500),
        ],
        ways: added.ways.percentiles(500).map(|(name, ns)| (name, micros(ns))).collect(),
        joined: percent(joined, all)?,
        idle: percent(idle, joined)?,
    };
    say(&format!(
        "spin {}: {joined} requests: added p50 {p50:.0} us, p99 {p99:.0} us; hops p50 {:.0} us",
        shape.spin, found.hops[0]
    ));
    Ok(found)
}

/// The same stream through two bare hops, each where its role's process would be.
fn bare(shape: &Shape, stream: &Stream) -> Result<Vec<u64>, Failure> {
    let Places { controller, clients, workers } = shape.places();
    let words = ["bench", "hop", "--spin", &shape.spin];
    let mut server = Process::start(&words, &[], workers.as_ref())?;
    let next = address(&mut server)?.to_string();
    let words = ["bench", "hop", "--spin", &shape.spin, "--next", &next];
    let mut relay = Process::start(&words, &[], controller.as_ref())?;
    let relay = address(&mut relay).map(|address| (address, relay))?;
    match clients {
        Some(cpus) => cpus.within(|| hops::measure(relay.0, stream))?,
        None => hops::measure(relay.0, stream),
    }
}

fn address(process: &mut Process) -> Result<SocketAddr, Failure> {
    Ok(SocketAddr::from(([127, 0, 0, 1], process.port()?)))
}

fn us(values: &mut [u64], per_mille: usize) -> f64 {
    micros(tables::percentile(values, per_mille).unwrap_or_default())
}

fn micros(ns: u64) -> f64 {
    clockwork_wire::Span::new(ns).as_f64() / 1e3
}

fn percent(part: usize, whole: usize) -> Result<f64, Failure> {
    Ok(100.0 * f64::from(u32::try_from(part)?) / f64::from(u32::try_from(whole.max(1))?))
}

fn row(label: String, found: &[Found], probes: &[&Probe]) -> Row {
    use Better::{Higher, Lower};
    let mut row = Row::new(label);
    probe::describe(&mut row, probes);
    let all = |of: &dyn Fn(&Found) -> f64| found.iter().map(of).collect::<Vec<_>>();
    row.add("added_p50_us", "us", Lower, &all(&|found| found.added[0]));
    row.add("added_p99_us", "us", Lower, &all(&|found| found.added[1]));
    row.add("hops_p50_us", "us", Better::Neither, &all(&|found| found.hops[0]));
    row.add("hops_p99_us", "us", Better::Neither, &all(&|found| found.hops[1]));
    row.add("ratio", "", Lower, &all(&|found| found.added[0] / found.hops[0]));
    row.add("to_controller_p50_us", "us", Lower, &all(&|found| found.parts[0]));
    row.add("to_device_p50_us", "us", Lower, &all(&|found| found.parts[1]));
    row.add("from_device_p50_us", "us", Lower, &all(&|found| found.parts[2]));
    row.add("to_client_p50_us", "us", Lower, &all(&|found| found.parts[3]));
    let names = found.first().map_or(&[][..], |found| &found.ways);
    for (at, (name, _)) in names.iter().enumerate() {
        row.add(&format!("way_{name}_us"), "us", Lower, &all(&|found| found.ways[at].1));
    }
    row.add("joined_percent", "%", Higher, &all(&|found| found.joined));
    row.add("idle_percent", "%", Better::Neither, &all(&|found| found.idle));
    row
}

/// The metrics of the summary line.
const HEADLINE: [&str; 5] = ["added_p50_us", "added_p99_us", "hops_p50_us", "hops_p99_us", "ratio"];
/// Both logs are read.
const LOGS: (&str, &str) = ("CLOCKWORK_LOG_FORMAT", "tsv");
/// Devices, and models.
const GPUS: u32 = 40;
