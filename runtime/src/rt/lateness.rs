//! How late this core's timers fire, so that they can be set that much earlier.
//!
//! A parked core wakes 40 to 170 us after its timer's time, depending on the machine, and about as late
//! every time. A timer set earlier by the median lateness fires about on time; where it fires early,
//! the rest is a few microseconds. (The least lateness would not do: a sleep that happens to end while
//! the core is awake is hardly late at all.)

use std::cell::Cell;

use clockwork_wire::Span;

/// A running estimate of the median lateness of a core's sleeps.
#[derive(Clone, Copy, Debug, Default)]
struct Lateness(Span);

impl Lateness {
    /// A sleep ended so much after its time.
    fn observe(self, late: Span) -> Self {
        let moved = if late > self.0 { self.0 + STEP } else { self.0 - STEP };
        Self(moved.min(LEAD_MOST))
    }
}

thread_local! {
    static LATENESS: Cell<Lateness> = const { Cell::new(Lateness(Span::ZERO)) };
    /// Of sleeps that do without the library.
    static OWN: Cell<Lateness> = const { Cell::new(Lateness(Span::ZERO)) };
}

/// How much earlier this core's timers are to be set.
pub(super) fn lead() -> Span {
    LATENESS.get().0
}

/// A sleep of this core ended so much after its time.
pub(super) fn observe(late: Span) {
    LATENESS.set(LATENESS.get().observe(late));
}

/// How much earlier naps of this core beside its sockets are to end.
pub(super) fn own_lead() -> Span {
    OWN.get().0
}

/// Such a nap ended so much after its time.
pub(super) fn observe_own(late: Span) {
    OWN.set(OWN.get().observe(late));
}

const STEP: Span = Span::new(500);
/// Later than this is the machine's business, not the timer's.
const LEAD_MOST: Span = Span::from_micros(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut lateness: Lateness, sleeps: u32, late: impl Fn(u32) -> Span) -> Lateness {
        (0..sleeps).for_each(|n| lateness = lateness.observe(late(n)));
        lateness
    }

    #[test]
    fn the_lead_is_the_median_lateness() {
        let mixed = |n: u32| Span::from_micros(if n.is_multiple_of(5) { 0 } else { 70 });
        let lead = after(Lateness::default(), 2_000, mixed).0;
        assert!(lead > Span::from_micros(60) && lead <= Span::from_micros(72), "{lead}");
        let punctual = after(Lateness(lead), 200, |_| Span::ZERO).0;
        assert_eq!(punctual, Span::ZERO);
        let stalled = after(Lateness::default(), 2_000, |_| Span::from_millis(9)).0;
        assert_eq!(stalled, LEAD_MOST);
    }
}
