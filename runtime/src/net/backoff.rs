//! How long to wait before trying again.

use clockwork_wire::Span;

/// Waits that double from a first to a longest one. No randomness: a controller has few workers,
/// and clients come one by one.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Span,
    longest: Span,
    next: Span,
}

impl Backoff {
    /// Begins with the wait `first`, and never waits for more than `longest`.
    pub const fn new(first: Span, longest: Span) -> Self {
        Self { first, longest, next: first }
    }

    /// How long to wait now.
    pub fn wait(&mut self) -> Span {
        let wait = self.next;
        self.next = wait.times(2).min(self.longest);
        wait
    }

    /// It worked: begin with the shortest wait again.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Span::from_millis(100), Span::from_secs(5));
        let waits: Vec<u64> = (0..8).map(|_| backoff.wait().get() / 1_000_000).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.wait(), Span::from_millis(100));
    }
}
