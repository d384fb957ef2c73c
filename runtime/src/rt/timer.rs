//! Waiting for an instant.

use std::hint;

use clockwork_wire::{Nanos, Span};
use glommio::timer::Timer;

use super::lateness;
use crate::clock;

/// Waits for `span`. Wakes 40 to 120 us late on an idle machine, never early.
pub async fn sleep(span: Span) {
    if !span.is_zero() {
        Timer::new(clock::duration(span)).await;
    }
}

/// Waits until `at`; returns at once if that has passed. [`Nanos::MAX`] never returns. The timer is
/// set earlier by what this core's timers are late as a rule; it never returns early.
pub async fn sleep_until(at: Nanos) {
    if at == Nanos::MAX {
        return std::future::pending().await;
    }
    loop {
        let now = clock::now();
        let left = at.since(now);
        if left.is_zero() {
            return;
        }
        if left <= FINISH {
            // Woken a little early: sleeping again would be late by more than this.
            hint::spin_loop();
            continue;
        }
        let nap = left - lateness::lead().min(left.scale(0.5));
        sleep(nap).await;
        lateness::observe(clock::now().since(now + nap));
    }
}

/// The most that a wait spins at its end.
pub(super) const FINISH: Span = Span::from_micros(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{Options, run};

    #[test]
    fn a_wait_never_ends_early() {
        run(&Options::default(), async {
            let at = clock::now() + Span::from_millis(2);
            sleep_until(at).await;
            assert!(clock::now() >= at);
            sleep_until(Nanos::ZERO).await;
        })
        .unwrap();
    }
}
