//! The CPU of a process: a serial resource that turns occupy.

use clockwork_wire::{Nanos, Span};

use smallvec::SmallVec;

use crate::calibration::Cost;

/// When a process can take its next turn.
#[derive(Clone, Debug)]
pub(crate) struct Cpu {
    cost: Cost,
    busy_until: Nanos,
    /// The turn that is wanted; [`Nanos::MAX`] if none is. Other turns on the agenda are out of date.
    turn_at: Nanos,
    /// The turns that are on the agenda: a few, as a message may come before a timer.
    listed: SmallVec<[Nanos; 4]>,
    /// Time spent on turns so far.
    pub(crate) busy: Span,
}

impl Cpu {
    /// An idle process.
    pub(crate) fn new(cost: Cost) -> Self {
        Self {
            cost,
            busy_until: Nanos::ZERO,
            turn_at: Nanos::MAX,
            listed: SmallVec::new(),
            busy: Span::ZERO,
        }
    }

    /// Asks for a turn at `at` or as soon after it as the process is free; returns when, if the
    /// agenda has to be told.
    pub(crate) fn ask(&mut self, at: Nanos) -> Option<Nanos> {
        let turn = at.max(self.busy_until);
        if turn >= self.turn_at {
            return None;
        }
        self.turn_at = turn;
        self.list(turn)
    }

    /// Asks for a turn by a timer that was set for `at`.
    pub(crate) fn ask_timer(&mut self, now: Nanos, at: Nanos) -> Option<Nanos> {
        let late = if at > now { self.cost.timer } else { Span::ZERO };
        self.ask(at + late)
    }

    /// Puts the turn that is due off until `at`, as every core is taken; returns when, if the agenda
    /// has to be told.
    pub(crate) fn put_off(&mut self, at: Nanos) -> Option<Nanos> {
        self.turn_at = at;
        self.list(at)
    }

    /// Whether the turn that the agenda names is the one that was asked for last.
    pub(crate) fn begin(&mut self, now: Nanos) -> bool {
        self.listed.retain(|at| *at != now);
        let current = self.turn_at == now;
        if current {
            self.turn_at = Nanos::MAX;
        }
        current
    }

    /// Pays for a turn: returns when it is over and its messages leave.
    pub(crate) fn end(&mut self, now: Nanos, received: usize, sent: usize) -> Nanos {
        let count = |n: usize| u64::try_from(n).expect("a count fits u64");
        let cost = &self.cost;
        let spent = cost.turn
            + cost.message_in.times(count(received))
            + cost.message_out.times(count(sent));
        self.busy += spent;
        self.busy_until = now + spent;
        self.busy_until
    }

    /// Nothing runs until `until`: the process is stopped from outside.
    pub(crate) fn stall(&mut self, until: Nanos) {
        self.busy_until = self.busy_until.max(until);
    }

    /// Forgets the turn that was asked for, so that the next one is put on the agenda.
    pub(crate) const fn cancel(&mut self) {
        self.turn_at = Nanos::MAX;
    }

    /// Notes that a turn is on the agenda; returns it unless it was there already.
    fn list(&mut self, turn: Nanos) -> Option<Nanos> {
        if self.listed.contains(&turn) {
            return None;
        }
        self.listed.push(turn);
        Some(turn)
    }
}

/// The cores that the processes of one machine share.
#[derive(Debug)]
pub(crate) struct Cores {
    /// When each is free; empty if nobody has to share.
    free_at: Vec<Nanos>,
}

impl Cores {
    /// So many idle cores; 0: nobody has to share.
    pub(crate) fn new(count: usize) -> Self {
        Self { free_at: vec![Nanos::ZERO; count] }
    }

    /// When a core will be free, if none is at `now`.
    pub(crate) fn wait(&self, now: Nanos) -> Option<Nanos> {
        self.free_at.iter().min().copied().filter(|&free| free > now)
    }

    /// Takes a core until `until`.
    pub(crate) fn occupy(&mut self, until: Nanos) {
        if let Some(core) = self.free_at.iter_mut().min() {
            *core = (*core).max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_takes_its_turn_when_it_is_free() {
        let cost = Cost { turn: Span::new(10), message_in: Span::new(2), ..Cost::default() };
        let mut cpu = Cpu::new(cost);
        assert_eq!(cpu.ask(Nanos::new(100)), Some(Nanos::new(100)));
        assert_eq!(cpu.ask(Nanos::new(120)), None, "the earlier turn will do");
        assert!(cpu.begin(Nanos::new(100)));
        assert_eq!(cpu.end(Nanos::new(100), 3, 1), Nanos::new(116));
        assert_eq!(cpu.ask(Nanos::new(105)), Some(Nanos::new(116)));
        assert!(!cpu.begin(Nanos::new(110)), "not the turn that was asked for");
    }

    #[test]
    fn a_timer_behind_a_message_is_on_the_agenda_once() {
        let mut cpu = Cpu::new(Cost::default());
        let (message, timer) = (Nanos::new(100), Nanos::new(200));
        assert_eq!(cpu.ask(timer), Some(timer));
        assert_eq!(cpu.ask(message), Some(message));
        assert!(cpu.begin(message));
        assert_eq!(cpu.ask_timer(message, timer), None);
        assert!(cpu.begin(timer));
    }

    #[test]
    fn two_processes_on_one_core_wait_for_each_other() {
        let mut cores = Cores::new(1);
        assert_eq!(cores.wait(Nanos::new(5)), None);
        cores.occupy(Nanos::new(9));
        assert_eq!(cores.wait(Nanos::new(5)), Some(Nanos::new(9)));
        assert_eq!(cores.wait(Nanos::new(9)), None);
        assert_eq!(Cores::new(0).wait(Nanos::ZERO), None);
    }

    #[test]
    fn a_timer_is_late_by_its_cost() {
        let mut cpu = Cpu::new(Cost { timer: Span::new(50), ..Cost::default() });
        let now = Nanos::new(100);
        assert_eq!(cpu.ask_timer(now, Nanos::new(200)), Some(Nanos::new(250)));
        assert_eq!(cpu.ask(Nanos::new(210)), Some(Nanos::new(210)));
    }
}
