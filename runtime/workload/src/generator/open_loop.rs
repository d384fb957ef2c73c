//! Poisson arrivals of a popularity, at a rate that may change in steps.

use clockwork_wire::{Nanos, Span};
use rand_distr::{Distribution, Exp};

use super::popularity::Choice;
use super::{Generator, Popularity};
use crate::{Target, Turn};

/// A rate that holds for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Arrivals per second; 0 is silence.
    pub rate: f64,
    /// For how long; [`Span::MAX`] is without end.
    pub length: Span,
}

/// A Poisson stream whose arrivals choose their target by popularity, and whose rate changes in
/// steps; it ends after the last one.
///
/// What holds at one step knows nothing of the step before: an exponential gap that reaches beyond
/// the end of a step is drawn anew from there, which is what a stream of a changing rate is.
#[derive(Clone, Debug)]
pub struct OpenLoop {
    targets: Vec<Target>,
    popularity: Popularity,
    choice: Choice,
    steps: Vec<Step>,
    /// The step that holds.
    current: usize,
    /// When it ends.
    until: Nanos,
}

impl OpenLoop {
    /// A stream over `targets`.
    ///
    /// # Panics
    /// If there are no targets or no steps, a rate is below 0, or a popularity is out of range.
    pub fn new(targets: Vec<Target>, popularity: Popularity, steps: Vec<Step>) -> Self {
        let choice = Choice::new(popularity, targets.len());
        assert!(!steps.is_empty() && steps.iter().all(|step| step.rate >= 0.0), "a rate is needed");
        Self { targets, popularity, choice, steps, current: 0, until: Nanos::ZERO }
    }

    /// Wakes at the next arrival after `from`, if there is one.
    fn wake_after(&mut self, mut from: Nanos, turn: &mut Turn<'_>) {
        while let Some(step) = self.steps.get(self.current) {
            if step.rate > 0.0 {
                let gap = Exp::new(step.rate / NANOS_PER_SECOND).expect("a rate above 0 has gaps");
                let at = from + Span::from_f64(gap.sample(turn.random));
                if at < self.until {
                    return turn.wake_at(at);
                }
            }
            from = self.until;
            self.current += 1;
            self.until = self.end_of_step(from);
        }
    }

    /// When the current step ends that begins at `begin`.
    fn end_of_step(&self, begin: Nanos) -> Nanos {
        begin + self.steps.get(self.current).map_or(Span::ZERO, |step| step.length)
    }
}

impl Generator for OpenLoop {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.until = self.end_of_step(turn.now);
        self.wake_after(turn.now, turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        let target = self.choice.pick(turn.random);
        turn.submit(self.targets[target]);
        self.wake_after(turn.now, turn);
    }

    fn is_finished(&self) -> bool {
        self.current == self.steps.len()
    }

    fn share(&self, _part: u32, parts: u32) -> Option<Box<dyn Generator>> {
        let slower = |step: &Step| Step { rate: step.rate / f64::from(parts), ..*step };
        let steps = self.steps.iter().map(slower).collect();
        Some(Box::new(Self::new(self.targets.clone(), self.popularity, steps)))
    }

    fn set_slo_factor(&mut self, factor: f32) {
        self.targets.iter_mut().for_each(|target| target.slo_factor = factor);
    }
}

const NANOS_PER_SECOND: f64 = 1e9;
