//! The figures of an experiment.

use std::path::Path;

use clockwork_config::experiment::{Figure, Measure};
use clockwork_config::unit::parse_span;
use clockwork_wire::Span;

use super::document::Document;
use super::outcome::Outcome;
use super::table::{median, points};
use super::verdict::chosen;
use crate::Failure;
use crate::bench::plot::Plot;

/// Draws every figure that has something to show into `dir`.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn draw(document: &Document, dir: &Path) -> Result<(), Failure> {
    for figure in &document.figures {
        let lines = lines(figure, &document.outcomes);
        if lines.iter().any(|(_, points)| !points.is_empty()) {
            let (title, x, y) =
                (figure.title.clone(), bottom(figure).into(), figure.y.name().into());
            Plot { title, x, y, lines }.draw(&dir.join(format!("{}.svg", figure.file)))?;
        }
    }
    Ok(())
}

/// What runs along the bottom.
pub(crate) fn bottom(figure: &Figure) -> &str {
    figure.x.as_deref().unwrap_or("seconds, or SLO factor")
}

/// The lines of a figure: name and points in rising order of x.
pub(crate) fn lines(figure: &Figure, outcomes: &[Outcome]) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for trials in points(outcomes).filter(|trials| chosen(&trials[0], &figure.at)) {
        add(&mut lines, name(figure, &trials[0]), values(figure, trials, figure.y));
        if figure.bound {
            add(&mut lines, BOUND.into(), values(figure, trials, Measure::Bound));
        }
    }
    for (_, points) in &mut lines {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| (a.0 - b.0).abs() < 1e-9);
    }
    lines
}

/// Points of a line, which may be there already.
fn add(lines: &mut Vec<(String, Vec<(f64, f64)>)>, name: String, points: Vec<(f64, f64)>) {
    match lines.iter_mut().find(|(line, _)| *line == name) {
        Some((_, line)) => line.extend(points),
        None => lines.push((name, points)),
    }
}

/// A line is what all axes but that at the bottom say, without those that the figure fixes.
fn name(figure: &Figure, outcome: &Outcome) -> String {
    let fixed = |axis: &str| {
        figure.x.as_deref() == Some(axis) || figure.at.get(axis).is_some_and(|v| !v.contains('|'))
    };
    let axes = outcome.choices.iter().filter(|(axis, _)| !fixed(axis));
    axes.map(|(axis, value)| format!("{axis} {value}")).collect::<Vec<_>>().join(", ")
}

fn values(figure: &Figure, trials: &[Outcome], y: Measure) -> Vec<(f64, f64)> {
    let Some(axis) = &figure.x else {
        let cells = trials[0].cells_of(figure.class);
        return cells.filter_map(|cell| Some((cell.key, cell.measure(y)?))).collect();
    };
    let x = trials[0].at(axis).and_then(number);
    x.zip(median(trials, |o| o.measure(y))).into_iter().collect()
}

/// A number, or a span in ms.
fn number(text: &str) -> Option<f64> {
    let span = || parse_span(text).ok().map(Span::as_millis_f64);
    text.parse().ok().or_else(span)
}

/// The line of the bound.
const BOUND: &str = "what the devices can do";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_spans_is_drawn_in_ms() {
        assert_eq!(number("250ms"), Some(250.0));
        assert_eq!(number("1.5"), Some(1.5));
        assert_eq!(number("clockwork"), None);
    }
}
