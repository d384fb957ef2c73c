//! How the world around the decisions behaves, from the time stamps of results and the fate of what
//! was admitted.

use clockwork_wire::{Nanos, Span};

use super::measured::Tail;

/// What is measured instead of configured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From an order to the start on a device that has nothing else to do.
    delivery: Tail,
    /// From the expected end to the result's arrival.
    lateness: Tail,
    /// Factor on expected waits, such that nearly all that is admitted is in time.
    caution: f64,
    refused: Nanos,
    /// When something was measured, or given up as outdated.
    heard: Nanos,
}

impl Pace {
    /// Nothing is known yet.
    pub(super) const fn new(guess: Span) -> Self {
        Self {
            delivery: Tail::new(guess),
            lateness: Tail::new(guess),
            caution: 1.0,
            refused: Nanos::ZERO,
            heard: Nanos::ZERO,
        }
    }

    /// How long an order takes to start on an idle device, nearly always.
    pub(super) fn delivery(&self) -> Span {
        self.delivery.value()
    }

    /// How much later than expected results come, nearly always.
    pub(super) fn margin(&self) -> Span {
        self.lateness.value()
    }

    /// Factor on expected waits.
    pub(super) const fn caution(&self) -> f64 {
        self.caution
    }

    /// An action that had nothing before it started so long after its order.
    pub(super) fn delivered(&mut self, after: Span) {
        self.delivery.insert(after);
    }

    /// A result came so much later than the expected end of its action.
    pub(super) fn completed(&mut self, now: Nanos, late: Span) {
        self.heard = now;
        self.lateness.insert(late);
    }

    /// A request has been refused. If that leaves nothing from which anything could be learned, what was
    /// learned in worse times is forgotten by halves; else it would hold for ever.
    pub(super) fn refused(&mut self, now: Nanos) {
        self.refused = now;
        if now - self.heard >= MEMORY {
            self.heard = now;
            self.delivery.halve();
            self.lateness.halve();
            self.caution = 1.0;
        }
    }

    /// An admitted request has been answered. While requests are refused, caution follows what
    /// becomes of the others: one in two hundred may fail. While none is, it rests.
    pub(super) fn answered(&mut self, now: Nanos, in_time: bool) {
        if !in_time {
            self.caution = (self.caution + STEP).min(CAUTION_MOST);
        } else if now - self.refused < MEMORY {
            self.caution = (self.caution - STEP * FAILURES).max(CAUTION_LEAST);
        }
    }
}

/// How much a failure adds to the caution.
const STEP: f64 = 0.01;
/// The part of what is admitted that may fail.
const FAILURES: f64 = 0.005;
const CAUTION_LEAST: f64 = 0.5;
const CAUTION_MOST: f64 = 4.0;
/// For how long a refusal means that there is more than can be done.
const MEMORY: Span = Span::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_every_request_look_hopeless_is_forgotten() {
        let mut pace = Pace::new(Span::from_millis(1));
        let mut now = Nanos::ZERO;
        for _ in 0..1_000 {
            pace.delivered(Span::from_secs(1));
            pace.completed(now, Span::from_secs(1));
            pace.answered(now, false);
        }
        assert_eq!((pace.delivery(), pace.margin()), (Span::from_secs(1), Span::from_secs(1)));
        for _ in 0..1_000 {
            now += Span::from_millis(1);
            pace.refused(now);
        }
        assert!(pace.delivery() < Span::from_millis(2) && pace.caution() <= 1.0, "{pace:?}");
    }
}
