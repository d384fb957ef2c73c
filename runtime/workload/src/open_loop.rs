//! `open-loop`: a Poisson stream with a popularity, a model and a course of rates to choose.

use clockwork_wire::Span;

use crate::arguments::MODELS_MAX;
use crate::generator::{OpenLoop, Popularity, Step};
use crate::{Arguments, Parameter, Plan, UsageError, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "open-loop",
    description: "copies of a model that share a Poisson stream by popularity, at one rate or in steps",
    differs: "",
    parameters: &[
        Parameter {
            name: "num_models",
            kind: "int",
            default: None,
            meaning: "copies of the model",
        },
        Parameter {
            name: "rate",
            kind: "float or steps",
            default: None,
            meaning: "requests per second in all, or RATE:SECONDS,RATE:SECONDS,... one after the other",
        },
        Parameter {
            name: "popularity",
            kind: "string",
            default: Some("uniform"),
            meaning: "how requests spread over the copies: uniform, or zipf:EXPONENT from 0 to 10",
        },
        Parameter {
            name: "model",
            kind: "string",
            default: Some("resnet50_v2"),
            meaning: "name of the model; resnet50_v2_4kb is resnet50_v2 with an input of 4 kB",
        },
    ],
    build: |arguments| {
        let copies = arguments.count("num_models", 1..=MODELS_MAX)?;
        let mut plan = Plan::of(arguments.text("model"), copies);
        let (popularity, steps) = (popularity(arguments)?, steps(arguments)?);
        plan.add(OpenLoop::new(plan.targets(), popularity, steps));
        Ok(plan)
    },
};

fn popularity(arguments: &Arguments<'_>) -> Result<Popularity, UsageError> {
    let text = arguments.text("popularity");
    if text == "uniform" {
        return Ok(Popularity::Uniform);
    }
    let exponent = text.strip_prefix("zipf:").and_then(|exponent| exponent.parse().ok());
    exponent.filter(|exponent| (0.0..=10.0).contains(exponent)).map(Popularity::Zipf).ok_or_else(
        || arguments.invalid("popularity", text, "uniform, or zipf:EXPONENT from 0 to 10".into()),
    )
}

/// One rate without end, or rates with their seconds.
fn steps(arguments: &Arguments<'_>) -> Result<Vec<Step>, UsageError> {
    let text = arguments.text("rate");
    if !text.contains(':') {
        return Ok(vec![Step { rate: arguments.rate("rate")?, length: Span::MAX }]);
    }
    text.split(',').map(|step| parse_step(arguments, step)).collect()
}

fn parse_step(arguments: &Arguments<'_>, text: &str) -> Result<Step, UsageError> {
    let wrong = || {
        let allowed = "RATE:SECONDS,RATE:SECONDS,... with seconds above 0 and at most a day";
        arguments.invalid("rate", text, allowed.into())
    };
    let (rate, seconds) = text.split_once(':').ok_or_else(wrong)?;
    let seconds = seconds.parse().ok().filter(|s: &f64| *s > 0.0 && *s <= DAY).ok_or_else(wrong)?;
    let length = Span::from_f64(seconds * 1e9);
    Ok(Step { rate: arguments.parse_rate("rate", rate)?, length })
}

const DAY: f64 = 86_400.0;
