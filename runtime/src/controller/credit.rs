//! How many requests clients may have unanswered while a core is short of CPU time.

use clockwork_wire::{Nanos, Span};

/// Keeps the requests that come to a core to what it carries: while even the fastest request takes
/// longer than `target` from its client's memory to the core, the core does not keep up, and what
/// its clients may have unanswered shrinks by a quarter of what they have; else it grows again.
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
    due: Nanos,
}

impl Credit {
    /// Each client has `most`, until the core is short; with a `target` of zero always.
    pub(super) const fn new(target: Span, most: u32) -> Self {
        Self { target, most, limit: None, due: Nanos::ZERO }
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
        self.limit = match (self.limit, delay) {
            (limit, Some(delay)) if delay > self.target => {
                let limit = limit.map_or(unanswered, |limit| limit.min(unanswered));
                Some((limit - limit / 4).max(LEAST))
            }
            (Some(limit), _) => Some(limit.saturating_add(limit / 16 + 1)),
            (None, _) => None,
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
/// What all clients together may always have: enough to be served at all.
const LEAST: u32 = 64;

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
        let mut credit = Credit::new(TARGET, 1_000);
        assert_eq!(credit.adapt(Nanos::ZERO, LATE, 800, 2), Some(300));
        assert_eq!(credit.adapt(Nanos::ZERO, LATE, 600, 2), Some(225));
        assert_eq!(credit.adapt(Nanos::ZERO, EARLY, 450, 2), Some(239));
        let mut last = 239;
        while let Some(each) = credit.adapt(Nanos::ZERO, EARLY, 450, 2) {
            assert!(each > last);
            last = each;
        }
        assert_eq!(last, 1_000);
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
