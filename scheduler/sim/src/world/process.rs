//! A process: what it is, what waits for it, and when it runs.

use clockwork_wire::Nanos;

use super::Turn;
use super::cpu::{Cores, Cpu};
use crate::calibration::Cost;

/// A process of the world.
#[derive(Debug)]
pub(crate) struct Process<T, L> {
    /// When it runs.
    pub(crate) cpu: Cpu,
    /// What has arrived and has not been taken in.
    pub(crate) inbox: Vec<L>,
    /// What it does.
    pub(crate) body: T,
    /// Wake-ups in a row that were wanted at once although nothing was left to say.
    spins: u32,
}

/// What became of a turn on the agenda.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    /// It was taken.
    Turn {
        /// When its messages leave.
        over: Nanos,
        /// The next turn, if the agenda has to be told.
        next: Option<Nanos>,
    },
    /// It will be taken when a core is free.
    PutOff {
        /// When, if the agenda has to be told.
        next: Option<Nanos>,
    },
    /// It was out of date.
    Nothing,
}

impl<T, L> Process<T, L> {
    /// A process that has not run yet.
    pub(crate) fn new(cost: Cost, body: T) -> Self {
        Self { cpu: Cpu::new(cost), inbox: Vec::new(), body, spins: 0 }
    }

    /// Takes a turn, unless the one on the agenda is out of date.
    pub(crate) fn turn(
        &mut self,
        turn: &mut Turn<'_>,
        cores: &mut Cores,
        run: impl FnOnce(&mut T, &mut Vec<L>, &mut Turn<'_>),
        next_wakeup: impl FnOnce(&T) -> Option<Nanos>,
    ) -> Taken {
        if !self.cpu.begin(turn.now) {
            return Taken::Nothing;
        }
        if let Some(free) = cores.wait(turn.now) {
            return Taken::PutOff { next: self.cpu.put_off(free) };
        }
        let received = self.inbox.len();
        run(&mut self.body, &mut self.inbox, turn);
        let over = self.cpu.end(turn.now, received, turn.outbox.len());
        cores.occupy(over);
        let wakeup = next_wakeup(&self.body);
        self.watch(turn, wakeup);
        Taken::Turn { over, next: wakeup.and_then(|at| self.cpu.ask_timer(turn.now, at)) }
    }

    /// A process that has nothing left to say and wants to be woken at once would spin for ever.
    fn watch(&mut self, turn: &mut Turn<'_>, wakeup: Option<Nanos>) {
        let spins = turn.outbox.is_empty() && wakeup.is_some_and(|at| at <= turn.now);
        self.spins = if spins { self.spins + 1 } else { 0 };
        if self.spins == SPINS {
            turn.checker.object(
                turn.now,
                format_args!(
                    "a process wants to be woken at once, {SPINS} times with nothing to say"
                ),
            );
        }
    }
}

const SPINS: u32 = 100;
