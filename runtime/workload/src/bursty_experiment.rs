//! `bursty_experiment`: a steady rate that spreads over more and more models.

use std::fmt::Write as _;

use clockwork_wire::{Nanos, Span, UserId};
use rand::RngExt;
use rand_distr::{Distribution, Exp};

use crate::arguments::MODELS_MAX;
use crate::generator::{Generator, PoissonOpenLoop};
use crate::text::significant;
use crate::{Parameter, Plan, Target, Turn, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "bursty_experiment",
    description: "copies of resnet50_v2: the last has a Poisson stream of 200/s; the others share 1000/s, in second k the first k of them, after some silence; then all over again",
    differs: "how long the silence lasts can be said (the documentation says 900); the last second is replayed too",
    parameters: &[
        Parameter::optional("num_models", "int", "3600", "copies that share the 1000/s"),
        Parameter::optional("lead_in", "float", "300", "seconds of silence before those"),
    ],
    build: |arguments| {
        let models = arguments.count("num_models", 1..=MODELS_MAX)?;
        let lead_in = Span::from_f64(arguments.number("lead_in", 0.0..=86_400.0)? * 1e9);
        let mut plan = Plan::default();
        for first in (0..models).step_by(GROUP) {
            plan.load("resnet50_v2", (models - first).min(GROUP_MODELS));
        }
        plan.load("resnet50_v2", 1);
        let minor = Target::new(UserId::new(models), models);
        plan.add(PoissonOpenLoop::new(vec![minor], MINOR_RATE));
        plan.add(Widening::new(models, lead_in, MAJOR_RATE));
        let told = (0..models).filter(|model| *model < 5 || model + 6 >= models);
        told.for_each(|model| plan.note(course(model, models, lead_in)));
        Ok(plan)
    },
};

/// A Poisson stream that in its second `k`, from 1, asks for the first `k` models evenly; it is
/// silent before the first, and begins again after the second in which it asks for all.
#[derive(Clone, Debug)]
struct Widening {
    models: u32,
    lead_in: Span,
    rate: f64,
    start: Nanos,
}

impl Widening {
    const fn new(models: u32, lead_in: Span, rate: f64) -> Self {
        Self { models, lead_in, rate, start: Nanos::ZERO }
    }

    /// How many models are asked for at a time; 0 is silence.
    fn width(&self, at: Nanos) -> u32 {
        let passed = at.since(self.start).get() % self.cycle().get();
        match passed.checked_sub(self.lead_in.get()) {
            None => 0,
            Some(passed) => u32::try_from(passed / SECOND.get()).unwrap_or(u32::MAX) + 1,
        }
    }

    fn cycle(&self) -> Span {
        self.lead_in + SECOND.times(self.models.into())
    }

    /// Wakes at the next arrival; silence is skipped, and the gap begins after it.
    fn wake_after(&self, turn: &mut Turn<'_>) {
        let gap = Exp::new(self.rate / 1e9).expect("a rate above 0 has gaps");
        let mut from = turn.now;
        loop {
            if self.width(from) == 0 {
                let passed = from.since(self.start).get() % self.cycle().get();
                from += Span::new(self.lead_in.get() - passed);
            }
            let passed = from.since(self.start).get() % self.cycle().get();
            let end = from + Span::new(self.cycle().get() - passed);
            let at = from + Span::from_f64(gap.sample(turn.random));
            if at < end || self.lead_in.is_zero() {
                return turn.wake_at(at);
            }
            from = end;
        }
    }
}

impl Generator for Widening {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.start = turn.now;
        self.wake_after(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        let model = turn.random.random_range(0..self.width(turn.now).max(1));
        turn.submit(Target::new(UserId::new(model), model));
        self.wake_after(turn);
    }

    fn share(&self, _part: u32, parts: u32) -> Option<Box<dyn Generator>> {
        Some(Box::new(Self { rate: self.rate / f64::from(parts), ..self.clone() }))
    }
}

/// The rates of a model in its first seconds and at the end, in words.
fn course(model: u32, models: u32, lead_in: Span) -> String {
    let begin = lead_in.as_secs_f64() + f64::from(model);
    let mut text = format!("Model {model}: from second {} on", significant(begin));
    for sharing in (model + 1..=models).take(3) {
        let rate = significant(MAJOR_RATE / f64::from(sharing));
        write!(text, " {rate}").expect("a String takes any text");
    }
    text + &format!(" ... {} requests/s", significant(MAJOR_RATE / f64::from(models)))
}

const GROUP: usize = 100;
const GROUP_MODELS: u32 = 100;
const MINOR_RATE: f64 = 200.0;
const MAJOR_RATE: f64 = 1_000.0;
const SECOND: Span = Span::from_secs(1);
