//! What the controller's machine takes in and gives out. Links, sockets and frames are the shell's.

use clockwork_wire::{ActionId, ClientId, Nanos, Payload, WorkerId};

use crate::net::{Answer, Ask, Batch, Command, Part, Report};
use crate::telemetry::{ActionRow, RequestRecord};

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A client is there.
    ClientUp(ClientId),
    /// A client is gone; what it asked for is answered to nobody.
    ClientDown(ClientId),
    /// A client asks.
    Ask {
        /// The client.
        client: ClientId,
        /// What it asks, with its input.
        ask: Ask<Payload>,
        /// When it was read.
        received: Nanos,
    },
    /// A worker's link is up; nothing is known of its state yet.
    WorkerUp(WorkerId),
    /// A worker's link is down.
    WorkerDown(WorkerId),
    /// A worker reports.
    Report {
        /// The worker.
        worker: WorkerId,
        /// What it reports, with the outputs of a batch.
        report: Report<Payload>,
        /// When it was read.
        received: Nanos,
    },
    /// The network could not send an action's inputs by its send-by time.
    Unsent(WorkerId, ActionId),
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Say this to a client.
    Answer(ClientId, Answer<Part>),
    /// Say this to a worker.
    Command(WorkerId, Command<Batch>),
    /// Show this on the console.
    Print(String),
    /// A row for the request log.
    Request(RequestRecord),
    /// A row for the action log.
    Action(ActionRow),
}
