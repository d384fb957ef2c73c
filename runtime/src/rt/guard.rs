//! Keeps a core from sleeping through work.
//!
//! The executor library (0.9, and the fork's 0.12) arms a preemption timer, then runs the tasks that
//! are ready. If the thread loses its CPU between the two for as long as that timer takes, the
//! library runs nothing, takes this for "nothing was ready", and parks with ready tasks in its
//! queues: until its next timer, which may never come, because the timers that are due have been
//! taken out. On two CPUs that two other processes keep busy it happened about once in 30,000
//! wake-ups, and cost up to a second each time.
//!
//! A parked executor does wake for a timer, and one that finds a timer due does not park. So a core
//! that was active lately always has a timer ahead: the first is due *before* the preemption timer,
//! so that a thread that was away for that long finds it due; each that passes in quiet is followed by
//! one twice as far away; and behind it stands a second one, for a thread that is unlucky twice.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use clockwork_wire::{Nanos, Span};
use glommio::timer::Timer;

use super::executor::PREEMPT;
use crate::clock;

/// The timers that a turn task keeps ahead of itself.
#[derive(Debug, Default)]
pub(super) struct Guard {
    near: Option<(Nanos, Timer)>,
    far: Option<(Nanos, Timer)>,
    /// How far ahead the nearer one was set.
    reach: Span,
}

impl Guard {
    /// The core is active: the timers come close.
    pub(super) fn active(&mut self, cx: &mut Context<'_>) {
        let now = clock::now();
        let fresh = self.reach == FIRST && ahead(self.near.as_ref(), now) > FIRST.scale(0.5);
        if !fresh {
            self.set(FIRST, now, cx);
        }
    }

    /// The task was woken in quiet, perhaps by the guard itself: its next timer is farther away.
    pub(super) fn quiet(&mut self, cx: &mut Context<'_>) {
        let now = clock::now();
        if self.near.is_some() && ahead(self.near.as_ref(), now).is_zero() {
            self.near = None;
            let reach = self.reach.times(2);
            if reach <= LAST {
                self.set(reach, now, cx);
            }
        }
    }

    fn set(&mut self, reach: Span, now: Nanos, cx: &mut Context<'_>) {
        self.reach = reach;
        self.near = Some(timer(reach, now, cx));
        let behind = reach.times(2);
        if ahead(self.far.as_ref(), now) < behind {
            self.far = Some(timer(behind.times(2), now, cx));
        }
    }
}

/// A timer that wakes the task of `cx`, and when.
fn timer(after: Span, now: Nanos, cx: &mut Context<'_>) -> (Nanos, Timer) {
    let mut timer = Timer::new(clock::duration(after));
    // The first poll registers it. It is not ready yet, and whether it will be is of no interest.
    let _ = Pin::new(&mut timer).poll(cx);
    (now + after, timer)
}

/// How far ahead a timer is; zero without one.
fn ahead(timer: Option<&(Nanos, Timer)>, now: Nanos) -> Span {
    timer.map_or(Span::ZERO, |(due, _)| due.since(now))
}

/// Due well before the preemption timer.
const FIRST: Span = Span::new(PREEMPT.get() / 2);
/// After half a second of quiet a core sleeps undisturbed.
const LAST: Span = Span::from_millis(500);
