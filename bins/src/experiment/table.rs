//! The table of results: a line for each point, with the median of its trials.

use std::fmt::Write as _;

use clockwork_config::experiment::Measure;

use super::document::Document;
use super::outcome::Outcome;

/// The table in Markdown.
pub(super) fn markdown(document: &Document) -> String {
    let Document { columns, outcomes, .. } = document;
    let axes = outcomes.first().into_iter().flat_map(|outcome| &outcome.choices);
    let axes = axes.map(|(axis, _)| axis.as_str());
    let heads: Vec<_> = axes.chain(columns.iter().map(|column| column.name())).collect();
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    for trials in points(outcomes) {
        let Row { mut choices, values, mark } = row(columns, trials);
        choices.extend(values);
        let _ = writeln!(text, "| {} |{mark}", choices.join(" | "));
    }
    text
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The value of each axis.
    pub(crate) choices: Vec<String>,
    /// The value of each column.
    pub(crate) values: Vec<String>,
    /// What stands behind it: nothing, or that a trial was broken off or could not be run.
    pub(crate) mark: String,
}

/// The row of a point: the medians of its trials.
pub(crate) fn row(columns: &[Measure], trials: &[Outcome]) -> Row {
    let choices = trials[0].choices.iter().map(|(_, value)| value.clone()).collect();
    let values = columns.iter().map(|&column| {
        median(trials, |o| o.measure(column)).map_or_else(|| "-".into(), |v| shown(column, v))
    });
    let lacks = &trials[0].lacks;
    let mark = match trials.iter().all(|trial| trial.complete) {
        true if lacks.is_empty() => String::new(),
        true => format!(" ({lacks})"),
        false => " (broken off)".into(),
    };
    Row { choices, values: values.collect(), mark }
}

/// The outcomes by point: each group is the trials of one.
pub(crate) fn points(outcomes: &[Outcome]) -> impl Iterator<Item = &[Outcome]> {
    outcomes.chunk_by(|a, b| a.point == b.point)
}

/// The median of what the trials have, the lower one of two.
pub(crate) fn median(trials: &[Outcome], of: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = trials.iter().filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// A value with its unit, short enough for a column.
pub(crate) fn shown(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Satisfaction | Measure::OfBound | Measure::LastOfPeak => percent(value),
        Measure::Executing | Measure::Copying | Measure::Cold => format!("{:.1} %", value * 100.0),
        Measure::P50
        | Measure::Mean
        | Measure::P99
        | Measure::P995
        | Measure::P999
        | Measure::Gap
        | Measure::Max => format!("{value:.2} ms"),
        Measure::Num => format!("{value:.0}"),
        Measure::PredictionP99 | Measure::PredictionP999 => format!("{value:.1} us"),
        Measure::Batch | Measure::LowestFactor => format!("{value:.2}"),
        Measure::ColdRate
        | Measure::Offered
        | Measure::Goodput
        | Measure::Bound
        | Measure::Peak
        | Measure::PeakPerDevice => format!("{value:.1}/s"),
    }
}

/// As many digits as the nines need.
fn percent(part: f64) -> String {
    let missing = (1.0 - part).abs();
    let digits = if missing > 0.0 && missing < 1e-3 { 5 } else { 2 };
    format!("{:.digits$} %", part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_trials_is_one_of_them() {
        let trial = |goodput| {
            let mut outcome = Outcome::default();
            outcome.whole.goodput = goodput;
            outcome
        };
        let trials = [3.0, 1.0, 2.0].map(trial);
        assert_eq!(median(&trials, |o| o.measure(Measure::Goodput)), Some(2.0));
        assert_eq!(median(&[], |_| Some(1.0)), None);
    }

    #[test]
    fn nines_are_shown() {
        assert_eq!(shown(Measure::Satisfaction, 0.999_999), "99.99990 %");
        assert_eq!(shown(Measure::Satisfaction, 1.0), "100.00 %");
        assert_eq!(shown(Measure::Satisfaction, 0.95), "95.00 %");
    }
}
