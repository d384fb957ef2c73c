//! Whether what was expected has come.

use std::collections::BTreeMap;
use std::fmt;

use clockwork_config::experiment::{Expect, Experiment};
use serde::{Deserialize, Deserializer, Serialize};

use super::outcome::Outcome;
use super::table::{median, points, shown};

/// How an expectation was met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was expected, in words.
    pub expected: String,
    /// Where the bound comes from.
    pub source: String,
    /// The worst value of those that count, and where; none if nothing was measured.
    #[serde(deserialize_with = "worst")]
    pub worst: Option<(f64, String)>,
    /// Points, or cells, that count.
    pub count: usize,
    /// Of these, how many miss the bound.
    pub missed: usize,
    /// The worst value as people read it.
    pub(crate) shown: String,
}

/// JSON has no number for what is none.
fn worst<'de, D: Deserializer<'de>>(from: D) -> Result<Option<(f64, String)>, D::Error> {
    let worst = Option::<(Option<f64>, String)>::deserialize(from)?;
    Ok(worst.map(|(value, place)| (value.unwrap_or(f64::NAN), place)))
}

/// What became of every expectation, in their order.
pub(super) fn judge(experiment: &Experiment, outcomes: &[Outcome]) -> Vec<Verdict> {
    experiment.expect.iter().map(|expect| verdict(expect, outcomes)).collect()
}

impl Verdict {
    /// Whether it came as expected; what was not measured did not.
    pub const fn holds(&self) -> bool {
        self.missed == 0 && self.count > 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.holds() { "met   " } else { "MISSED" };
        write!(f, "{mark} {}: ", self.expected)?;
        match &self.worst {
            None => write!(f, "not measured")?,
            Some((_, place)) => write!(f, "worst is {} at {place}", self.shown)?,
        }
        if self.missed > 0 {
            write!(f, "; missed at {} of {}", self.missed, self.count)?;
        }
        write!(f, " ({})", self.source)
    }
}

fn verdict(expect: &Expect, outcomes: &[Outcome]) -> Verdict {
    let mut values = Vec::new();
    for trials in points(outcomes).filter(|trials| chosen(&trials[0], &expect.at)) {
        values.extend(values_of(expect, trials, outcomes));
    }
    let slack = |value: f64| {
        if value.is_nan() {
            return f64::NEG_INFINITY;
        }
        let above = expect.at_least.map_or(f64::INFINITY, |least| value - least);
        above.min(expect.at_most.map_or(f64::INFINITY, |most| most - value))
    };
    let missed = values.iter().filter(|(value, _)| slack(*value) < 0.0).count();
    let count = values.len();
    let worst = values.into_iter().min_by(|a, b| slack(a.0).total_cmp(&slack(b.0)));
    let shown = worst.as_ref().map_or_else(String::new, |(value, _)| shown(expect.measure, *value));
    Verdict {
        expected: expected(expect),
        source: expect.source.clone(),
        worst,
        count,
        missed,
        shown,
    }
}

/// What counts at one point, with its place.
fn values_of(expect: &Expect, trials: &[Outcome], all: &[Outcome]) -> Vec<(f64, String)> {
    let place = trials[0].choices.iter().map(|(name, value)| format!("{name} {value}"));
    let place = place.collect::<Vec<_>>().join(", ");
    let reference = reference(expect, &trials[0], all);
    let Some(from) = expect.from else {
        let of = |trials: &[Outcome]| median(trials, |o| o.measure(expect.measure));
        let value = match reference {
            None => of(trials),
            Some(other) => of(trials).zip(of(other)).map(|(value, other)| value - other),
        };
        // A measure that is not there has missed: no factor was good enough.
        return vec![(value.unwrap_or(f64::NAN), place)];
    };
    let keys: Vec<f64> = trials[0].cells_of(expect.class).map(|cell| cell.key).collect();
    let cell = |trials: &[Outcome], key: f64| {
        let same = |o: &Outcome| {
            o.cells_of(expect.class).find(|c| (c.key - key).abs() < 1e-9)?.measure(expect.measure)
        };
        median(trials, same)
    };
    let value = |key: f64| match reference {
        None => cell(trials, key),
        Some(other) => cell(trials, key).zip(cell(other, key)).map(|(value, other)| value - other),
    };
    let counted = keys.into_iter().filter(|key| *key >= from);
    counted.filter_map(|key| Some((value(key)?, format!("{place}, {key:.2}")))).collect()
}

/// The trials of the point beside which this one is seen; none if it is seen by itself.
fn reference<'a>(expect: &Expect, of: &Outcome, all: &'a [Outcome]) -> Option<&'a [Outcome]> {
    if expect.beside.is_empty() {
        return None;
    }
    let same = |other: &Outcome| {
        of.choices.iter().all(|(axis, value)| {
            other.at(axis) == Some(expect.beside.get(axis).map_or(value.as_str(), String::as_str))
        })
    };
    points(all).find(|trials| same(&trials[0]))
}

/// Whether an outcome has one of the values of every axis that is named.
pub(super) fn chosen(outcome: &Outcome, at: &BTreeMap<String, String>) -> bool {
    at.iter().all(|(axis, values)| {
        outcome.at(axis).is_some_and(|value| values.split('|').any(|one| one.trim() == value))
    })
}

fn expected(expect: &Expect) -> String {
    let bound = |(word, bound): (&str, Option<f64>)| {
        bound.map(|bound| format!("{word} {}", shown(expect.measure, bound)))
    };
    let class = expect.class;
    let cells = expect.from.map(|from| format!("in each cell of class {class} from {from} on"));
    let beside = expect.beside.iter().map(|(axis, value)| format!("beside {axis} {value}"));
    let at = expect.at.iter().map(|(axis, value)| format!("with {axis} {value}"));
    let mut words = vec![expect.measure.name().to_owned()];
    words.extend(
        [("at least", expect.at_least), ("at most", expect.at_most)].into_iter().filter_map(bound),
    );
    words.extend(beside.chain(cells).chain(at));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::cell::Cell;
    use clockwork_config::experiment::Measure;

    fn outcome(point: usize, background: &str, satisfactions: &[f64]) -> Outcome {
        let cell = |(key, satisfaction)| Cell { key, satisfaction, ..Cell::default() };
        Outcome {
            point,
            choices: vec![("background".into(), background.into())],
            cells: [1.0, 6.0].into_iter().zip(satisfactions.iter().copied()).map(cell).collect(),
            ..Outcome::default()
        }
    }

    fn drop_of(at_least: f64) -> Expect {
        Expect {
            measure: Measure::Satisfaction,
            at_least: Some(at_least),
            at_most: None,
            at: BTreeMap::from([("background".into(), "12 16 | 48 4".into())]),
            beside: BTreeMap::from([("background".into(), "0 0".into())]),
            from: Some(6.0),
            class: 0,
            source: "here".into(),
        }
    }

    #[test]
    fn a_drop_is_seen_beside_the_point_without_background_from_a_key_on() {
        let outcomes = [outcome(0, "0 0", &[0.9, 1.0]), outcome(1, "12 16", &[0.1, 0.998])];
        assert!(verdict(&drop_of(-0.003), &outcomes).holds());
        let missed = verdict(&drop_of(-0.001), &outcomes);
        assert_eq!((missed.holds(), missed.missed, missed.count), (false, 1, 1));
        assert!(missed.to_string().contains("background 12 16, 6.00"), "{missed}");
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        assert!(!verdict(&drop_of(-1.0), &[]).holds());
    }

    #[test]
    fn a_verdict_comes_back_from_json_also_without_a_value() {
        let none = Expect { from: None, measure: Measure::LowestFactor, ..drop_of(-1.0) };
        let outcomes = [outcome(0, "0 0", &[]), outcome(1, "12 16", &[])];
        let verdict = verdict(&none, &outcomes);
        assert!(verdict.worst.as_ref().is_some_and(|(value, _)| value.is_nan()));
        let json = serde_json::to_string(&verdict).unwrap();
        let back: Verdict = serde_json::from_str(&json).unwrap();
        assert_eq!(back.to_string(), verdict.to_string());
    }
}
