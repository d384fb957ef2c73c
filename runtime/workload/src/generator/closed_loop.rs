//! A fixed number of requests under way: each answer causes the next request.

use clockwork_wire::{Span, Status};

use super::Generator;
use crate::{Target, Turn};

/// Keeps `concurrency` requests under way, over its targets in rotation.
///
/// An error completes a request like an answer does, but the next one is sent [`BACK_OFF`] later:
/// a controller that refuses at once would otherwise be asked again at once, for ever.
#[derive(Debug)]
pub struct ClosedLoop {
    targets: Vec<Target>,
    concurrency: u32,
    delay: Span,
    /// Requests still to be submitted; `None` means without end.
    remaining: Option<u64>,
    next: usize,
}

impl ClosedLoop {
    /// A loop over `targets`, at once and without end.
    ///
    /// # Panics
    /// If there are no targets.
    pub fn new(targets: Vec<Target>, concurrency: u32) -> Self {
        assert!(!targets.is_empty(), "a loop needs a target");
        Self { targets, concurrency, delay: Span::ZERO, remaining: None, next: 0 }
    }

    /// Ends after exactly this many requests.
    #[must_use]
    pub fn limited(self, requests: u64) -> Self {
        Self { remaining: Some(requests), ..self }
    }

    /// Begins this long after the workload.
    #[must_use]
    pub fn delayed(self, delay: Span) -> Self {
        Self { delay, ..self }
    }

    fn submit(&mut self, turn: &mut Turn<'_>) {
        match &mut self.remaining {
            Some(0) => return,
            Some(remaining) => *remaining -= 1,
            None => {}
        }
        turn.submit(self.targets[self.next]);
        self.next = (self.next + 1) % self.targets.len();
    }
}

impl Generator for ClosedLoop {
    /// One timer for each request under way: the loop is that many loops with one rotation.
    fn start(&mut self, turn: &mut Turn<'_>) {
        for _ in 0..self.concurrency {
            turn.wake_at(turn.now + self.delay);
        }
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        self.submit(turn);
    }

    fn answered(&mut self, turn: &mut Turn<'_>, status: Status) {
        if self.is_finished() {
            return;
        }
        if status.has_output() {
            self.submit(turn);
        } else {
            // Beyond its credits a request is refused without being sent, so that a short pause
            // would be a storm.
            let beyond = status == Status::OVERLOADED;
            turn.wake_at(turn.now + if beyond { BACK_OFF_OVERLOADED } else { BACK_OFF });
        }
    }

    fn is_finished(&self) -> bool {
        self.remaining == Some(0)
    }

    fn set_slo_factor(&mut self, factor: f32) {
        self.targets.iter_mut().for_each(|target| target.slo_factor = factor);
    }
}

/// Between an error and the next request of a loop.
pub const BACK_OFF: Span = Span::from_millis(1);

/// The same when the controller or its credits refuse more.
pub const BACK_OFF_OVERLOADED: Span = Span::from_millis(100);
