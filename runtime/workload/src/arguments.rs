//! Positional arguments of a workload, checked against its parameters.

use std::ops::RangeInclusive;

use clockwork_wire::Span;

use crate::generator::Change;
use crate::{Context, UsageError, Workload};

/// One positional parameter of a workload, as the help text says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in help and errors.
    pub name: &'static str,
    /// Its type in the help text: `int`, `float` or `string`.
    pub kind: &'static str,
    /// What it is when left out; `None` means that it must be given.
    pub default: Option<&'static str>,
    /// What it stands for.
    pub meaning: &'static str,
}

impl Parameter {
    /// A parameter that must be given.
    pub(crate) const fn needed(
        name: &'static str,
        kind: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind, default: None, meaning }
    }

    /// A parameter that may be left out.
    pub(crate) const fn optional(
        name: &'static str,
        kind: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, kind, default: Some(default), meaning }
    }
}

/// The values for a workload's parameters: given, or else the defaults.
#[derive(Debug)]
pub struct Arguments<'a> {
    workload: &'static Workload,
    values: Vec<&'a str>,
    context: &'a Context,
}

impl<'a> Arguments<'a> {
    /// Pairs values with parameters. Empty values at the end count as left out, because scripts
    /// pass unset variables there. A first parameter that has a default, though a later one has none,
    /// takes only a whole number; if there is none, it was left out.
    ///
    /// # Errors
    /// If a parameter without default has no value, or a value has no parameter.
    pub fn new(
        workload: &'static Workload,
        given: &'a [String],
        context: &'a Context,
    ) -> Result<Self, UsageError> {
        let length = given.iter().rposition(|value| !value.is_empty()).map_or(0, |last| last + 1);
        let parameters = workload.parameters;
        let skipped = usize::from(skips_first(parameters, given));
        if let Some(extra) = given[..length].get(parameters.len() - skipped) {
            return Err(UsageError::TooMany {
                workload: workload.name,
                value: extra.clone(),
                parameters: parameters.len(),
            });
        }
        let value = |(index, parameter): (usize, &Parameter)| {
            let place = index.checked_sub(skipped);
            let given = place.and_then(|place| given[..length].get(place)).map(String::as_str);
            given.or(parameter.default).ok_or(UsageError::Missing {
                workload: workload.name,
                parameter: parameter.name,
                meaning: parameter.meaning,
            })
        };
        let values = parameters.iter().enumerate().map(value).collect::<Result<_, _>>()?;
        Ok(Self { workload, values, context })
    }

    /// What else the plan may know.
    pub const fn context(&self) -> &'a Context {
        self.context
    }

    /// The workload's name.
    pub const fn workload(&self) -> &'static str {
        self.workload.name
    }

    /// The text given for a parameter.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub fn text(&self, parameter: &str) -> &'a str {
        let named = |p: &Parameter| p.name == parameter;
        let index = self.workload.parameters.iter().position(named);
        self.values[index.expect("a plan reads only the parameters that its workload declares")]
    }

    /// Whether a parameter was left out, or given as its default.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub(crate) fn is_default(&self, parameter: &str) -> bool {
        let declared = self.workload.parameters.iter().find(|p| p.name == parameter);
        declared.is_some_and(|declared| declared.default == Some(self.text(parameter)))
    }

    /// A whole number in a range.
    ///
    /// # Errors
    /// If the value is anything else.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub fn count(
        &self,
        parameter: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<u32, UsageError> {
        let value = self.text(parameter);
        value.parse().ok().filter(|count| range.contains(count)).ok_or_else(|| {
            let allowed = format!("a whole number from {} to {}", range.start(), range.end());
            self.invalid(parameter, value, allowed)
        })
    }

    /// A number of arrivals per second: above 0, and at most ten million.
    ///
    /// # Errors
    /// If the value is anything else.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub fn rate(&self, parameter: &'static str) -> Result<f64, UsageError> {
        self.parse_rate(parameter, self.text(parameter))
    }

    /// The same for a value that is only part of the parameter's.
    pub(crate) fn parse_rate(
        &self,
        parameter: &'static str,
        value: &str,
    ) -> Result<f64, UsageError> {
        let allowed = |rate: &f64| *rate >= RATE_MIN && *rate <= RATE_MAX;
        value.parse().ok().filter(allowed).ok_or_else(|| {
            let allowed = format!("a number per second from {RATE_MIN} to {RATE_MAX}");
            self.invalid(parameter, value, allowed)
        })
    }

    /// A number in a range.
    ///
    /// # Errors
    /// If the value is anything else.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub fn number(
        &self,
        parameter: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<f64, UsageError> {
        let value = self.text(parameter);
        value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let allowed = format!("a number from {} to {}", range.start(), range.end());
            self.invalid(parameter, value, allowed)
        })
    }

    /// A time in seconds, from a millisecond to 31 days.
    ///
    /// # Errors
    /// If the value is anything else.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub fn seconds(&self, parameter: &'static str) -> Result<Span, UsageError> {
        self.number(parameter, SECONDS_MIN..=SECONDS_MAX).map(|s| Span::from_f64(s * 1e9))
    }

    /// An SLO factor: 0 to a highest.
    ///
    /// # Errors
    /// If the value is anything else.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub(crate) fn factor(&self, parameter: &'static str, most: f64) -> Result<f32, UsageError> {
        self.number(parameter, 0.0..=most).map(narrow)
    }

    /// How a value changes every period: by a step that is above 0 if it is added, or above 1 if it is
    /// multiplied, so that it reaches its end.
    ///
    /// # Errors
    /// If one of both values is anything else.
    ///
    /// # Panics
    /// If the workload has no such parameters.
    pub(crate) fn change(
        &self,
        step: &'static str,
        operation: &'static str,
    ) -> Result<Change, UsageError> {
        match self.word(operation, &["add", "mul"])? {
            0 => self.number(step, STEP_MIN..=STEP_MAX).map(Change::Add),
            _ => self.number(step, 1.0 + STEP_MIN..=STEP_MAX).map(Change::Multiply),
        }
    }

    /// One of some words, as its place among them.
    ///
    /// # Errors
    /// If the value is none of them.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub fn word(&self, parameter: &'static str, words: &[&str]) -> Result<usize, UsageError> {
        let value = self.text(parameter);
        words
            .iter()
            .position(|word| *word == value)
            .ok_or_else(|| self.invalid(parameter, value, format!("one of {}", words.join(", "))))
    }

    /// Models with their copies: `NAME` or `NAME:COPIES`, separated by commas, where the name `all` stands
    /// for every model there is.
    ///
    /// # Errors
    /// If there is no name, or copies are not 1 to [`MODELS_MAX`] in all.
    ///
    /// # Panics
    /// If the workload has no such parameter.
    pub(crate) fn models(&self, parameter: &'static str) -> Result<Vec<(String, u32)>, UsageError> {
        let text = self.text(parameter);
        let mut models = Vec::new();
        for part in text.split(',') {
            let (name, copies) = part.split_once(':').unwrap_or((part, "1"));
            let copies = copies.parse().ok().filter(|copies| (1..=MODELS_MAX).contains(copies));
            match (name, copies) {
                ("", _) | (_, None) => return Err(self.no_models(parameter)),
                ("all", Some(copies)) => {
                    models.extend(self.context.models.iter().map(|name| (name.clone(), copies)));
                }
                (name, Some(copies)) => models.push((name.to_owned(), copies)),
            }
        }
        let sum: u64 = models.iter().map(|(_, copies)| u64::from(*copies)).sum();
        let fits = (1..=u64::from(MODELS_MAX)).contains(&sum);
        if fits { Ok(models) } else { Err(self.no_models(parameter)) }
    }

    fn no_models(&self, parameter: &'static str) -> UsageError {
        let allowed = format!(
            "NAME or NAME:COPIES, separated by commas, with 1 to {MODELS_MAX} copies in all (the name `all`: every model)"
        );
        self.invalid(parameter, self.text(parameter), allowed)
    }

    /// The error for a value that the parameter does not take.
    pub(crate) fn invalid(
        &self,
        parameter: &'static str,
        value: &str,
        allowed: String,
    ) -> UsageError {
        UsageError::Invalid {
            workload: self.workload.name,
            parameter,
            value: value.into(),
            allowed,
        }
    }
}

/// A factor as the wire carries it.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "rounds to the nearest; factors are bounded far below what is too large"
)]
pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}

/// Whether the first parameter, which may be left out, was.
fn skips_first(parameters: &[Parameter], given: &[String]) -> bool {
    let may = parameters.first().is_some_and(|first| first.default.is_some())
        && parameters.iter().any(|parameter| parameter.default.is_none());
    may && given.first().is_some_and(|value| value.parse::<u32>().is_err())
}

/// Copies of models that a workload may ask for: what one load request may carry.
pub(crate) const MODELS_MAX: u32 = 65_536;

/// Requests under way of one loop: more than any connection takes at once.
pub(crate) const CONCURRENCY_MAX: u32 = 1_000_000;

/// About one arrival in three years: below, a rate is surely a mistake.
pub(crate) const RATE_MIN: f64 = 1e-8;

/// Beyond this the gaps round to few nanoseconds, and no machine sends that fast.
pub(crate) const RATE_MAX: f64 = 1e7;

/// Shorter steps are surely a mistake, longer ones too.
const SECONDS_MIN: f64 = 1e-3;
const SECONDS_MAX: f64 = 31.0 * 86_400.0;

/// Steps of a value that grows. A million steps take days.
const STEP_MIN: f64 = 1e-6;
const STEP_MAX: f64 = 1e9;
