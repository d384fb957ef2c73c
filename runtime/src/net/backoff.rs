//! How long to wait before trying again.

use clockwork_wire::Span;

/// Waits that double from a tenth of a second to five seconds. No randomness: a controller has few
/// workers, and clients come one by one.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Span,
}

impl Backoff {
    /// The first wait is the shortest.
    pub const fn new() -> Self {
        Self { next: FIRST }
    }

    /// How long to wait now.
    pub fn wait(&mut self) -> Span {
        let wait = self.next;
        self.next = wait.times(2).min(LAST);
        wait
    }

    /// It worked: begin with the shortest wait again.
    pub const fn reset(&mut self) {
        self.next = FIRST;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

const FIRST: Span = Span::from_millis(100);
const LAST: Span = Span::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_seconds() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..8).map(|_| backoff.wait().get() / 1_000_000).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.wait(), FIRST);
    }
}
