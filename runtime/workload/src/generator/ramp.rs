//! A value that changes in steps.

use clockwork_wire::Span;

/// How a value gets from one step to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// This much is added.
    Add(f64),
    /// It is multiplied by this.
    Multiply(f64),
}

/// What follows the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The workload ends a period after it.
    Terminate,
    /// Its value stays.
    Hold,
}

/// A value that changes every period, from a first one to the last that is not beyond an end.
///
/// Step `k` is computed from the first value, not from the step before, and may exceed the end by a
/// part in 10^9: that 0.1 three times added is a little more than 0.3 costs no step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// The value of the first period.
    pub start: f64,
    /// No value is beyond this.
    pub end: f64,
    /// From step to step.
    pub change: Change,
    /// How long each value holds.
    pub period: Span,
    /// What follows.
    pub at_end: AtEnd,
}

impl Ramp {
    /// The value of step `k`, from 0; `None` beyond the end.
    pub fn value(&self, k: u32) -> Option<f64> {
        let value = match self.change {
            Change::Add(step) => f64::from(k).mul_add(step, self.start),
            Change::Multiply(factor) => self.start * factor.powf(f64::from(k)),
        };
        let (low, high) = (self.start.min(self.end), self.start.max(self.end));
        let slack = TOLERANCE * high.abs();
        (k == 0 || (value >= low - slack && value <= high + slack)).then_some(value)
    }

    /// The values of all steps. A ramp whose change leads away from its end, or nowhere, has one
    /// only, or no end.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        (0..).map_while(|k| self.value(k))
    }

    /// Whether it goes from its start towards its end, so that it has finitely many steps.
    pub fn progresses(&self) -> bool {
        match self.change {
            Change::Add(step) => step > 0.0,
            Change::Multiply(factor) => factor > 1.0,
        }
    }
}

const TOLERANCE: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    fn values(start: f64, end: f64, change: Change) -> Vec<f64> {
        let (period, at_end) = (Span::from_secs(1), AtEnd::Terminate);
        Ramp { start, end, change, period, at_end }.values().collect()
    }

    #[test]
    fn a_sum_or_product_that_rounds_beyond_the_end_is_still_a_step() {
        let sums = values(0.1, 0.3, Change::Add(0.1));
        assert_eq!(sums.len(), 3);
        assert_eq!(values(1.0, 1.331, Change::Multiply(1.1)).len(), 4);
        assert_eq!(values(1.0, 1.330_9, Change::Multiply(1.1)).len(), 3);
    }

    #[test]
    fn a_start_beyond_the_end_is_one_step_and_a_fall_ends_at_the_end() {
        assert_eq!(values(5.0, 2.0, Change::Multiply(1.5)), [5.0]);
        assert_eq!(values(10.0, 1.0, Change::Add(-1.0)).len(), 10);
        assert_eq!(values(10.0, 1.0, Change::Add(-1.0)).last(), Some(&1.0));
    }
}
