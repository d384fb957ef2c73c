//! One run of an experiment.

use clockwork_wire::Span;
use serde::Deserialize;
use toml::{Table, Value};

use super::parm::Parm;
use crate::{ConfigError, SchedulerConfig, Sources};

/// One run: a cluster of equal workers with emulated devices, and one workload.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Workers, 1 to 10,000.
    #[serde(default = "one")]
    pub workers: u32,
    /// Devices of each, 1 to 10,000.
    #[serde(default = "one")]
    pub gpus: u32,
    /// Pages of 16 MiB of each device's weights cache, at least 1. The published devices have 1,376.
    #[serde(default = "pages")]
    pub pages: u32,
    /// How durations scatter: sigma of a log-normal factor with median 1, 0 to 1. 0: not at all.
    #[serde(default)]
    pub jitter: f64,
    /// What messages and turns cost in virtual time: "network" or "loopback".
    #[serde(default = "network")]
    pub calibration: String,
    /// The workload and its positional parameters, as on the client's command line.
    pub workload: String,
    /// The model whose profile gives the devices' bound; empty: there is no bound to show.
    #[serde(default)]
    pub bound: String,
    /// Changes of the scheduler's knobs.
    #[serde(default)]
    scheduler: Table,
    /// From the first request to the beginning of what is measured as a whole. Cells begin at once.
    #[serde(default, with = "crate::unit::span")]
    pub warmup: Span,
    /// How long is measured, at most: a workload may end sooner.
    #[serde(with = "crate::unit::span")]
    pub duration: Span,
    /// Requests for the first so many models count as class 0, those for the others as class 1. 0:
    /// all are of class 0.
    #[serde(default)]
    pub foreground: u32,
    /// What the run is cut into.
    #[serde(default)]
    pub cells: Cells,
    /// The length of a cell of [`Cells::Interval`].
    #[serde(default = "minute", with = "crate::unit::span")]
    pub interval: Span,
    /// Seed of the first trial; each further one has the next.
    #[serde(default = "seed")]
    pub seed: u64,
    /// A run of ParM's harness, from which most of the others follow; none: one of Clockwork's.
    #[serde(skip)]
    pub parm: Option<Parm>,
}

/// What a run is cut into, so that one run shows a curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cells {
    /// Nothing: it is one.
    #[default]
    None,
    /// Equal intervals.
    Interval,
    /// Requests by the SLO factor that class 0 has.
    SloFactor,
}

impl Run {
    /// A run of ParM's harness. Nothing is refused: the SLO is 100 s, as there.
    pub(super) fn of_parm(parm: Parm) -> Self {
        let knobs: [(&str, Value); 6] = [
            ("default_slo", "100s".into()),
            ("max_exec", "10s".into()),
            ("max_batch", i64::from(parm.batch).into()),
            ("max_gpus", i64::from(parm.devices()).into()),
            ("max_requests", 10_000_000_i64.into()),
            ("link_bandwidth", i64::try_from(parm.machine().bandwidth).unwrap_or(i64::MAX).into()),
        ];
        Self {
            workers: parm.devices(),
            gpus: 1,
            pages: pages(),
            jitter: 0.002,
            calibration: network(),
            workload: "parm".into(),
            bound: String::new(),
            scheduler: knobs.map(|(key, value)| (key.to_owned(), value)).into_iter().collect(),
            warmup: Span::ZERO,
            duration: parm.duration(),
            foreground: 0,
            cells: Cells::None,
            interval: minute(),
            seed: seed(),
            parm: Some(parm),
        }
    }

    /// The scheduler's knobs.
    ///
    /// # Errors
    /// If a knob is unknown or its value out of range.
    pub fn scheduler(&self) -> Result<SchedulerConfig, ConfigError> {
        let mut sources = Sources::default();
        for (key, value) in self.knobs() {
            sources = sources.flag(&format!("scheduler.{key}"), Some(value));
        }
        Ok(sources.resolve()?.config.scheduler)
    }

    /// The changed knobs of the scheduler by name, as text.
    pub fn knobs(&self) -> impl Iterator<Item = (&str, String)> {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.scheduler.iter().map(move |(key, value)| (key.as_str(), plain(value)))
    }

    /// Name and positional parameters of the workload.
    pub fn words(&self) -> (String, Vec<String>) {
        let mut words = self.workload.split_whitespace().map(str::to_owned);
        (words.next().unwrap_or_default(), words.collect())
    }

    /// Devices in all.
    pub const fn devices(&self) -> u32 {
        self.workers * self.gpus
    }

    /// Ranges, and the scheduler's knobs.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let within = |key, value: u32| {
            let range = 1..=DEVICES_MAX;
            ConfigError::unless(range.contains(&value), key, value, "1 to 10000")
        };
        within("run.workers", self.workers)?;
        within("run.gpus", self.gpus)?;
        let fits = self.workers.checked_mul(self.gpus).is_some_and(|all| all <= DEVICES_MAX);
        ConfigError::unless(fits, "run.gpus", self.gpus, "10000 in all")?;
        ConfigError::unless(self.pages >= 1, "run.pages", self.pages, "at least 1")?;
        let jitter = (0.0..=1.0).contains(&self.jitter);
        ConfigError::unless(jitter, "run.jitter", self.jitter, "0 to 1")?;
        let named = ["network", "loopback"].contains(&self.calibration.as_str());
        ConfigError::unless(named, "run.calibration", &self.calibration, "network or loopback")?;
        let lasts = |span: Span| !span.is_zero();
        ConfigError::unless(lasts(self.duration), "run.duration", self.duration, "above 0")?;
        ConfigError::unless(lasts(self.interval), "run.interval", self.interval, "above 0")?;
        self.scheduler().map(|_| ())
    }
}

const DEVICES_MAX: u32 = 10_000;

const fn one() -> u32 {
    1
}

const fn pages() -> u32 {
    1_376
}

const fn seed() -> u64 {
    1
}

const fn minute() -> Span {
    Span::from_secs(60)
}

fn network() -> String {
    "network".into()
}
