//! Schedulers that differ in one thing, beside each other where that thing matters.

use std::fmt;

use clockwork_config::SchedulerConfig;
use clockwork_wire::{Span, Status};

use crate::policies::Case;
use crate::scenario::TIGHT;
use crate::{Options, Report};

/// What is compared, and where.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    scenario: usize,
    slos_ms: &'static [u64],
    loads: &'static [f64],
    variants: &'static [Variant],
}

/// What it is called, and the knobs that make it.
type Variant = (&'static str, fn(&mut SchedulerConfig));

/// Loads in pieces and evictions in part, where small models with tight SLOs and large ones with lax
/// ones are copied to the same devices.
pub static LOADS: Comparison = Comparison {
    scenario: 0,
    slos_ms: &[12, 25, 50, 100],
    loads: &[0.5, 1.0, 1.5, 2.0, 3.0],
    variants: &[
        ("whole", |c| (c.load_quantum, c.partial_eviction) = (Span::ZERO, false)),
        ("evictions in part", |c| c.load_quantum = Span::ZERO),
        ("loads in pieces", |c| c.partial_eviction = false),
        ("both", |_| {}),
    ],
};

/// Timelines of links, where inputs of 602,112 bytes fill them before devices are busy.
pub static LINKS: Comparison = Comparison {
    scenario: 1,
    slos_ms: &[25, 50, 100, 250],
    loads: &[0.5, 0.8, 0.9, 1.0, 1.5, 2.0, 3.0],
    variants: &[("without", |c| c.link_bandwidth = 0), ("with", |_| {})],
};

/// Timelines of copies into devices, where inputs of 602,112 bytes fill the copy engines before devices
/// are busy.
pub static COPIES: Comparison = Comparison { scenario: 2, ..LINKS };

/// One case under every variant.
#[derive(Clone, Debug)]
pub struct Row {
    case: Case,
    reports: Vec<Report>,
}

impl Comparison {
    /// The head of its table, in Markdown.
    pub fn head(&self) -> String {
        let columns = self.variants.iter().fold(String::new(), |text, (name, _)| {
            text + &format!(" {name}: in SLO % | refused % | late % | cold p50 ms | cold p99 ms |")
        });
        let line = "---|".repeat(4 + 5 * self.variants.len());
        format!("| scenario | SLO ms | load | offered/s |{columns}\n|{line}")
    }

    /// Runs its cases, one after the other.
    pub fn rows(&self, seed: u64, options: &Options) -> impl Iterator<Item = Row> {
        let Self { scenario, slos_ms, loads, variants } = *self;
        let cases = slos_ms.iter().flat_map(move |&ms| {
            let slo = Span::from_millis(ms);
            loads.iter().map(move |&load| Case { scenario: &TIGHT[scenario], slo, load })
        });
        cases.map(move |case| {
            let run = |(_, tune): &Variant| case.run(seed, options, tune);
            Row { case, reports: variants.iter().map(run).collect() }
        })
    }
}

impl Row {
    /// What went wrong in any of the runs.
    pub fn violations(&self) -> impl Iterator<Item = &str> {
        self.reports.iter().flat_map(|report| &report.violations).map(String::as_str)
    }

    /// What each variant showed, in their order.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }
}

/// A line of the table in Markdown.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { scenario, slo, load } = self.case;
        let name = scenario.name.trim_start_matches("judge-");
        let offered = self.reports.first().map_or(0.0, |report| report.offered_rps);
        write!(f, "| {name} | {} | {load} | {offered:.0} |", slo.as_millis_f64())?;
        for report in &self.reports {
            let in_slo = 100.0 * report.in_slo;
            let refused = percent(report, Status::REFUSED);
            let late = 100.0 - in_slo - refused;
            let (p50, p99) = (report.cold.p50_ms, report.cold.p99_ms);
            write!(f, " {in_slo:.2} | {refused:.2} | {:.2} |", late.max(0.0))?;
            write!(f, " {p50:.1} | {p99:.1} |")?;
        }
        Ok(())
    }
}

/// The answers of this status, as a part of what was offered.
fn percent(report: &Report, status: Status) -> f64 {
    let count = report.refused.get(&status.to_string()).copied().unwrap_or_default();
    let float = |count: u64| Span::new(count).as_f64();
    100.0 * float(count) / float(report.offered.max(1))
}
