//! Results that the controller may not have yet.

use std::collections::VecDeque;

use clockwork_wire::{ActionResult, ModelLoaded, ModelUnloaded, SessionId};

use crate::net::{Part, Report, is_acknowledged};

/// Keeps every result until the controller has acknowledged it, so that a controller whose
/// connection broke gets it again. Bounded: the oldest goes first.
#[derive(Debug)]
pub(super) struct Kept {
    session: Option<SessionId>,
    results: VecDeque<(Option<u32>, Outcome)>,
    limit: usize,
}

/// A result that is the only one of its action.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// Of LOAD, INFER or EVICT, with its output.
    Action(ActionResult, Part),
    /// Of making a model servable.
    Model(ModelLoaded),
    /// Of forgetting models.
    Unloaded(ModelUnloaded),
}

impl From<Outcome> for Report<Part> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Action(result, output) => Self::Result { result, output },
            Outcome::Model(loaded) => Self::ModelLoaded(loaded),
            Outcome::Unloaded(unloaded) => Self::ModelUnloaded(unloaded),
        }
    }
}

impl Kept {
    /// Nothing is kept; at most `limit` results will be.
    pub(super) const fn new(limit: usize) -> Self {
        Self { session: None, results: VecDeque::new(), limit }
    }

    /// A result that went into this frame, or that nobody was there to be sent to.
    pub(super) fn keep(&mut self, frame: Option<u32>, outcome: Outcome) {
        if self.results.len() == self.limit {
            self.results.pop_front();
        }
        self.results.push_back((frame, outcome));
    }

    /// The controller has taken in our frames up to this one.
    pub(super) fn acknowledge(&mut self, acknowledged: u32) {
        let done = |frame: Option<u32>| frame.is_some_and(|f| is_acknowledged(f, acknowledged));
        while self.results.front().is_some_and(|(frame, _)| done(*frame)) {
            self.results.pop_front();
        }
    }

    /// Whether this is another session than that of the controller before.
    pub(super) fn is_new(&self, session: SessionId) -> bool {
        self.session != Some(session)
    }

    /// A controller has come. Gives what it must get again: nothing if its session is new, else
    /// everything after the last frame that it took in.
    pub(super) fn resume(&mut self, session: SessionId, last_applied: u32) -> Vec<Outcome> {
        if self.is_new(session) {
            self.session = Some(session);
            self.results.clear();
            return Vec::new();
        }
        self.acknowledge(last_applied);
        self.results.drain(..).map(|(_, outcome)| outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use clockwork_wire::{ActionId, ModelId, Span, Status};

    use super::*;

    fn outcome(counter: u64) -> Outcome {
        Outcome::Model(ModelLoaded {
            id: ActionId { counter, ..ActionId::default() },
            status: Status::OK,
            message: String::new(),
            model: ModelId::new(0),
            copies: 1,
            profile: None,
            duration: Span::ZERO,
        })
    }

    fn ids(outcomes: Vec<Outcome>) -> Vec<u64> {
        let id = |outcome| match outcome {
            Outcome::Model(loaded) => loaded.id.counter,
            Outcome::Unloaded(unloaded) => unloaded.id.counter,
            Outcome::Action(result, _) => result.id.counter,
        };
        outcomes.into_iter().map(id).collect()
    }

    #[test]
    fn a_session_that_comes_back_gets_what_it_did_not_take_in() {
        let mut kept = Kept::new(10);
        let session = SessionId::new(1);
        assert!(kept.resume(session, 0).is_empty());
        kept.keep(Some(1), outcome(1));
        kept.keep(Some(2), outcome(2));
        kept.acknowledge(1);
        kept.keep(Some(3), outcome(3));
        kept.keep(None, outcome(4));
        assert_eq!(ids(kept.resume(session, 2)), [3, 4]);
    }

    #[test]
    fn another_session_gets_nothing() {
        let mut kept = Kept::new(10);
        kept.resume(SessionId::new(1), 0);
        kept.keep(Some(1), outcome(1));
        assert!(kept.resume(SessionId::new(2), 0).is_empty());
        assert!(kept.resume(SessionId::new(1), 0).is_empty());
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut kept = Kept::new(2);
        kept.resume(SessionId::new(1), 0);
        (1..=3).for_each(|n| kept.keep(None, outcome(n)));
        assert_eq!(ids(kept.resume(SessionId::new(1), 0)), [2, 3]);
    }
}
