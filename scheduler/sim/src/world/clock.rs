//! The clocks of machines, which disagree.

use clockwork_wire::{ClockOffset, Nanos, Span};
use rand::RngExt;

use crate::scenario::Skew;
use crate::streams::Random;

/// The clock of a machine. The world's time is the controller's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// Ahead of the world's time, in nanoseconds.
    ahead: i64,
    /// What the controller believes of this clock.
    pub(crate) seen_by_controller: ClockOffset,
    /// What this machine believes of the controller's clock.
    pub(crate) controller_seen: ClockOffset,
}

impl Clock {
    /// A clock with the given skew; both sides estimate it, each with an error of its own.
    pub(crate) fn new(skew: Skew, random: &mut Random) -> Self {
        let bound = i64::try_from(skew.error.get()).unwrap_or(i64::MAX);
        let mut estimate = |ahead: i64| {
            let wrong = if bound == 0 { 0 } else { random.random_range(-bound..=bound) };
            ClockOffset { ahead: ahead.saturating_add(wrong), error: skew.error }
        };
        let seen_by_controller = estimate(skew.ahead);
        let controller_seen = estimate(-skew.ahead);
        Self { ahead: skew.ahead, seen_by_controller, controller_seen }
    }

    /// What the clock shows at the world's time `world`.
    pub(crate) const fn read(self, world: Nanos) -> Nanos {
        shift(world, self.ahead)
    }

    /// When, in the world's time, the clock shows `shown`.
    pub(crate) const fn world(self, shown: Nanos) -> Nanos {
        shift(shown, self.ahead.saturating_neg())
    }

    /// By how much an instant may be off after one conversion by an estimate and a widening by its
    /// bound.
    pub(crate) fn tolerance(self) -> Span {
        self.controller_seen.error.times(2)
    }
}

const fn shift(at: Nanos, by: i64) -> Nanos {
    let ns = at.get();
    if ns == 0 || ns == u64::MAX {
        return at;
    }
    Nanos::new(if by >= 0 {
        ns.saturating_add(by.unsigned_abs())
    } else {
        ns.saturating_sub(by.unsigned_abs())
    })
}

#[cfg(test)]
mod tests {
    use clockwork_wire::Foreign;
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn an_estimate_is_off_by_at_most_its_bound_on_both_sides() {
        for seed in 0..100 {
            let skew = Skew { ahead: -7_000_000_000, error: Span::from_micros(80) };
            let clock = Clock::new(skew, &mut Random::seed_from_u64(seed));
            let world = Nanos::new(1_000_000_000_000);
            let shown = clock.read(world);
            assert_eq!(clock.world(shown), world);
            let back = Foreign::new(shown).into_local(clock.seen_by_controller);
            let off = (back - world).max(world - back);
            assert!(off <= skew.error, "off by {off}");
        }
    }
}
