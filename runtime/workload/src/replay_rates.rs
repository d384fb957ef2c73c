//! `replay-rates`: recorded rates.

use std::path::Path;

use clockwork_wire::UserId;

use crate::arguments::{MODELS_MAX, RATE_MAX};
use crate::generator::{OpenLoop, Popularity, Step};
use crate::text::significant;
use crate::trace::{FileError, Lines};
use crate::{Arguments, Parameter, Plan, Target, UsageError, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "replay-rates",
    description: "Poisson streams with recorded rates, one for each file, over models of its own; ends with the longest",
    differs: "",
    parameters: &[
        Parameter::needed(
            "files",
            "string",
            "one file or several, separated by commas, with one number of requests per second a line; .gz and .zst too",
        ),
        Parameter::optional("num_models", "int", "1", "copies of each model for each file"),
        Parameter::optional(
            "model",
            "string",
            "resnet50_v2",
            "NAME or NAME:COPIES, or several separated by commas: as many as files, one for each; else each file asks for all of them alike",
        ),
        Parameter::optional("interval", "float", "1", "seconds for which a line holds"),
        Parameter::optional("scale", "float", "1", "factor on all rates"),
    ],
    build: |arguments| {
        let files: Vec<&str> = arguments.text("files").split(',').collect();
        let models = arguments.models("model")?;
        let own = models.len() == files.len();
        let once: u32 = models.iter().map(|(_, copies)| copies).sum();
        let rounds = if own { 1 } else { u32::try_from(files.len()).unwrap_or(u32::MAX) };
        let most = MODELS_MAX / once.saturating_mul(rounds);
        let times = arguments.count("num_models", 1..=most.max(1))?;
        let mut plan = Plan::default();
        for (user, file) in (0..).zip(files) {
            let models = if own { &models[user..=user] } else { &models[..] };
            let begin = plan.models();
            for (name, copies) in models {
                plan.load(name, copies * times);
            }
            let user = UserId::new(u32::try_from(user).expect("a command line names few files"));
            let targets = (begin..plan.models()).map(|model| Target::new(user, model)).collect();
            add(&mut plan, arguments, file, targets)?;
        }
        Ok(plan)
    },
};

/// Adds the stream of one file.
fn add(
    plan: &mut Plan,
    arguments: &Arguments<'_>,
    file: &str,
    targets: Vec<Target>,
) -> Result<(), UsageError> {
    let length = arguments.seconds("interval")?;
    let scale = arguments.number("scale", 1e-9..=1e9)?;
    let rates = rates(arguments, file)
        .map_err(|source| UsageError::File { workload: arguments.workload(), source })?;
    let lines = u32::try_from(rates.len()).expect("a file has fewer lines");
    let mean = scale * rates.iter().sum::<f64>() / f64::from(lines);
    plan.note(format!(
        "{file}: {lines} rates x {}, {} requests/s",
        significant(scale),
        significant(mean)
    ));
    let steps = rates.into_iter().map(|rate| Step { rate: rate * scale, length }).collect();
    plan.add(OpenLoop::new(targets, Popularity::Uniform, steps));
    Ok(())
}

fn rates(arguments: &Arguments<'_>, file: &str) -> Result<Vec<f64>, FileError> {
    let opened = arguments.context().files.open(Path::new(file));
    let mut lines = Lines::new(file, opened.map_err(|error| FileError::of(file, error))?);
    let mut rates = Vec::new();
    while let Some((number, line)) = lines.next()? {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let rate = text.parse().ok().filter(|rate| (0.0..=RATE_MAX).contains(rate));
        rates.push(rate.ok_or_else(|| {
            let cut: String = text.chars().take(60).collect();
            let reason = format!("`{cut}` is no number of requests per second up to {RATE_MAX}");
            FileError::of(file, reason).at(number)
        })?);
    }
    if rates.iter().all(|rate: &f64| *rate == 0.0) {
        return Err(FileError::of(file, "no line has a rate above 0"));
    }
    Ok(rates)
}
