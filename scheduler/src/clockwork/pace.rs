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
    /// Device time that a request usually costs, in nanoseconds, over about the last 256.
    cost: f64,
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
            cost: 0.0,
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

    /// Whether requests have been refused of late: there is more than can be done.
    pub(super) fn is_overloaded(&self, now: Nanos) -> bool {
        now - self.refused < MEMORY
    }

    /// A request has come that costs so much device time.
    pub(super) fn offered(&mut self, cost: f64) {
        self.cost += if self.cost == 0.0 { cost } else { (cost - self.cost) / COSTS };
    }

    /// How much dearer than usual a request is that costs `cost` of device time, while there is more
    /// than can be done; 1 while there is not.
    pub(super) fn dearness(&self, now: Nanos, cost: f64) -> f64 {
        let relative = || (cost / self.cost.max(1.0)).clamp(CHEAP, DEAR);
        if self.is_overloaded(now) { relative() } else { 1.0 }
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
    /// becomes of the others: a few in a hundred may fail. While none is refused, caution rests.
    pub(super) fn answered(&mut self, now: Nanos, in_time: bool) {
        if !in_time {
            self.caution = (self.caution + STEP).min(CAUTION_MOST);
        } else if self.is_overloaded(now) {
            self.caution = (self.caution - STEP * FAILURES).max(CAUTION_LEAST);
        }
    }
}

/// How much a failure adds to the caution.
const STEP: f64 = 0.01;
/// The part of what is admitted that may fail. Fewer failures cost more goodput than they are: what is
/// refused to avoid them leaves batches less full, which costs the others device time.
const FAILURES: f64 = 0.02;
const CAUTION_LEAST: f64 = 0.5;
/// What is expected is never taken to last longer than that: more caution keeps queues so short that
/// batches do not fill, and then everything does last longer.
const CAUTION_MOST: f64 = 1.0;
/// Over how many requests the usual cost is averaged.
const COSTS: f64 = 256.0;
/// Within these factors a request counts as cheaper or dearer than usual.
const CHEAP: f64 = 0.25;
const DEAR: f64 = 4.0;
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
