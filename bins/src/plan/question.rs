//! What is asked for, checked before anything runs.

use std::path::Path;

use clockwork_config::SchedulerConfig;
use clockwork_wire::{Pages, Span};
use clockwork_workload::{Context, Plan, UsageError, registry};

use super::Arguments;
use super::demand::Limits;
use super::profile::Profiles;
use crate::{Failure, knobs};

/// A question that can be answered.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) profiles: Profiles,
    pub(super) scheduler: SchedulerConfig,
    pub(super) limits: Limits,
    pub(super) warmup: Span,
    pub(super) duration: Span,
    pub(super) jitter: f64,
    pub(super) seed: u64,
    pub(super) max_devices: u32,
    /// The workload's name and its positional arguments.
    workload: (&'static str, Vec<String>),
    context: Context,
}

impl Question {
    /// The question that a command line asks.
    ///
    /// # Errors
    /// If an option is out of range, a file is no trace or profile, or no number of devices can do it.
    pub(super) fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let slo = within("slo", arguments.slo, 0.001..=3_600_000.0, "0.001 to 3600000 ms")?;
        let slo = Span::from_f64(slo * 1e6);
        let target = arguments.target;
        if !(target > 0.0 && target <= 1.0) {
            return Err(Failure::usage(format!(
                "--target is `{target}`: a fraction above 0 and up to 1 is allowed (0.999 is 99.9 %)"
            )));
        }
        let duration = seconds("seconds", arguments.seconds, 0.001)?;
        let warmup = seconds("warmup", arguments.warmup, 0.0)?;
        let jitter = within("jitter", arguments.jitter, 0.0..=1.0, "0 to 1")?;
        let profiles = Profiles::read(arguments.profile.as_deref())?;
        let models = models(arguments, &profiles)?;
        let pages = Pages::new(arguments.pages);
        for (name, _) in &models {
            feasible(&profiles, name, slo, pages)?;
        }
        let scheduler = knobs::scheduler(&arguments.knobs)?.unwrap_or_default();
        let scheduler = SchedulerConfig {
            kind: arguments.scheduler.unwrap_or(scheduler.kind),
            default_slo: slo,
            ..scheduler
        };
        let limits = Limits { slo, max_batch: scheduler.max_batch, pages, target };
        let workload = workload(arguments, &models)?;
        // The models' names are checked; `all` stands for nothing here.
        let context = Context { models: Vec::new(), ..arguments.trace.context(arguments.seed)? };
        let max_devices = arguments.max_devices;
        let seed = arguments.seed;
        Ok(Self {
            profiles,
            scheduler,
            limits,
            warmup,
            duration,
            jitter,
            seed,
            max_devices,
            workload,
            context,
        })
    }

    /// The workload, as the client would run it.
    ///
    /// # Errors
    /// If its trace or its rates cannot be used.
    pub(super) fn plan(&self) -> Result<Plan, Failure> {
        let (name, arguments) = &self.workload;
        let option = if *name == "replay-trace" { "--trace" } else { "--rates" };
        let usage = |error: UsageError| match error {
            UsageError::File { source, .. } => Failure::usage(format!("{option}: {source}")),
            UsageError::UnknownWorkload { .. }
            | UsageError::Missing { .. }
            | UsageError::Invalid { .. }
            | UsageError::TooMany { .. }
            | UsageError::NoModels { .. } => Failure::usage(error.to_string()),
        };
        registry::find(name).map_err(usage)?.plan(arguments, &self.context).map_err(usage)
    }

    /// The workload on the client's command line.
    pub(super) fn client(&self) -> String {
        let (name, arguments) = &self.workload;
        format!("client HOST:PORT {name} {}", arguments.join(" "))
    }
}

/// The models with their copies.
fn models(arguments: &Arguments, profiles: &Profiles) -> Result<Vec<(String, u32)>, Failure> {
    let Some(text) = &arguments.models else {
        let all = profiles.listed.iter();
        return Ok(all.map(|name| (name.clone(), arguments.copies)).collect());
    };
    let model = |part: &str| {
        let (name, copies) = part.split_once(':').unwrap_or((part, ""));
        let copies = if copies.is_empty() { Ok(arguments.copies) } else { copies.parse() };
        let copies = copies.ok().filter(|copies| (1..=COPIES_MAX).contains(copies));
        let copies = copies.ok_or_else(|| {
            Failure::usage(format!(
                "--models has `{part}`: NAME or NAME:COPIES is allowed, with 1 to {COPIES_MAX} copies"
            ))
        })?;
        profiles.find(name)?;
        Ok((name.to_owned(), copies))
    };
    text.split(',').map(|part| model(part.trim())).collect()
}

/// Whether a device can serve a model in time at all.
fn feasible(profiles: &Profiles, name: &str, slo: Span, pages: Pages) -> Result<(), Failure> {
    let profile = profiles.find(name)?;
    let single = profile.batches.first().map_or(Span::ZERO, |one| one.exec);
    if single > slo {
        return Err(Failure::usage(format!(
            "--slo is `{}` ms: {name} alone takes {:.3} ms, so that no device answers it in time",
            slo.as_millis_f64(),
            single.as_millis_f64()
        )));
    }
    if profile.pages > pages {
        return Err(Failure::usage(format!(
            "--pages is `{}`: {name} alone needs {} pages of 16 MiB",
            pages.get(),
            profile.pages.get()
        )));
    }
    Ok(())
}

/// The workload that asks for these models.
fn workload(
    arguments: &Arguments,
    models: &[(String, u32)],
) -> Result<(&'static str, Vec<String>), Failure> {
    let named = models.iter().map(|(name, copies)| format!("{name}:{copies}"));
    let named = named.collect::<Vec<_>>().join(",");
    let scale = arguments.trace.scale_rate.unwrap_or(1.0).to_string();
    match (&arguments.trace.trace, &arguments.rates) {
        (Some(_), None) => Ok(("replay-trace", vec![named])),
        (None, Some(files)) => {
            readable(files, models)?;
            let words = [files.as_str(), "1", &named, "1", &scale];
            Ok(("replay-rates", words.map(str::to_owned).to_vec()))
        }
        _ => Err(Failure::usage(
            "one of --trace FILE (Azure Functions) and --rates FILE (requests per second, a number a line) is needed",
        )),
    }
}

/// Whether there are these files: one, or one for each model.
fn readable(files: &str, models: &[(String, u32)]) -> Result<(), Failure> {
    let names: Vec<&str> = files.split(',').collect();
    if let Some(file) = names.iter().find(|file| !Path::new(file).is_file()) {
        return Err(Failure::usage(format!("--rates: there is no file `{file}`")));
    }
    if names.len() != 1 && names.len() != models.len() {
        return Err(Failure::usage(format!(
            "--rates names {} files for {} models: allowed is one, or one for each model",
            names.len(),
            models.len()
        )));
    }
    Ok(())
}

fn seconds(name: &str, value: f64, least: f64) -> Result<Span, Failure> {
    let allowed = format!("{least} to 2678400 s");
    Ok(Span::from_f64(within(name, value, least..=2_678_400.0, &allowed)? * 1e9))
}

fn within(
    name: &str,
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    allowed: &str,
) -> Result<f64, Failure> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Failure::usage(format!("--{name} is `{value}`: allowed is {allowed}")))
}

/// As many as one request may load.
const COPIES_MAX: u32 = 65_536;
