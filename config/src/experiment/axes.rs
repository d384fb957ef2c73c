//! What varies, and the points that follow from it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::Extent;
use super::parm::{Config, Parm};
use super::run::Run;
use crate::ConfigError;

/// Something that varies.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Its name; `{name}` in a run stands for its value.
    pub name: String,
    /// Its values.
    values: Vec<Value>,
    /// Its values in the short form, if they are fewer.
    quick: Option<Vec<Value>>,
}

/// One choice of every axis, and the run that it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Axis and value, in the order of the axes.
    pub choices: Vec<(String, String)>,
    /// What is run.
    pub run: Run,
}

impl Point {
    /// The value of an axis.
    pub fn at(&self, axis: &str) -> Option<&str> {
        self.choices.iter().find(|(name, _)| name == axis).map(|(_, value)| value.as_str())
    }

    /// Whether it has one of the values of every axis that is named; values are separated by `|`.
    pub(super) fn is_of(&self, axes: &BTreeMap<String, String>) -> bool {
        let has = |axis: &String, values: &String| {
            self.at(axis).is_some_and(|value| values.split('|').any(|one| one.trim() == value))
        };
        axes.iter().all(|(axis, values)| has(axis, values))
    }
}

impl Axis {
    fn values(&self, extent: Extent) -> &[Value] {
        match (extent, &self.quick) {
            (Extent::Quick, Some(quick)) => quick,
            _ => &self.values,
        }
    }
}

/// The axes of ParM's configurations, whose values are the configuration's.
pub(super) fn of_parm() -> Vec<Axis> {
    let axis = |name: &str| Axis { name: name.into(), values: Vec::new(), quick: None };
    Parm::AXES.map(axis).into()
}

/// The points of one of ParM's configurations.
pub(super) fn parm_points(config: &Config) -> Vec<Point> {
    let point = |parm: Parm| Point { choices: parm.choices(), run: Run::of_parm(parm) };
    config.runs().into_iter().map(point).collect()
}

/// All points, the last axis varying fastest.
pub(super) fn points(
    axes: &[Axis],
    extent: Extent,
    run: &Table,
) -> Result<Vec<Point>, ConfigError> {
    let mut chosen = vec![Vec::new()];
    for axis in axes {
        let with = |before: &Vec<(String, Value)>, value: &Value| {
            let mut choices = before.clone();
            choices.push((axis.name.clone(), value.clone()));
            choices
        };
        let values = axis.values(extent);
        chosen = chosen.iter().flat_map(|c| values.iter().map(|v| with(c, v))).collect();
    }
    chosen.iter().map(|choices| point(choices, run)).collect()
}

fn point(choices: &[(String, Value)], run: &Table) -> Result<Point, ConfigError> {
    let filled = fill(&Value::Table(run.clone()), choices)?;
    let run: Run = filled.try_into().map_err(|error: toml::de::Error| ConfigError::Syntax {
        origin: "[run]".into(),
        cause: error.to_string(),
    })?;
    run.check()?;
    let choices = choices.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    Ok(Point { choices, run })
}

/// The value with every `{axis}` replaced. Where nothing else stands there, the value keeps its type.
fn fill(value: &Value, choices: &[(String, Value)]) -> Result<Value, ConfigError> {
    Ok(match value {
        Value::String(text) => fill_text(text, choices)?,
        Value::Array(values) => {
            Value::Array(values.iter().map(|v| fill(v, choices)).collect::<Result<_, _>>()?)
        }
        Value::Table(table) => {
            let filled = table.iter().map(|(key, v)| Ok((key.clone(), fill(v, choices)?)));
            Value::Table(filled.collect::<Result<_, ConfigError>>()?)
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.clone()
        }
    })
}

fn fill_text(text: &str, choices: &[(String, Value)]) -> Result<Value, ConfigError> {
    let mut filled = text.to_owned();
    for (name, value) in choices {
        let place = format!("{{{name}}}");
        if text == place {
            return Ok(value.clone());
        }
        filled = filled.replace(&place, &plain(value));
    }
    if filled.contains('{') {
        let axes: Vec<_> = choices.iter().map(|(name, _)| format!("{{{name}}}")).collect();
        return Err(ConfigError::range("run", text, format!("only {} in braces", axes.join(", "))));
    }
    Ok(Value::String(filled))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(name: &str, values: &[Value]) -> Axis {
        Axis { name: name.into(), values: values.to_vec(), quick: Some(values[..1].to_vec()) }
    }

    #[test]
    fn points_are_the_product_of_the_axes_with_the_last_one_varying_fastest() {
        let gpus = axis("gpus", &[1.into(), 2.into()]);
        let load = axis("load", &["3 4".into(), "5 6".into()]);
        let run: Table =
            toml::from_str("workload = 'closed {load} x'\nduration = '1s'\ngpus = '{gpus}'")
                .unwrap();
        let points = points(&[gpus, load], Extent::Full, &run).unwrap();
        let runs: Vec<_> = points.iter().map(|p| (p.run.gpus, p.run.workload.as_str())).collect();
        assert_eq!(
            runs,
            [(1, "closed 3 4 x"), (1, "closed 5 6 x"), (2, "closed 3 4 x"), (2, "closed 5 6 x")]
        );
        assert_eq!((points[3].at("load"), points[3].at("gpu")), (Some("5 6"), None));
    }

    #[test]
    fn the_short_form_may_have_fewer_values() {
        let run: Table = toml::from_str("workload = 'a'\nduration = '1s'\ngpus = '{n}'").unwrap();
        let axes = [axis("n", &[3.into(), 4.into()])];
        assert_eq!(points(&axes, Extent::Quick, &run).unwrap().len(), 1);
    }
}
