//! A part of a workload that something changes every period.

use clockwork_wire::{Nanos, Status};

use super::{AtEnd, Generator, PoissonOpenLoop, Ramp, TraceReplay};
use crate::Turn;
use crate::agenda::Alarm;
use crate::arguments::narrow;
use crate::text::significant;

/// A generator whose rate, load or SLO follows a [`Ramp`]. Each step is told; the whole workload
/// ends with the ramp, if that says so.
#[derive(Debug)]
pub struct Stepped {
    inner: Inner,
    ramp: Ramp,
    /// The step that holds.
    step: u32,
    start: Nanos,
}

/// What changes.
#[derive(Debug)]
enum Inner {
    Rate(PoissonOpenLoop),
    Load(TraceReplay),
    SloFactor(Box<dyn Generator>),
}

impl Stepped {
    /// A stream whose total rate follows `ramp` times `models`, which is told as the rate of each.
    pub fn rate(stream: PoissonOpenLoop, ramp: Ramp) -> Self {
        Self::new(Inner::Rate(stream), ramp)
    }

    /// A replay whose load follows the ramp.
    pub fn load(replay: TraceReplay, ramp: Ramp) -> Self {
        Self::new(Inner::Load(replay), ramp)
    }

    /// Any part of a workload; its requests' SLO follows the ramp.
    pub fn slo_factor(generator: impl Generator + 'static, ramp: Ramp) -> Self {
        Self::new(Inner::SloFactor(Box::new(generator)), ramp)
    }

    const fn new(inner: Inner, ramp: Ramp) -> Self {
        Self { inner, ramp, step: 0, start: Nanos::ZERO }
    }

    /// Takes the value of the step; gives what to tell.
    fn set(&mut self, value: f64, turn: &mut Turn<'_>) -> String {
        match &mut self.inner {
            Inner::Rate(stream) => {
                stream.set_rate_each(value, turn);
                format!("Updating rate to {}", significant(value))
            }
            Inner::Load(replay) => {
                let scale = replay.set_load(value, turn);
                format!(">>>> Updating scale_factor to {}", significant(scale))
            }
            Inner::SloFactor(generator) => {
                generator.set_slo_factor(narrow(value));
                format!("Updating slo_factor to {}", significant(value))
            }
        }
    }

    fn wake_for_step(&self, turn: &mut Turn<'_>) {
        let at = self.start + self.ramp.period.times(u64::from(self.step) + 1);
        turn.wake_for(Alarm::Step, at);
    }

    fn next_step(&mut self, turn: &mut Turn<'_>) {
        let Some(value) = self.ramp.value(self.step + 1) else {
            if self.ramp.at_end == AtEnd::Terminate {
                turn.end();
            }
            return;
        };
        self.step += 1;
        let told = self.set(value, turn);
        turn.print(told);
        self.wake_for_step(turn);
    }

    fn generator(&mut self) -> &mut dyn Generator {
        match &mut self.inner {
            Inner::Rate(stream) => stream,
            Inner::Load(replay) => replay,
            Inner::SloFactor(generator) => &mut **generator,
        }
    }
}

impl Generator for Stepped {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.start = turn.now;
        self.generator().start(turn);
        self.set(self.ramp.start, turn);
        self.wake_for_step(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        match turn.alarm {
            Alarm::Step => self.next_step(turn),
            Alarm::Next | Alarm::Phase => self.generator().due(turn),
        }
    }

    fn answered(&mut self, turn: &mut Turn<'_>, status: Status) {
        self.generator().answered(turn, status);
    }

    fn share(&self, part: u32, parts: u32) -> Option<Box<dyn Generator>> {
        let inner = match &self.inner {
            Inner::Rate(stream) => Inner::Rate(stream.part(parts)),
            Inner::Load(replay) => Inner::Load(replay.part(parts)),
            Inner::SloFactor(generator) => Inner::SloFactor(generator.share(part, parts)?),
        };
        Some(Box::new(Self::new(inner, self.ramp)))
    }
}
