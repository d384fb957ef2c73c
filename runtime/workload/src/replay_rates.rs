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
    description: "Poisson streams with recorded rates, one for each file, over copies of a model of its own; ends with the longest",
    differs: "",
    parameters: &[
        Parameter::needed(
            "files",
            "string",
            "one file or several, separated by commas, with one number of requests per second a line; .gz and .zst too",
        ),
        Parameter::optional("num_models", "int", "1", "copies for each file"),
        Parameter::optional("model", "string", "resnet50_v2", "name of the model"),
        Parameter::optional("interval", "float", "1", "seconds for which a line holds"),
        Parameter::optional("scale", "float", "1", "factor on all rates"),
    ],
    build: |arguments| {
        let files: Vec<&str> = arguments.text("files").split(',').collect();
        let most = MODELS_MAX / u32::try_from(files.len()).unwrap_or(u32::MAX);
        let copies = arguments.count("num_models", 1..=most.max(1))?;
        let mut plan = Plan::default();
        for (user, file) in (0..).zip(files) {
            plan.load(arguments.text("model"), copies);
            add(&mut plan, arguments, file, UserId::new(user))?;
        }
        Ok(plan)
    },
};

/// Adds the stream of one file over the models loaded last.
fn add(
    plan: &mut Plan,
    arguments: &Arguments<'_>,
    file: &str,
    user: UserId,
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
    let copies = arguments.count("num_models", 1..=MODELS_MAX)?;
    let models = plan.models() - copies..plan.models();
    let targets = models.map(|model| Target::new(user, model)).collect();
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
