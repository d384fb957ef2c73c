//! Requests at recorded times.

use std::sync::Arc;

use clockwork_wire::{Nanos, Span};

use super::Generator;
use crate::{Target, Turn};

/// A recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// When it comes, after the start.
    pub after: Span,
    /// What it asks for.
    pub target: Target,
}

/// Sends recorded requests at their times, and ends after the last one.
#[derive(Clone, Debug)]
pub struct LogReplay {
    arrivals: Arc<[Arrival]>,
    /// The next one.
    next: usize,
    /// Every how manyth is this replay's, if it was divided.
    stride: usize,
    start: Nanos,
}

impl LogReplay {
    /// These requests, in order of their times.
    pub fn new(arrivals: Arc<[Arrival]>) -> Self {
        Self { arrivals, next: 0, stride: 1, start: Nanos::ZERO }
    }

    fn wake(&self, turn: &mut Turn<'_>) {
        if let Some(arrival) = self.arrivals.get(self.next) {
            turn.wake_at(self.start + arrival.after);
        }
    }
}

impl Generator for LogReplay {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.start = turn.now;
        self.wake(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        turn.submit(self.arrivals[self.next].target);
        self.next += self.stride;
        self.wake(turn);
    }

    fn is_finished(&self) -> bool {
        self.next >= self.arrivals.len()
    }

    fn share(&self, part: u32, parts: u32) -> Option<Box<dyn Generator>> {
        let (next, stride) = (usize::try_from(part).ok()?, usize::try_from(parts).ok()?);
        Some(Box::new(Self { next, stride, ..self.clone() }))
    }
}
