//! What one run came to, and the measures that tables, figures and expectations take from it.

use clockwork_config::experiment::Measure;
use clockwork_wire::Span;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use crate::stats::Latencies;

/// One trial of one point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Place of the point among all.
    pub point: usize,
    /// Axis and value.
    pub choices: Vec<(String, String)>,
    /// From 1.
    pub trial: u32,
    /// The seed that it ran with.
    pub seed: u64,
    /// How it was run: "sim", "local" or "hosts".
    pub mode: String,
    /// Devices in all.
    pub devices: u32,
    /// Whether it ran to its end; if not, what follows is of the part before.
    pub complete: bool,
    /// All classes of requests from the end of the warm-up on.
    pub whole: Cell,
    /// Its parts, by key and class.
    pub cells: Vec<Cell>,
    /// Latencies counted one by one, of a run of ParM's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latencies: Option<Latencies>,
    /// Why it was not run; empty if it was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lacks: String,
    /// What the workload said of itself: how a trace was scaled, for instance.
    pub notes: Vec<String>,
    /// Invariants that did not hold, if they were checked.
    pub violations: Vec<String>,
}

impl Outcome {
    /// The value of an axis.
    pub fn at(&self, axis: &str) -> Option<&str> {
        self.choices.iter().find(|(name, _)| name == axis).map(|(_, value)| value.as_str())
    }

    /// The cells of a class, by key.
    pub fn cells_of(&self, class: u32) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |cell| cell.class == class)
    }

    /// What is measured of the run as a whole; `None` if it has no such thing.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are measures of a cell, which lists them"
    )]
    pub fn measure(&self, measure: Measure) -> Option<f64> {
        if !self.lacks.is_empty() {
            return None;
        }
        if let Some(value) = self.latencies.and_then(|latencies| latencies.measure(measure)) {
            return Some(value);
        }
        match measure {
            Measure::LowestFactor => self.lowest_factor(),
            Measure::Peak => self.peak(),
            Measure::PeakPerDevice => self.peak().map(|peak| peak / f64::from(self.devices)),
            Measure::LastOfPeak => self.last_of_peak(),
            _ => self.whole.measure(measure),
        }
    }

    /// The lowest factor from which on every cell has [`SATISFIED`] answered in time.
    fn lowest_factor(&self) -> Option<f64> {
        let cells: Vec<_> = self.cells_of(0).collect();
        let good = cells.iter().rev().take_while(|cell| cell.satisfaction >= SATISFIED);
        good.last().map(|cell| cell.key)
    }

    fn peak(&self) -> Option<f64> {
        self.whole_cells().map(|cell| cell.goodput).reduce(f64::max)
    }

    fn last_of_peak(&self) -> Option<f64> {
        Some(self.whole_cells().last()?.goodput / self.peak()?)
    }

    /// The cells of class 0 that are as long as the first one: the last may have been cut off.
    fn whole_cells(&self) -> impl Iterator<Item = &Cell> {
        let length = self.cells_of(0).next().map_or(0.0, |cell| cell.seconds);
        self.cells_of(0).filter(move |cell| cell.seconds >= length * ALMOST)
    }
}

impl Latencies {
    /// What is measured of latencies that are counted one by one; `None` of everything else.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are no latencies")]
    fn measure(self, measure: Measure) -> Option<f64> {
        Some(match measure {
            Measure::Num => Span::new(self.num).as_f64(),
            Measure::P50 => self.median,
            Measure::Mean => self.mean,
            Measure::P99 => self.p99,
            Measure::P995 => self.p995,
            Measure::P999 => self.p999,
            Measure::Gap => self.gap(),
            _ => return None,
        })
    }
}

impl Cell {
    /// What is measured of a part of a run; `None` if it has no such thing.
    pub fn measure(&self, measure: Measure) -> Option<f64> {
        let known = |bound: f64| (bound > 0.0).then_some(bound);
        Some(match measure {
            Measure::Offered => self.offered,
            Measure::Goodput => self.goodput,
            Measure::Satisfaction => self.satisfaction,
            Measure::P50 => self.p50,
            Measure::P99 => self.p99,
            Measure::P999 => self.p999,
            Measure::Max => self.max,
            Measure::Batch => self.batch,
            Measure::Executing => self.executing,
            Measure::Copying => self.copying,
            Measure::Cold => self.cold,
            Measure::ColdRate => self.cold_rate,
            Measure::Bound => known(self.bound)?,
            Measure::OfBound => self.goodput / known(self.bound)?,
            Measure::PredictionP99 => self.prediction_p99,
            Measure::PredictionP999 => self.prediction_p999,
            Measure::LowestFactor
            | Measure::Peak
            | Measure::PeakPerDevice
            | Measure::LastOfPeak
            | Measure::Num
            | Measure::Mean
            | Measure::P995
            | Measure::Gap => return None,
        })
    }
}

/// The part of requests that has to be answered in time for a workload to be satisfied.
const SATISFIED: f64 = 0.99;

/// Intervals end with the last answer, a little before their time.
const ALMOST: f64 = 0.99;

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(key: f64, satisfaction: f64, goodput: f64, seconds: f64) -> Cell {
        Cell { key, seconds, goodput, satisfaction, ..Cell::default() }
    }

    #[test]
    fn the_lowest_factor_is_the_one_from_which_on_all_are_satisfied() {
        let cells = [(1.0, 0.0), (2.0, 0.995), (3.0, 0.9), (4.0, 0.99), (6.0, 1.0)];
        let cells = cells.map(|(key, satisfaction)| cell(key, satisfaction, 1.0, 1.0)).to_vec();
        let outcome = Outcome { cells, ..Outcome::default() };
        assert_eq!(outcome.measure(Measure::LowestFactor), Some(4.0));
    }

    #[test]
    fn a_peak_is_of_whole_cells_only() {
        let cells = vec![
            cell(0.0, 1.0, 10.0, 60.0),
            cell(60.0, 1.0, 8.0, 60.0),
            cell(120.0, 1.0, 99.0, 2.0),
        ];
        let outcome = Outcome { cells, devices: 2, ..Outcome::default() };
        assert_eq!(outcome.measure(Measure::PeakPerDevice), Some(5.0));
        assert_eq!(outcome.measure(Measure::LastOfPeak), Some(0.8));
    }

    #[test]
    fn without_a_bound_there_is_no_part_of_it() {
        assert_eq!(Outcome::default().measure(Measure::OfBound), None);
    }
}
