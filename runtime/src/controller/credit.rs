//! How many requests clients may have unanswered while a core is short of CPU time.

use clockwork_wire::{Nanos, Span};

/// Keeps the requests that come to a core to what it carries: while even the fastest request takes
/// longer than `target` from its client's memory to the core, and that not only once, the core does
/// not keep up, and what its clients may have unanswered shrinks by a quarter of what they have; else
/// it grows again.
///
/// It reacts to the core's own delay only: requests that wait for devices do not count, since the
/// scheduler refuses those that wait in vain. (Additive-increase, multiplicative-decrease control
/// of credits by queueing delay, as in Breakwater, OSDI 2020.)
#[derive(Debug)]
pub(super) struct Credit {
    target: Span,
    most: u32,
    /// Unanswered requests of all clients of the core together; `None` while each has all it wants.
    limit: Option<u32>,
    /// Whether the last interval was slow: one alone may be a pause of the machine.
    slow: bool,
    due: Nanos,
}

impl Credit {
    /// Each client has `most`, until the core is short; with a `target` of zero always.
    pub(super) const fn new(target: Span, most: u32) -> Self {
        Self { target, most, limit: None, slow: false, due: Nanos::ZERO }
    }

    /// Whether it is time to [adapt](Self::adapt).
    pub(super) fn is_due(&self, now: Nanos) -> bool {
        now >= self.due && !self.target.is_zero()
    }

    /// The shortest delay of the requests since the last time was `delay`, and `unanswered` of
    /// `clients` are under way. Gives what each may have from now on, if that changes.
    pub(super) fn adapt(
        &mut self,
        now: Nanos,
        delay: Option<Span>,
        unanswered: usize,
        clients: usize,
    ) -> Option<u32> {
        self.due = now + INTERVAL;
        let before = self.each(clients);
        let all = u64::from(self.most).saturating_mul(u64::try_from(clients).unwrap_or(u64::MAX));
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let unanswered = u32::try_from(unanswered).unwrap_or(u32::MAX).min(all);
        let slow = delay.is_some_and(|delay| delay > self.target);
        self.limit = match (self.limit, std::mem::replace(&mut self.slow, slow) && slow) {
            (limit, true) => {
                let limit = limit.map_or(unanswered, |limit| limit.min(unanswered));
                Some((limit - limit / 4).max(LEAST))
            }
            (Some(limit), false) => Some(limit.saturating_add(limit / 8)),
            (None, false) => None,
        };
        self.limit = self.limit.filter(|&limit| limit < all);
        let after = self.each(clients);
        (before != after).then_some(after)
    }

    fn each(&self, clients: usize) -> u32 {
        let clients = u32::try_from(clients).unwrap_or(u32::MAX).max(1);
        self.limit.map_or(self.most, |limit| (limit / clients).clamp(1, self.most))
    }
}

/// Time between two adaptations: some round trips, so that the last one has shown its effect.
const INTERVAL: Span = Span::from_millis(20);
/// What all clients of a core together may always have: no more than a core takes in within some
/// milliseconds.
const LEAST: u32 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Span = Span::from_millis(5);
    const LATE: Option<Span> = Some(Span::from_millis(6));
    const EARLY: Option<Span> = Some(Span::from_micros(50));

    #[test]
    fn nothing_changes_while_the_core_keeps_up() {
        let mut credit = Credit::new(TARGET, 1_000);
        for unanswered in [0, 10, 1_000_000] {
            assert_eq!(credit.adapt(Nanos::ZERO, EARLY, unanswered, 2), None);
        }
    }

    #[test]
    fn a_core_that_is_behind_grants_less_until_it_is_not_and_then_more_again() {
        let mut credit = Credit::new(TARGET, 10_000);
        assert_eq!(credit.adapt(Nanos::ZERO, LATE, 8_000, 2), None, "once is a pause");
        assert_eq!(credit.adapt(Nanos::ZERO, LATE, 8_000, 2), Some(3_000));
        assert_eq!(credit.adapt(Nanos::ZERO, LATE, 6_000, 2), Some(2_250));
        assert_eq!(credit.adapt(Nanos::ZERO, EARLY, 4_500, 2), Some(2_531));
        let mut last = 2_531;
        while let Some(each) = credit.adapt(Nanos::ZERO, EARLY, 4_500, 2) {
            assert!(each > last);
            last = each;
        }
        assert_eq!(last, 10_000);
    }

    #[test]
    fn every_client_can_always_ask_something() {
        let mut credit = Credit::new(TARGET, 1_000);
        for _ in 0..100 {
            credit.adapt(Nanos::ZERO, LATE, 10_000, 1_000);
        }
        assert_eq!(credit.each(1_000), 1);
        assert_eq!(credit.each(1), LEAST);
    }

    #[test]
    fn without_a_target_it_is_never_due() {
        assert!(!Credit::new(Span::ZERO, 1).is_due(Nanos::MAX));
        let mut credit = Credit::new(TARGET, 1);
        credit.adapt(Nanos::ZERO, None, 0, 0);
        assert!(!credit.is_due(Nanos::ZERO) && credit.is_due(Nanos::ZERO + INTERVAL));
    }
}
