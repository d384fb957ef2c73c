//! Who is told what happens in a run, request by request and action by action.

use std::fmt;

use clockwork_scheduler::{ActionRecord, Response};
use clockwork_wire::{Nanos, RequestId, UserId};

/// Is told everything that the controller of a real run would log, in the order in which it would.
/// Instants are the controller's clock; a run starts at [`START`](crate::trial::START).
pub trait Observer: fmt::Debug {
    /// The controller has answered a request.
    fn answered(&mut self, answered: &Answered);

    /// The controller has closed an action.
    fn closed(&mut self, record: &ActionRecord);

    /// A client's workload says something to whoever runs it.
    fn said(&mut self, now: Nanos, text: &str) {
        let _ = (now, text);
    }

    /// Whether the run goes on; asked now and then. If not, it is broken off where it is, with
    /// requests unanswered.
    fn goes_on(&mut self, now: Nanos) -> bool {
        let _ = now;
        true
    }
}

/// A request and the answer to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answered {
    /// The client's own number for it.
    pub id: RequestId,
    /// Who asked: the part of the workload.
    pub user: UserId,
    /// SLO as a multiple of the model's batch-1 time; 0 if none was asked for.
    pub slo_factor: f32,
    /// What was decided.
    pub response: Response,
}

/// Nobody looks.
impl Observer for () {
    fn answered(&mut self, _: &Answered) {}

    fn closed(&mut self, _: &ActionRecord) {}
}
