//! What sharding costs: goodput of several shards against one scheduler, near its capacity.

use std::fmt;

use clockwork_wire::Span;

use crate::{Options, Report, Scenario, simulate};

/// The same at several seeds, so that no single one decides at the edge of the capacity.
#[derive(Clone, Debug)]
pub struct Runs(Vec<Report>);

/// Goodput at one offered load.
#[derive(Clone, Debug)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// Offered load as a part of the [`capacity`].
    pub part: f64,
    /// Of one scheduler with nothing around it.
    pub alone: Runs,
    /// Of each number of shards.
    pub sharded: Vec<(usize, Runs)>,
}

/// The highest load factor at which one scheduler answers [`ENOUGH`] of all requests within their
/// SLO, bisected to half a percent.
///
/// # Panics
/// As [`simulate`]; so does [`compare`].
pub fn capacity(scenario: &Scenario, seeds: &[u64], options: &Options) -> f64 {
    let copes = |load| Runs::of(scenario, seeds, &alone(options, load)).in_slo() >= ENOUGH;
    let (mut least, mut most) = LOADS;
    while most - least > PRECISION {
        let middle = f64::midpoint(least, most);
        if copes(middle) { least = middle } else { most = middle }
    }
    least
}

/// Compares one scheduler with each number of shards, at a part of its capacity and on the same
/// seeds.
pub fn compare(
    scenario: &Scenario,
    seeds: &[u64],
    options: &Options,
    (capacity, part): (f64, f64),
    counts: &[usize],
) -> Row {
    let alone = alone(options, part * capacity);
    let run = |&shards: &usize| {
        let options = Options { shards: Some(shards), ..alone.clone() };
        (shards, Runs::of(scenario, seeds, &options))
    };
    Row {
        scenario: scenario.name.to_owned(),
        part,
        alone: Runs::of(scenario, seeds, &alone),
        sharded: counts.iter().map(run).collect(),
    }
}

impl Runs {
    /// Runs every seed, beside each other: a run touches nothing but itself.
    pub(crate) fn of(scenario: &Scenario, seeds: &[u64], options: &Options) -> Self {
        std::thread::scope(|scope| {
            let start = |&seed| scope.spawn(move || simulate(scenario, seed, options));
            let runs: Vec<_> = seeds.iter().map(start).collect();
            let finish = |run: std::thread::ScopedJoinHandle<'_, Report>| {
                run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            Self(runs.into_iter().map(finish).collect())
        })
    }

    /// The reports, in the order of the seeds.
    pub fn reports(&self) -> &[Report] {
        &self.0
    }

    /// Requests per second offered, by the mean of the seeds; so are the others.
    pub fn offered_rps(&self) -> f64 {
        self.mean(|report| report.offered_rps)
    }

    /// Requests per second answered within their SLO.
    pub fn goodput_rps(&self) -> f64 {
        self.mean(|report| report.goodput_rps)
    }

    /// Goodput as a fraction of what was offered.
    pub fn in_slo(&self) -> f64 {
        self.goodput_rps() / self.offered_rps().max(f64::MIN_POSITIVE)
    }

    /// Changes per second of the table of homes that gave a model another shard.
    pub fn homes_changed(&self) -> f64 {
        self.mean(|Report { work, .. }| Span::new(work.homes_changed).as_f64() / work.seconds)
    }

    /// 99th percentile of the latency of what was answered.
    pub fn p99_ms(&self) -> f64 {
        self.mean(|report| report.latency.p99_ms)
    }

    /// Mean inputs per INFER.
    pub fn batch_mean(&self) -> f64 {
        self.mean(|report| report.batch_mean)
    }

    fn mean(&self, of: impl Fn(&Report) -> f64) -> f64 {
        let (sum, count) = self.0.iter().fold((0.0, 0.0), |(s, n), r| (s + of(r), n + 1.0));
        sum / f64::max(count, 1.0)
    }
}

impl Row {
    /// The head of a table of rows, in Markdown.
    pub fn head(counts: &[usize]) -> String {
        let column = |head: String, count: &usize| format!("{head} {count} |");
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
        let sharded = self.sharded.iter().map(|(_, runs)| runs);
        let reports = std::iter::once(&self.alone).chain(sharded).flat_map(Runs::reports);
        reports.flat_map(|report| &report.violations).map(String::as_str)
    }

    fn losses(&self) -> impl Iterator<Item = f64> {
        let alone = self.alone.goodput_rps().max(1.0);
        self.sharded.iter().map(move |(_, runs)| 1.0 - runs.goodput_rps() / alone)
    }
}

/// A line of a table in Markdown: what one scheduler does, and for each number of shards by how much
/// the goodput differs and how many homes change per second.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, part, alone, .. } = self;
        let (offered, goodput) = (alone.offered_rps(), alone.goodput_rps());
        let in_slo = 100.0 * alone.in_slo();
        write!(f, "| {scenario} | {part:.2} | {offered:.0} | {goodput:.0} | {in_slo:.2} % |")?;
        self.losses().zip(&self.sharded).try_for_each(|(loss, (_, runs))| {
            let loss = (loss * -10_000.0).round() / 100.0 + 0.0;
            write!(f, " {loss:+.2} % ({:.0}) |", runs.homes_changed())
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
