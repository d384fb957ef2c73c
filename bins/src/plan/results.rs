//! The folder of results: table, figure and everything as JSON, complete after every run.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::attempt::{Attempt, Missed};
use super::demand::Bounds;
use super::question::Question;
use super::search::Search;
use crate::Failure;
use crate::chart::{Axis, Chart, Line};
use crate::folder;

/// What has been found, and where it is written.
#[derive(Debug)]
pub(super) struct Results {
    dir: PathBuf,
    document: Document,
    max_devices: u32,
}

/// What `results.json` holds.
#[derive(Debug, Serialize)]
struct Document {
    /// The workload, on the command line of a client that would send it for real.
    client: String,
    /// What it says of itself: how a trace was scaled, for instance.
    notes: Vec<String>,
    profile: String,
    scheduler: &'static str,
    slo_ms: f64,
    target: f64,
    seed: u64,
    warmup_seconds: f64,
    seconds: f64,
    pages: u32,
    bounds: Bounds,
    /// The fewest devices from which on every number that was tried is enough.
    devices: Option<u32>,
    /// Whether the search came to its end.
    complete: bool,
    /// By the number of devices.
    attempts: Vec<Attempt>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// Even the most devices are too few.
    #[error("{0}")]
    TooMuch(String),
    /// It was broken off.
    #[error("broken off: {0}")]
    BrokenOff(String),
}

impl Results {
    /// An empty folder of results.
    ///
    /// # Errors
    /// If it cannot be made or written to.
    pub(super) fn create(
        dir: &Path,
        question: &Question,
        bounds: Bounds,
        notes: Vec<String>,
    ) -> Result<Self, Failure> {
        let document = Document {
            client: question.client(),
            notes,
            profile: question.profiles.place.clone(),
            scheduler: question.scheduler.kind.name(),
            slo_ms: question.limits.slo.as_millis_f64(),
            target: question.limits.target,
            seed: question.seed,
            warmup_seconds: question.warmup.as_secs_f64(),
            seconds: question.duration.as_secs_f64(),
            pages: question.limits.pages.get(),
            bounds,
            devices: None,
            complete: false,
            attempts: Vec::new(),
        };
        folder::create(dir)?;
        let results = Self { dir: dir.into(), document, max_devices: question.max_devices };
        results.write()?;
        Ok(results)
    }

    /// Keeps what a run came to.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub(super) fn keep(&mut self, attempt: Attempt) -> Result<(), Failure> {
        let attempts = &mut self.document.attempts;
        let at = attempts.partition_point(|other| other.devices < attempt.devices);
        attempts.insert(at, attempt);
        self.write()
    }

    /// Writes the end of the search: the answer in words, or why there is none.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub(super) fn finish(&mut self, search: &Search) -> Result<Result<String, NoAnswer>, Failure> {
        self.document.complete = search.is_over();
        self.document.devices = search.enough().filter(|_| search.is_over());
        self.write()?;
        let shown = |devices: Option<u32>| {
            let found = self.document.attempts.iter().find(|a| Some(a.devices) == devices);
            found.map_or_else(|| "nothing was measured".to_owned(), ToString::to_string)
        };
        let target = percent(self.document.target);
        Ok(match (search.is_over(), search.enough()) {
            (true, Some(devices)) => Ok(format!(
                "devices needed for {target} within {} ms: {devices}{}",
                self.document.slo_ms,
                self.doubt(devices)
            )),
            (true, None) => {
                let best = self.best();
                Err(NoAnswer::TooMuch(format!(
                    "--max-devices {} is too few for {target} within {} ms; the best: {}",
                    self.max_devices,
                    self.document.slo_ms,
                    shown(best)
                )))
            }
            (false, enough) => {
                let most = enough.map(|enough| format!(" and up to {enough}")).unwrap_or_default();
                Err(NoAnswer::BrokenOff(format!(
                    "more than {}{most} devices are needed for {target}",
                    search.missed()
                )))
            }
        })
    }

    /// What is asked for, and what it needs at the least.
    pub(super) fn demand(&self) -> String {
        let Bounds { requests, rate, asked, models, execution, copying } = self.document.bounds;
        format!(
            "{requests} requests in the {} s that are measured, {rate:.1}/s, for {asked} of {models} models: \
             about {execution} devices for executions, {copying} for copying weights",
            self.document.seconds
        )
    }

    /// A line for each number of devices; the answer is in bold.
    pub(super) fn table(&self) -> String {
        let mut text = format!("| {} |\n|{}\n", HEADS.join(" | "), " --- |".repeat(HEADS.len()));
        for attempt in &self.document.attempts {
            let cells = cells(attempt);
            let answer = self.document.devices == Some(attempt.devices);
            let cells: Vec<_> = if answer {
                cells.iter().map(|cell| format!("**{cell}**")).collect()
            } else {
                cells.to_vec()
            };
            let mark = if attempt.complete { "" } else { " (broken off)" };
            let _ = writeln!(text, "| {} |{mark}", cells.join(" | "));
        }
        text
    }

    /// A target that the number of requests cannot tell from "all of them".
    fn doubt(&self, devices: u32) -> String {
        let found = self.document.attempts.iter().find(|attempt| attempt.devices == devices);
        let requests = found.map_or(0, |attempt| attempt.requests);
        let may_miss = (1.0 - self.document.target) * clockwork_wire::Span::new(requests).as_f64();
        if self.document.target < 1.0 && may_miss < 1.0 {
            return format!(
                " (of the {requests} requests none may miss then: measure more --seconds to be sure)"
            );
        }
        String::new()
    }

    fn best(&self) -> Option<u32> {
        let complete = self.document.attempts.iter().filter(|attempt| attempt.complete);
        let best = complete.max_by(|a, b| a.satisfaction.total_cmp(&b.satisfaction));
        best.map(|attempt| attempt.devices)
    }

    fn write(&self) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(&self.document)?;
        folder::write(&self.dir, "results.json", &json)?;
        let text = format!("{}\n{}\n", self.demand(), self.table());
        folder::write(&self.dir, "table.md", text.as_bytes())?;
        folder::write(&self.dir, "satisfaction.svg", self.chart().svg().as_bytes())
    }

    /// Satisfaction by devices, beside the target. Where no request missed, half of one is drawn.
    fn chart(&self) -> Chart {
        let whole = || self.document.attempts.iter().filter(|attempt| attempt.complete);
        let place = |attempt: &Attempt| {
            let half = 0.5 / clockwork_wire::Span::new(attempt.requests.max(1)).as_f64();
            (f64::from(attempt.devices), attempt.satisfaction.min(1.0 - half))
        };
        let target = self.document.target.min(1.0 - 1e-7);
        let ends = [whole().next(), whole().next_back()].into_iter().flatten();
        let target = ends.map(|attempt| (f64::from(attempt.devices), target)).collect();
        let answer = self.document.devices;
        Chart {
            title: format!("Requests answered within {} ms", self.document.slo_ms),
            x: Axis::new("devices"),
            y: Axis::tail("in time, %"),
            lines: vec![
                Line::new("in time", whole().map(place).collect()),
                Line::new("target", target),
            ],
            marks: answer.map(|n| (f64::from(n), format!("needed: {n}"))).into_iter().collect(),
            ..Chart::default()
        }
    }
}

/// One line, as it is told.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { devices, requests, .. } = self;
        let part = percent(self.satisfaction);
        write!(f, "with {devices}: {part} of {requests} requests in time")?;
        if !self.complete {
            write!(f, " (broken off)")?;
        }
        if self.missed.all() > 0 {
            write!(f, "; {}", self.missed)?;
        }
        Ok(())
    }
}

/// What became of those that missed.
impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.refused, "refused early"),
            (self.waited, "waited in vain"),
            (self.late, "late"),
            (self.failed, "failed"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        write!(f, "{}", parts.join(", "))?;
        if self.cold > 0 {
            write!(f, " ({} that were not refused were cold)", self.cold)?;
        }
        Ok(())
    }
}

const HEADS: [&str; 13] = [
    "devices",
    "offered",
    "goodput",
    "in time",
    "p50",
    "p99",
    "p99.9",
    "max",
    "executing",
    "copying",
    "cold starts",
    "batch",
    "missed",
];

fn cells(attempt: &Attempt) -> [String; 13] {
    let ms = |value: f64| format!("{value:.2} ms");
    let rate = |value: f64| format!("{value:.1}/s");
    let part = |value: f64| format!("{:.1} %", value * 100.0);
    let missed = &attempt.missed;
    [
        attempt.devices.to_string(),
        rate(attempt.offered),
        rate(attempt.goodput),
        percent(attempt.satisfaction),
        ms(attempt.p50),
        ms(attempt.p99),
        ms(attempt.p999),
        ms(attempt.max),
        part(attempt.executing),
        part(attempt.copying),
        rate(attempt.cold_starts),
        format!("{:.2}", attempt.batch),
        if missed.all() == 0 { "0".into() } else { missed.to_string() },
    ]
}

/// As many digits as the nines need, but never 100 % of what is less.
fn percent(part: f64) -> String {
    let missing = (1.0 - part).abs();
    let digits = if missing > 0.0 && missing < 1e-3 { 5 } else { 2 };
    format!("{:.digits$} %", part * 100.0)
}
