//! Whether a core that has nothing to do sleeps, and how.

use clockwork_wire::{Nanos, Span, Window};

use super::spinner::Patience;
use super::timer::FINISH;

/// What a core waits for, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vigil {
    /// The next turn is due.
    pub(super) until: Nanos,
    /// Something is foreseen.
    pub(super) foreseen: Option<Window>,
    pub(super) patience: Patience,
    /// Since when there is nothing to do.
    pub(super) begun: Nanos,
}

/// What a core does next that has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Asks its sockets at once, and again.
    Listen,
    /// Sleeps for so long, unless a socket has something.
    Nap(Span),
    /// Gives itself to the library once.
    Look,
    /// Sleeps in the library until then.
    Leave(Nanos),
}

/// What the core is like just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    /// When it last heard something.
    pub(super) heard: Nanos,
    /// When the library is to look around.
    pub(super) look_due: Nanos,
    /// Whether something is under way that only the library sees.
    pub(super) is_library_needed: bool,
    /// How late its naps end.
    pub(super) lead: Span,
}

impl Vigil {
    /// What to do at `now`.
    pub(super) fn next(&self, now: Nanos, core: &Condition) -> Next {
        let Patience { awake, asleep, foreseen } = self.patience;
        let ahead = awake.max(foreseen);
        let listens = now < self.begun + awake
            || self.until.since(now) <= ahead.max(FINISH)
            || self.foreseen.is_some_and(|window| window.contains(now));
        let naps = now < core.heard + asleep && !core.is_library_needed;
        if (listens || naps) && core.look_due <= now {
            return Next::Look;
        }
        if listens {
            return Next::Listen;
        }
        let until = if self.until == Nanos::MAX { self.until } else { self.until - ahead };
        let window = self.foreseen.map(|window| window.earliest).filter(|from| *from > now);
        let due = window.map_or(until, |from| until.min(from));
        if !naps {
            return Next::Leave(due);
        }
        let left = due.since(now);
        let left = left - core.lead.min(left.scale(0.5));
        let warm = (core.heard + asleep).since(now);
        Next::Nap(left.min(warm).min(core.look_due.since(now)).max(NAP_LEAST))
    }
}

/// Shorter naps are not worth a sleep.
const NAP_LEAST: Span = Span::from_micros(5);

#[cfg(test)]
mod tests {
    use super::*;

    const WARM: Span = Span::from_millis(20);
    const MARGIN: Span = Span::from_micros(60);

    #[test]
    fn a_core_is_awake_when_something_is_due_or_foreseen_and_asleep_as_long_as_nothing_is() {
        let patience = Patience { awake: Span::ZERO, asleep: WARM, foreseen: MARGIN };
        let at = |micros| Nanos::new(1_000_000_000) + Span::from_micros(micros);
        let window = Window::new(at(1_000), at(1_200));
        let vigil = Vigil { until: at(9_000), foreseen: Some(window), patience, begun: at(0) };
        let core = Condition {
            heard: at(0),
            look_due: at(5_000),
            is_library_needed: false,
            lead: Span::from_micros(40),
        };
        let nap = |micros| Next::Nap(Span::from_micros(micros));
        assert_eq!(vigil.next(at(0), &core), nap(960), "it wakes up for the window");
        assert_eq!(vigil.next(at(1_000), &core), Next::Listen);
        assert_eq!(vigil.next(at(1_200), &core), Next::Listen);
        assert_eq!(vigil.next(at(1_300), &core), nap(3_700), "what was foreseen did not come");
        assert_eq!(vigil.next(at(5_000), &core), Next::Look);
        let core = Condition { look_due: at(10_000), ..core };
        assert_eq!(vigil.next(at(5_000), &core), nap(3_900));
        assert_eq!(vigil.next(at(8_950), &core), Next::Listen, "a turn is due");
        let needed = Condition { is_library_needed: true, ..core };
        assert_eq!(vigil.next(at(0), &needed), Next::Leave(at(1_000)));
        let cold = Condition { heard: Nanos::ZERO, ..core };
        assert_eq!(vigil.next(at(0), &cold), Next::Leave(at(1_000)));
        assert_eq!(vigil.next(at(1_000), &cold), Next::Listen);
        let endless = Vigil { until: Nanos::MAX, foreseen: None, ..vigil };
        assert_eq!(endless.next(at(0), &cold), Next::Leave(Nanos::MAX));
    }
}
