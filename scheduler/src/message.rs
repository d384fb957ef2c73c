//! What goes into a scheduler and what comes out.

use std::sync::Arc;

use clockwork_wire::{
    Action, ActionId, ActionResult, DeviceState, ModelId, ModelProfile, Nanos, RequestId, Span,
    Status, WorkerId,
};
use smallvec::SmallVec;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A worker is connected and has these devices (also after a reconnect: its caches are as the
    /// states say).
    WorkerUp {
        /// The worker.
        worker: WorkerId,
        /// Its devices, in order of their number.
        devices: Vec<DeviceState>,
    },
    /// A model is servable on a worker, from now on.
    ModelUp {
        /// The worker.
        worker: WorkerId,
        /// The model.
        model: ModelId,
        /// What it is on that worker's devices.
        profile: Arc<ModelProfile>,
    },
    /// A model is not to be used any longer on a worker. What is on its way there ends as it ends;
    /// then the scheduler evicts what the worker's devices hold of the model. When no worker serves
    /// it any longer, its queued requests are answered with [`Status::UNKNOWN_MODEL`], as are new
    /// ones, until it is up again.
    ModelDown {
        /// The worker.
        worker: WorkerId,
        /// The model.
        model: ModelId,
    },
    /// A model will soon be asked for instead of another, as often: a good scheduler copies it to the
    /// devices that hold the other, as far as nothing has to give way for it that is asked for as much.
    /// [`Scheduler::is_loading`](crate::Scheduler::is_loading) says until when.
    Succeed {
        /// The model that is asked for.
        old: ModelId,
        /// The model that will be.
        new: ModelId,
    },
    /// A worker is gone; nothing more comes from it until it is up again.
    WorkerDown {
        /// The worker.
        worker: WorkerId,
    },
    /// A request.
    Request(Request),
    /// Nobody waits for this request any longer (its client left). It gets its response all the
    /// same, so that there is one response per request.
    Withdraw {
        /// The request.
        request: RequestId,
        /// The model that it asked for.
        model: ModelId,
    },
    /// The one result of an action.
    Result {
        /// The worker that did it.
        worker: WorkerId,
        /// What it did, on our clock.
        result: ActionResult,
    },
}

/// One inference that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Unique among unanswered requests.
    pub id: RequestId,
    /// The model to run; may be unknown.
    pub model: ModelId,
    /// SLO as a multiple of the model's batch-1 time; 0 means "see `slo`".
    pub slo_factor: f32,
    /// SLO; zero means the configured default.
    pub slo: Span,
    /// When it was taken in; the deadline counts from here.
    pub arrival: Nanos,
    /// Bytes of input that travel to the worker; 0 if the worker makes the input up.
    pub input_len: u32,
}

/// A decision.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send an action to a worker.
    Action(Order),
    /// Answer a request; the one and only answer.
    Respond(Response),
    /// An action is over: a row for the action log.
    Record(ActionRecord),
}

/// An action, and where it goes.
#[derive(Clone, Debug)]
pub struct Order {
    /// To which worker.
    pub worker: WorkerId,
    /// What to do.
    pub action: Action,
    /// Not worth sending after this; report [`Status::SEND_LATE`] as its result instead.
    pub send_by: Nanos,
    /// INFER: the requests of the batch, in the order of their inputs and outputs.
    pub requests: SmallVec<[RequestId; 16]>,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// The request.
    pub request: RequestId,
    /// [`Status::OK`] only within the deadline.
    pub status: Status,
    /// Where the output is: part `.1` of the output of action `.0`, whose result was handled in
    /// this turn.
    pub output: Option<(ActionId, u16)>,
    /// The model asked for.
    pub model: ModelId,
    /// When the request was taken in.
    pub arrival: Nanos,
    /// When this answer was decided.
    pub departure: Nanos,
    /// The SLO that held: the deadline is `arrival + slo`.
    pub slo: Span,
    /// Copies of the model in device memory at arrival.
    pub copies_at_arrival: u32,
    /// Copies of the model in device memory at departure; 0 unless it was done or timed out.
    pub copies_at_departure: u32,
}

/// An action that is over: everything that the action log says of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActionRecord {
    /// The worker.
    pub worker: WorkerId,
    /// The action as it was sent.
    pub action: Action,
    /// The result (made up here if none came: [`Status::EXPIRED`], [`Status::WORKER_LOST`]).
    pub result: ActionResult,
    /// When it was decided.
    pub sent: Nanos,
    /// When it was expected to be complete.
    pub expected_complete: Nanos,
    /// Device clock that was expected, in MHz.
    pub expected_clock: u32,
    /// When its result was handled.
    pub received: Nanos,
    /// Time on the device that served requests within their deadline: duration times the fraction
    /// of the batch that was in time; all of it for a successful LOAD; zero for an error.
    pub goodput: Span,
    /// Requests queued for the model when the action was decided.
    pub requests_queued: u32,
    /// Copies of the model in device memory when the action was decided.
    pub copies_loaded: u32,
}
