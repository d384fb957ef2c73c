//! What processes say to each other: the words of both links, and what the processes' own sockets
//! say.

use clockwork_wire::{
    Action, ActionResult, ClientId, Foreign, InferRequest, LoadModel, ModelId, ModelLoaded, Nanos,
    RequestId, Status, WorkerId, WorkerState,
};
use clockwork_workload::LoadModels;

use super::Node;

/// A message, by where it goes.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    /// To the controller.
    Controller(Incoming),
    /// To a worker, over the connection with this number; lost with that connection.
    Worker(WorkerId, u32, Command),
    /// To a client.
    Client(ClientId, Tell),
}

/// What reaches the controller, by where it comes from.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// From a client.
    Asked(ClientId, Ask),
    /// From a worker, over the connection with this number.
    Reported(WorkerId, u32, Report),
    /// From its own network: an action for this worker could not be sent in time; this is its
    /// result.
    NotSent(WorkerId, Box<ActionResult>),
}

/// What a client says.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// It wants copies of a model.
    Load(LoadModels),
    /// It asks whether the controller serves.
    List,
    /// It wants an inference.
    Infer(InferRequest),
    /// Its connection has ended.
    Disconnected,
}

/// What a client is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tell {
    /// The copies are servable.
    Loaded {
        /// The first of contiguous ids.
        first: ModelId,
        /// How many.
        copies: u32,
        /// Bytes of one input.
        input_size: u32,
    },
    /// The controller serves.
    Listed {
        /// How many devices there are.
        gpus: u32,
    },
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
}

/// What a worker is told.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Do this.
    Action(Foreign<Action>),
    /// Make a model servable.
    LoadModel(Box<LoadModel>),
}

/// What a worker says.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// It has connected.
    Connected(Box<WorkerState>),
    /// Its connection has ended.
    Disconnected,
    /// An action is done, or not.
    Result(Box<Foreign<ActionResult>>),
    /// A model is servable, or not.
    ModelLoaded(Box<ModelLoaded>),
}

impl Letter {
    /// Who receives it.
    pub(crate) const fn to(&self) -> Node {
        match self {
            Self::Controller(_) => Node::Controller,
            Self::Worker(id, ..) => Node::Worker(*id),
            Self::Client(id, _) => Node::Client(*id),
        }
    }

    /// Whether it is the result of an action, from a worker.
    pub(crate) const fn is_result(&self) -> bool {
        matches!(self, Self::Controller(Incoming::Reported(_, _, Report::Result(_))))
    }
}

/// A message before it is sent.
#[derive(Debug)]
pub(crate) struct Draft {
    /// What it says.
    pub(crate) letter: Letter,
    /// Bytes of payload that travel with it.
    pub(crate) body: u64,
    /// Not worth sending after this.
    pub(crate) send_by: Nanos,
}

impl Draft {
    /// A message with `body` bytes of payload.
    pub(crate) const fn with_body(letter: Letter, body: u64) -> Self {
        Self { letter, body, send_by: Nanos::MAX }
    }
}

impl From<Letter> for Draft {
    fn from(letter: Letter) -> Self {
        Self::with_body(letter, 0)
    }
}
