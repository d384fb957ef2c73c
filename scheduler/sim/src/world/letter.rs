//! What processes say to each other.

use clockwork_wire::{
    Action, ActionResult, Foreign, InferRequest, LoadModel, ModelId, ModelLoaded, Nanos, RequestId,
    Status, WorkerId, WorkerState,
};
use clockwork_workload::LoadModels;

use super::Node;

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Letter {
    /// Who sent it.
    pub(crate) from: Node,
    /// To whom.
    pub(crate) to: Node,
    /// Which connection of the worker it belongs to; it is lost with that connection.
    pub(crate) session: u32,
    /// What it says.
    pub(crate) message: Message,
}

/// A message before it is sent.
#[derive(Debug)]
pub(crate) struct Draft {
    /// To whom.
    pub(crate) to: Node,
    /// Which connection of the worker it belongs to.
    pub(crate) session: u32,
    /// Bytes of payload that travel with it.
    pub(crate) body: u64,
    /// Not worth sending after this.
    pub(crate) send_by: Nanos,
    /// What it says.
    pub(crate) message: Message,
}

impl Draft {
    /// A message without payload.
    pub(crate) const fn new(to: Node, session: u32, message: Message) -> Self {
        Self { to, session, body: 0, send_by: Nanos::MAX, message }
    }
}

/// The words of both links, and what the processes' own sockets say.
#[derive(Debug)]
pub(crate) enum Message {
    /// A client wants copies of a model.
    Load(LoadModels),
    /// The copies are servable.
    Loaded {
        /// The first of contiguous ids.
        first: ModelId,
        /// How many.
        copies: u32,
        /// Bytes of one input.
        input_size: u32,
    },
    /// A client asks whether the controller serves.
    List,
    /// It does.
    Listed,
    /// A client wants an inference.
    Infer(InferRequest),
    /// It gets its answer.
    Answer {
        /// The client's number for the request.
        id: RequestId,
        /// What became of it.
        status: Status,
        /// Whether no copy of the model was in device memory when the request came in.
        cold: bool,
    },
    /// The run is over: submit nothing more.
    Stop,
    /// A worker has connected.
    Connected(Box<WorkerState>),
    /// A worker's connection has ended.
    Disconnected,
    /// Do this.
    Action(Foreign<Action>),
    /// It is done, or not.
    Result(Box<Foreign<ActionResult>>),
    /// An action could not be sent in time; what its result would have been.
    NotSent(WorkerId, Box<ActionResult>),
    /// Make a model servable.
    LoadModel(Box<LoadModel>),
    /// It is, or not.
    ModelLoaded(Box<ModelLoaded>),
}
