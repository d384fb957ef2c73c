//! A closed loop that pauses.

use clockwork_wire::{Span, Status};
use rand_distr::{Distribution, Exp};

use super::bursty_open_loop::lengths;
use super::{BACK_OFF, BACK_OFF_OVERLOADED, Generator};
use crate::agenda::Alarm;
use crate::{Target, Turn};

/// Keeps requests under way during bursts of random length; in the idle times between them, answers
/// cause no further request. It begins with a burst; both lengths are exponential.
#[derive(Debug)]
pub struct BurstyClosedLoop {
    target: Target,
    concurrency: u32,
    /// Bursts and idle times in nanoseconds.
    burst: Exp<f64>,
    idle: Exp<f64>,
    bursting: bool,
    /// Requests that are not answered, and those that wait because of an error.
    under_way: u32,
}

impl BurstyClosedLoop {
    /// `concurrency` requests under way during bursts of this mean length, with this mean idle time
    /// between.
    ///
    /// # Panics
    /// If a mean is zero.
    pub fn new(target: Target, concurrency: u32, burst: Span, idle: Span) -> Self {
        let (burst, idle) = (lengths(burst), lengths(idle));
        Self { target, concurrency, burst, idle, bursting: false, under_way: 0 }
    }

    fn toggle(&mut self, turn: &mut Turn<'_>) {
        self.bursting = !self.bursting;
        while self.bursting && self.under_way < self.concurrency {
            self.under_way += 1;
            turn.submit(self.target);
        }
        let length = if self.bursting { self.burst } else { self.idle };
        let until = turn.now + Span::from_f64(length.sample(turn.random));
        turn.wake_for(Alarm::Phase, until);
    }

    /// A request is over: the next one, unless it is time to be idle.
    fn go_on(&mut self, turn: &mut Turn<'_>) {
        if self.bursting {
            turn.submit(self.target);
        } else {
            self.under_way -= 1;
        }
    }
}

impl Generator for BurstyClosedLoop {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.toggle(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        match turn.alarm {
            Alarm::Phase => self.toggle(turn),
            Alarm::Next | Alarm::Step => self.go_on(turn),
        }
    }

    fn answered(&mut self, turn: &mut Turn<'_>, status: Status) {
        if status.has_output() {
            return self.go_on(turn);
        }
        let beyond = status == Status::OVERLOADED;
        turn.wake_at(turn.now + if beyond { BACK_OFF_OVERLOADED } else { BACK_OFF });
    }

    fn set_slo_factor(&mut self, factor: f32) {
        self.target.slo_factor = factor;
    }
}
