//! `bench scale`: capacity against the number of controller cores.
//!
//! Clients and workers have the CPUs that the controller leaves. Efficiency is the capacity per core
//! as a part of that of the first configuration.

use std::fmt;
use std::str::FromStr;

use clockwork_runtime::placement;

use super::capacity::{self, Effort};
use super::common::Common;
use super::plot::Plot;
use super::report::{Better, Report, Row};
use super::system::Shape;
use crate::Failure;

/// The command line of `bench scale`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    effort: Effort,
    /// Cores of the controller: shards, or shards+io as 1+2; one configuration each [default:
    /// 1,2,4,8,16 as they fit]
    #[arg(long, value_delimiter = ',')]
    cores: Vec<Cores>,
}

/// Cores of a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cores {
    shards: u32,
    io: u32,
}

impl FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (shards, io) = text.split_once('+').unwrap_or((text, "0"));
        let numbers = shards.parse().ok().filter(|&shards: &u32| shards > 0).zip(io.parse().ok());
        let (shards, io) = numbers
            .ok_or_else(|| format!("`{text}` is neither a number of shards nor shards+io"))?;
        Ok(Self { shards, io })
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.io {
            0 => write!(f, "{}", self.shards),
            io => write!(f, "{}+{io}", self.shards),
        }
    }
}

impl Cores {
    fn count(self) -> f64 {
        f64::from(self.shards + self.io)
    }
}

/// Measures and publishes.
///
/// # Errors
/// If the command line makes no sense, a process fails or a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { common, shape, effort, .. } = arguments;
    common.check()?;
    effort.check()?;
    let mut report = Report::new("scale", common.repeats);
    shape.describe(&mut report)?;
    capacity::describe(effort, common, &mut report);
    let mut before: Option<(Cores, f64)> = None;
    let mut points = Vec::new();
    for cores in configurations(arguments) {
        let mut shape = shape.clone();
        (shape.shards, shape.io_cores) = (cores.shards, cores.io);
        shape.check()?;
        let label = format!("c{cores}");
        let from = before.map(|(less, rate)| FIRST_GUESS * rate * cores.count() / less.count());
        let effort = Effort { from: from.or(effort.from), ..effort.clone() };
        let best = capacity::measure(&shape, &effort, common, &label, &mut report.probes)?;
        let mut row = capacity::row(&label, &best);
        let rate = row.median("capacity_rps").unwrap_or_default();
        before = before.filter(|_| rate <= 0.0).or(Some((cores, rate)));
        describe(&mut row, &shape);
        points.push((cores, rate));
        report.push(row);
    }
    for (row, efficiency) in report.rows.iter_mut().zip(efficiencies(&points)) {
        row.add("efficiency", "", Better::Higher, &[efficiency]);
    }
    let line = points.iter().map(|&(cores, rate)| (cores.count(), rate)).collect();
    let plot = Plot {
        title: "Capacity against controller cores".into(),
        x: "controller cores".into(),
        y: "requests/s with 99.9 % in the SLO".into(),
        lines: vec![("capacity".into(), line)],
    };
    common.publish(&report, &["capacity_rps", "efficiency", CPU], &plot)
}

fn configurations(arguments: &Arguments) -> Vec<Cores> {
    if !arguments.cores.is_empty() {
        return arguments.cores.clone();
    }
    let cpus = u32::try_from(placement::allowed().len()).expect("CPUs fit a u32");
    let fits = |&shards: &u32| shards == 1 || shards + 2 <= cpus;
    [1, 2, 4, 8, 16].into_iter().filter(fits).map(|shards| Cores { shards, io: 0 }).collect()
}

/// What of the system differs from configuration to configuration.
fn describe(row: &mut Row, shape: &Shape) {
    let threads = f64::from(shape.clients * shape.client_threads());
    row.add("client_cores", "", Better::Neither, &[threads]);
    row.add("worker_cores", "", Better::Neither, &[f64::from(shape.workers())]);
}

/// The capacity per core of each as a part of that of the first.
fn efficiencies(points: &[(Cores, f64)]) -> Vec<f64> {
    let per_core = |&(cores, rate): &(Cores, f64)| rate / cores.count();
    let first = points.first().map(per_core).unwrap_or_default();
    points.iter().map(|point| per_core(point) / first).collect()
}

/// The part of a linear increase at which the search begins.
const FIRST_GUESS: f64 = 0.85;
const CPU: &str = "controller_cpu_us_per_request";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shards_and_perhaps_more_for_sockets() {
        assert_eq!("4".parse(), Ok(Cores { shards: 4, io: 0 }));
        assert_eq!("1+2".parse(), Ok(Cores { shards: 1, io: 2 }));
        assert_eq!(Cores { shards: 1, io: 2 }.to_string(), "1+2");
        for wrong in ["", "0", "1+", "a", "-1"] {
            assert!(wrong.parse::<Cores>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn efficiency_is_per_core_and_relative_to_the_first() {
        let cores = |shards| Cores { shards, io: 0 };
        let found = efficiencies(&[(cores(1), 100.0), (cores(2), 180.0), (cores(4), 200.0)]);
        let wanted = [1.0, 0.9, 0.5];
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
    }
}
