//! What sharding costs: goodput of several shards against one scheduler, near its capacity.

use std::fmt;

use clockwork_wire::Span;

use crate::report::Work;
use crate::{Options, Report, Scenario, simulate};

/// Goodput at one offered load.
#[derive(Clone, Debug)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// Offered load as a part of the [`capacity`].
    pub part: f64,
    /// Of one scheduler with nothing around it.
    pub alone: Report,
    /// Of each number of shards.
    pub sharded: Vec<(usize, Report)>,
}

/// The highest load factor at which one scheduler answers [`ENOUGH`] of all requests within their
/// SLO, bisected to half a percent.
///
/// # Panics
/// As [`simulate`]; so does [`compare`].
pub fn capacity(scenario: &Scenario, seed: u64, options: &Options) -> f64 {
    let copes = |load| simulate(scenario, seed, &alone(options, load)).in_slo >= ENOUGH;
    let (mut least, mut most) = LOADS;
    while most - least > PRECISION {
        let middle = f64::midpoint(least, most);
        if copes(middle) { least = middle } else { most = middle }
    }
    least
}

/// Compares one scheduler with each number of shards, at a part of its capacity and on one seed.
pub fn compare(
    scenario: &Scenario,
    seed: u64,
    options: &Options,
    (capacity, part): (f64, f64),
    counts: &[usize],
) -> Row {
    let alone = alone(options, part * capacity);
    let run = |&shards: &usize| {
        let options = Options { shards: Some(shards), ..alone.clone() };
        (shards, simulate(scenario, seed, &options))
    };
    Row {
        scenario: scenario.name.to_owned(),
        part,
        alone: simulate(scenario, seed, &alone),
        sharded: counts.iter().map(run).collect(),
    }
}

impl Row {
    /// The head of a table of rows, in Markdown.
    pub fn head(counts: &[usize]) -> String {
        let column = |text, count: &usize| format!("{text} {count} |");
        let columns = counts.iter().fold(String::new(), column);
        let line = "---|".repeat(counts.len() + 5);
        format!("| scenario | load | offered/s | one scheduler | in SLO |{columns}\n|{line}")
    }

    /// The largest part of one scheduler's goodput that any number of shards loses.
    pub fn loss(&self) -> f64 {
        self.losses().fold(0.0, f64::max)
    }

    /// What went wrong in any of the runs.
    pub fn violations(&self) -> impl Iterator<Item = &str> {
        let sharded = self.sharded.iter().map(|(_, report)| report);
        std::iter::once(&self.alone).chain(sharded).flat_map(|r| &r.violations).map(String::as_str)
    }

    fn losses(&self) -> impl Iterator<Item = f64> {
        let alone = self.alone.goodput_rps.max(1.0);
        self.sharded.iter().map(move |(_, report)| 1.0 - report.goodput_rps / alone)
    }
}

/// A line of a table in Markdown: what one scheduler does, and for each number of shards by how much
/// the goodput differs and how many homes and weights change per second.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, part, alone, .. } = self;
        let Report { offered_rps, goodput_rps, in_slo, .. } = alone;
        let in_slo = 100.0 * in_slo;
        write!(
            f,
            "| {scenario} | {part:.2} | {offered_rps:.0} | {goodput_rps:.0} | {in_slo:.2} % |"
        )?;
        self.losses().zip(&self.sharded).try_for_each(|(loss, (_, report))| {
            let Work { homes_changed, weights_changed, seconds, .. } = report.work;
            let per_second = |count: u64| Span::new(count).as_f64() / seconds.max(1e-9);
            let (homes, weights) = (per_second(homes_changed), per_second(weights_changed));
            write!(f, " {:+.2} % ({homes:.0}, {weights:.0}) |", -100.0 * loss)
        })
    }
}

fn alone(options: &Options, load: f64) -> Options {
    Options { shards: Some(0), load: Some(load), ..options.clone() }
}

/// The part of all requests that has to be in time for a load to count as carried.
pub const ENOUGH: f64 = 0.99;

/// Load factors between which the capacity is.
const LOADS: (f64, f64) = (0.5, 1.5);

const PRECISION: f64 = 0.005;
