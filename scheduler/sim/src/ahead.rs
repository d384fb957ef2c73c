//! How far ahead devices are given work: what the scheduler derives from its measurements, beside every
//! constant that it could be given instead.

use std::fmt;

use clockwork_config::SchedulerConfig;
use clockwork_wire::Span;

use crate::policies::Case;
use crate::shards::Runs;
use crate::{Calibration, Link, Options, PACED};

/// A way from the controller to the workers and back.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// What it is called in a table.
    pub name: &'static str,
    delay: Span,
    jitter: Span,
}

/// A wire within a data centre, and one that is ten times as long and as busy as it is long.
pub static WAYS: [Way; 2] = [
    Way { name: "50 us", delay: Span::from_micros(50), jitter: Span::ZERO },
    Way { name: "500 us + 250 us", delay: Span::from_micros(500), jitter: Span::from_micros(250) },
];

/// A constant instead of measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// How long before a device is free it is given its next action.
    pub ahead: Span,
    /// How many actions it is given at once.
    pub depth: u32,
}

/// One case on one way.
#[derive(Clone, Debug)]
pub struct Row {
    case: Case,
    way: Way,
    derived: Runs,
    fixed: Vec<(Setting, Runs)>,
}

impl Setting {
    /// Every constant that is tried.
    pub fn all() -> impl Iterator<Item = Self> {
        AHEADS_US.into_iter().flat_map(|us| {
            DEPTHS.into_iter().map(move |depth| Self { ahead: Span::from_micros(us), depth })
        })
    }

    fn tune(self, config: &mut SchedulerConfig) {
        (config.ahead, config.depth) = (self.ahead, self.depth);
    }
}

impl Row {
    /// Every case of the table on every way, at the load of the options or just at what the devices can
    /// do.
    pub fn cases(options: &Options) -> impl Iterator<Item = (Case, Way)> {
        let load = options.load.unwrap_or(1.0);
        let ways = PACED.iter().flat_map(|scenario| WAYS.map(|way| (scenario, way)));
        ways.flat_map(move |(scenario, way)| {
            SLOS_MS.map(|ms| (Case { scenario, slo: Span::from_millis(ms), load }, way))
        })
    }

    /// Runs a case with what is derived and with every constant, on the same seeds.
    ///
    /// # Panics
    /// As [`simulate`](crate::simulate).
    pub fn of((case, way): (Case, Way), seeds: &[u64], options: &Options) -> Self {
        let options = Options { calibration: Some(way.calibration()), ..options.clone() };
        let run = |tune: &dyn Fn(&mut SchedulerConfig)| {
            Runs::of(case.scenario, seeds, &case.options(&options, tune))
        };
        let fixed = Setting::all().map(|setting| (setting, run(&|config| setting.tune(config))));
        Self { case, way, derived: run(&|_| {}), fixed: fixed.collect() }
    }

    /// The head of a table of rows, in Markdown.
    pub fn head() -> String {
        let column = |text: String, us: u64| {
            text + &format!(" {} ms |", Span::from_micros(us).as_millis_f64())
        };
        let columns = AHEADS_US.into_iter().fold(String::new(), column);
        let line = "---|".repeat(AHEADS_US.len() + 10);
        format!(
            "| scenario | delivery | SLO ms | offered/s | derived in SLO % | p99 ms | mean batch | best \
             constant in SLO % | which | derived against it |{columns}\n|{line}"
        )
    }

    /// What went wrong in any of the runs.
    pub fn violations(&self) -> impl Iterator<Item = &str> {
        let runs = std::iter::once(&self.derived).chain(self.fixed.iter().map(|(_, runs)| runs));
        let reports = runs.flat_map(Runs::reports);
        reports.flat_map(|report| &report.violations).map(String::as_str)
    }

    /// The best constant, and the best with a given time: the least depth among equals.
    fn best(&self, ahead: Option<Span>) -> Option<&(Setting, Runs)> {
        let fits = |at: &&(Setting, Runs)| ahead.is_none_or(|ahead| at.0.ahead == ahead);
        let better = |a: &(Setting, Runs), b: &(Setting, Runs)| {
            a.1.goodput_rps().total_cmp(&b.1.goodput_rps())
        };
        self.fixed.iter().rev().filter(fits).max_by(|a, b| better(a, b))
    }

    /// How much more goodput one has than the other, in percent.
    fn gain(before: &Runs, after: &Runs) -> f64 {
        100.0 * (after.goodput_rps() / before.goodput_rps().max(1.0) - 1.0)
    }
}

/// A line of the table in Markdown; the last columns are the best depth of each constant against what is
/// derived, in percent.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, way, derived, .. } = self;
        let (name, slo) = (case.scenario.name.trim_start_matches("judge-"), case.slo);
        let (offered, in_slo) = (derived.offered_rps(), 100.0 * derived.in_slo());
        write!(f, "| {name} | {} | {} | {offered:.0} |", way.name, slo.as_millis_f64())?;
        let (p99, batch) = (derived.p99_ms(), derived.batch_mean());
        write!(f, " {in_slo:.1} | {p99:.1} | {batch:.1} |")?;
        let Some((setting, best)) = self.best(None) else { return Ok(()) };
        let (ahead, depth) = (setting.ahead.as_millis_f64(), setting.depth);
        write!(f, " {:.1} | {ahead} ms x {depth} |", 100.0 * best.in_slo())?;
        write!(f, " {:+.1} % |", Self::gain(best, derived))?;
        AHEADS_US.iter().try_for_each(|&us| {
            let best = self.best(Some(Span::from_micros(us)));
            best.map_or(Ok(()), |(_, runs)| write!(f, " {:+.1} |", Self::gain(derived, runs)))
        })
    }
}

impl Way {
    /// What messages cost on it; everything else is free.
    pub const fn calibration(self) -> Calibration {
        let link = Link { delay: self.delay, jitter: self.jitter, bandwidth: 0 };
        Calibration { worker_link: link, ..Calibration::NETWORK }
    }
}

const SLOS_MS: [u64; 7] = [10, 15, 25, 50, 100, 250, 500];
const AHEADS_US: [u64; 6] = [500, 1_000, 2_000, 5_000, 10_000, 20_000];
const DEPTHS: [u32; 4] = [1, 2, 3, 4];
