//! Client link: what a client asks and what the controller responds.

use crate::{
    ClockOffset, Home, InputSpec, Localize, ModelId, Nanos, RequestId, Span, Status, UserId,
};

/// Asks for copies of a model by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadRequest {
    /// The client's number for this request; comes back in the response.
    pub id: RequestId,
    /// Who asks.
    pub user: UserId,
    /// The model's name; at most 255 bytes, never opened as a path.
    pub name: String,
    /// How many instances to make; each gets a model id and weights of its own. 1 to 65,536.
    pub copies: u32,
}

/// Answers a [`LoadRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadResponse {
    /// The client's number for the request.
    pub id: RequestId,
    /// [`Status::OK`], or why not.
    pub status: Status,
    /// In words, when it failed.
    pub message: String,
    /// The first of the new, contiguous ids.
    pub model: ModelId,
    /// How many ids.
    pub copies: u32,
    /// Bytes of one input.
    pub input_size: u32,
    /// Bytes of one output.
    pub output_size: u32,
}

/// Asks for models to be removed. Requests for them that wait get
/// [`Status::UNKNOWN_MODEL`]; those that run are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnloadRequest {
    /// The client's number for this request; comes back in the response.
    pub id: RequestId,
    /// Who asks.
    pub user: UserId,
    /// The first of `copies` contiguous ids.
    pub model: ModelId,
    /// How many instances. 1 to 65,536.
    pub copies: u32,
}

/// Answers an [`UnloadRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnloadResponse {
    /// The client's number for the request.
    pub id: RequestId,
    /// [`Status::OK`] when every worker has forgotten the models, or why not.
    pub status: Status,
    /// In words, when it failed.
    pub message: String,
}

/// Asks that from one instant on every id that serves a name serves a new version of it: what the
/// workers find under that name now. No request is lost by it, and the ids stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceRequest {
    /// The client's number for this request; comes back in the response.
    pub id: RequestId,
    /// Who asks.
    pub user: UserId,
    /// The name under which the models were loaded; at most 255 bytes, never opened as a path.
    pub name: String,
}

/// Answers a [`ReplaceRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaceResponse {
    /// The client's number for the request.
    pub id: RequestId,
    /// [`Status::OK`]: requests that come from now on get the new version. Otherwise all is as it was.
    pub status: Status,
    /// In words, when it failed.
    pub message: String,
    /// How many ids serve the new version; 0 when it failed.
    pub models: u32,
}

/// Asks for one inference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InferRequest {
    /// The client's number for this request; unique per connection while it is unanswered.
    pub id: RequestId,
    /// Who asks.
    pub user: UserId,
    /// The model to run.
    pub model: ModelId,
    /// SLO as a multiple of the model's batch-1 time; 0 means "see `slo`".
    pub slo_factor: f32,
    /// SLO of this request; zero means the controller's default. `slo_factor` wins.
    pub slo: Span,
    /// What travels with it.
    pub input: InputSpec,
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The model itself.
    #[default]
    Exact,
    /// Decoded from a parity group (ParM).
    Reconstructed,
    /// A replica of the request.
    Replica,
    /// A cheaper model.
    Approximate,
}

/// Answers an [`InferRequest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InferResponse {
    /// The client's number for the request.
    pub id: RequestId,
    /// [`Status::OK`] means done within the deadline.
    pub status: Status,
    /// Where the output comes from.
    pub origin: Origin,
    /// To which of the controller's cores the model's next request should go.
    pub home: Home,
    /// The model that ran.
    pub model: ModelId,
    /// Bytes of output that travel with it; 0 when there is none.
    pub output_len: u32,
    /// When the controller took the request in, on the controller's clock.
    pub arrival: Nanos,
    /// When the controller answered, on the controller's clock.
    pub departure: Nanos,
}

impl Localize for InferResponse {
    fn localize(self, offset: ClockOffset) -> Self {
        Self {
            arrival: self.arrival.localize(offset),
            departure: self.departure.localize(offset),
            ..self
        }
    }
}

/// One line of the answer to LS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedModel {
    /// The model's id.
    pub model: ModelId,
    /// The name under which it was loaded.
    pub name: String,
    /// Bytes of one input.
    pub input_size: u32,
    /// Bytes of one output.
    pub output_size: u32,
}
