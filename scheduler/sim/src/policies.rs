//! What each policy of the scheduler `clockwork` is worth: the same seeds with it and without it.

use std::fmt;

use clockwork_config::{Eviction, SchedulerConfig, SchedulerKind};
use clockwork_wire::Span;

use crate::scenario::{CLUSTERS, JUDGED};
use crate::{Options, Report, Scenario, simulate};

/// A scheduler that is compared.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What it is called in a table.
    pub name: &'static str,
    tune: fn(&mut SchedulerConfig),
}

/// The published scheduler, ours, and ours with one policy changed each.
pub static POLICIES: [Policy; 8] = [
    Policy { name: "infer5", tune: |c| c.kind = SchedulerKind::Infer5 },
    Policy { name: "clockwork", tune: |c| c.kind = SchedulerKind::Clockwork },
    Policy { name: "no refusal", tune: |c| c.early_refusal = false },
    Policy { name: "no thrift", tune: |c| c.thrift = false },
    Policy { name: "10 ms ahead", tune: |c| (c.ahead, c.depth) = (Span::from_millis(10), 4) },
    Policy { name: "deferral", tune: |c| c.defer = true },
    Policy { name: "no spread", tune: |c| c.spread = false },
    Policy { name: "lru", tune: |c| c.eviction = Eviction::Lru },
];

/// What is compared: a scenario, an SLO and a load.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// The SLO of its requests.
    pub slo: Span,
    /// Factor on its load.
    pub load: f64,
}

/// One case under several policies.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case.
    pub case: Case,
    /// The report of each policy.
    pub reports: Vec<Report>,
}

impl Case {
    /// Every case of the table of policies, in its order; those of a trace only if there is one.
    pub fn all(options: &Options) -> impl Iterator<Item = Self> {
        let traced = CLUSTERS.iter().filter(|s| s.name == AZURE && options.trace.is_some());
        let with_slos = |scenario| SLOS_MS.map(move |ms| (scenario, Span::from_millis(ms)));
        let cases = JUDGED.iter().chain(traced).flat_map(with_slos);
        cases.flat_map(|(scenario, slo)| LOADS.map(move |load| Self { scenario, slo, load }))
    }

    /// Whether it is a case of this scenario.
    pub fn is_of(&self, scenario: &str) -> bool {
        self.scenario.name == scenario
    }

    /// Runs the case with some knobs turned.
    ///
    /// # Panics
    /// As [`simulate`].
    pub fn run(&self, seed: u64, options: &Options, tune: impl Fn(&mut SchedulerConfig)) -> Report {
        simulate(self.scenario, seed, &self.options(options, tune))
    }

    /// The options of the case with some knobs turned.
    pub(crate) fn options(
        &self,
        options: &Options,
        tune: impl Fn(&mut SchedulerConfig),
    ) -> Options {
        let mut config = SchedulerConfig {
            kind: SchedulerKind::Clockwork,
            default_slo: self.slo,
            ..SchedulerConfig::default()
        };
        tune(&mut config);
        // Queues take about an SLO to come to rest.
        let warmup = Span::from_secs(1) + self.slo.times(2);
        let duration = Span::from_secs(2) + self.slo.times(4);
        Options {
            kind: Some(config.kind),
            scheduler: Some(config),
            load: Some(self.load),
            warmup: Some(options.warmup.unwrap_or(warmup)),
            duration: Some(options.duration.unwrap_or(duration)),
            devices: options.devices.or(Some(DEVICES)),
            ..options.clone()
        }
    }
}

impl Row {
    /// Runs a case under every policy.
    ///
    /// # Panics
    /// As [`simulate`].
    pub fn of(case: Case, seed: u64, options: &Options) -> Self {
        let run = |policy: &Policy| case.run(seed, options, policy.tune);
        let reports = POLICIES.iter().map(run).collect();
        Self { case, reports }
    }

    /// The head of a table of rows, in Markdown.
    pub fn head() -> String {
        let names = POLICIES.iter().skip(2).map(|policy| policy.name);
        let columns = names.fold(String::new(), |text, name| text + " " + name + " |");
        let line = "---|".repeat(POLICIES.len() + 12);
        format!(
            "| scenario | SLO ms | load | offered/s | infer5 in SLO % | late or refused after ms | \
             cold | p99 ms | clockwork in SLO % | against infer5 | refused after ms | cold | p99 ms \
             | mean batch |{columns}\n|{line}"
        )
    }

    /// What went wrong in any of the runs.
    pub fn violations(&self) -> impl Iterator<Item = &str> {
        self.reports.iter().flat_map(|report| &report.violations).map(String::as_str)
    }

    /// How much more goodput the second has than the first, in percent.
    fn gain(before: &Report, after: &Report) -> f64 {
        100.0 * (after.goodput_rps / before.goodput_rps.max(1.0) - 1.0)
    }
}

/// A line of the table in Markdown.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [base, ours, others @ ..] = &self.reports[..] else { return Ok(()) };
        let Case { scenario, slo, load } = self.case;
        let (name, slo) = (scenario.name.trim_start_matches("judge-"), slo.as_millis_f64());
        write!(f, "| {name} | {slo} | {load} | {:.0} |", base.offered_rps)?;
        for report in [base, ours] {
            write!(f, " {:.1} |", 100.0 * report.in_slo)?;
            if std::ptr::eq(report, ours) {
                write!(f, " {:+.1} % |", Self::gain(base, ours))?;
            }
            let (refused, p99) = (report.refusal.p50_ms, report.latency.p99_ms);
            write!(f, " {refused:.2} | {} | {p99:.1} |", report.cold_starts)?;
        }
        write!(f, " {:.1} |", ours.batch_mean)?;
        others.iter().try_for_each(|other| write!(f, " {:+.1} |", Self::gain(ours, other)))
    }
}

const SLOS_MS: [u64; 6] = [10, 25, 50, 100, 250, 500];
const LOADS: [f64; 6] = [0.5, 0.9, 1.0, 1.5, 2.0, 3.0];

/// What of the traced clusters is judged by, and how many devices it has.
const AZURE: &str = "azure-shift";
const DEVICES: usize = 8;
