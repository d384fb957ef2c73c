//! Positional arguments of a workload, checked against its parameters.

use std::ops::RangeInclusive;

use crate::{UsageError, Workload};

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

/// The values for a workload's parameters: given, or else the defaults.
#[derive(Debug)]
pub struct Arguments<'a> {
    workload: &'static Workload,
    values: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    /// Pairs values with parameters. Empty values at the end count as left out, because scripts
    /// pass unset variables there.
    ///
    /// # Errors
    /// If a parameter without default has no value, or a value has no parameter.
    pub fn new(workload: &'static Workload, given: &'a [String]) -> Result<Self, UsageError> {
        let length = given.iter().rposition(|value| !value.is_empty()).map_or(0, |last| last + 1);
        let parameters = workload.parameters;
        if let Some(extra) = given[..length].get(parameters.len()) {
            return Err(UsageError::TooMany {
                workload: workload.name,
                value: extra.clone(),
                parameters: parameters.len(),
            });
        }
        let value = |(index, parameter): (usize, &Parameter)| {
            let given = given[..length].get(index).map(String::as_str);
            given.or(parameter.default).ok_or(UsageError::Missing {
                workload: workload.name,
                parameter: parameter.name,
                meaning: parameter.meaning,
            })
        };
        let values = parameters.iter().enumerate().map(value).collect::<Result<_, _>>()?;
        Ok(Self { workload, values })
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

/// Copies of models that a workload may ask for: what one load request may carry.
pub(crate) const MODELS_MAX: u32 = 65_536;

/// Requests under way of one loop: more than any connection takes at once.
pub(crate) const CONCURRENCY_MAX: u32 = 1_000_000;

/// About one arrival in three years: below, a rate is surely a mistake.
const RATE_MIN: f64 = 1e-8;

/// Beyond this the gaps round to few nanoseconds, and no machine sends that fast.
const RATE_MAX: f64 = 1e7;
