//! The link between the controller and workers.

use clockwork_executor::Inputs;
use clockwork_wire::codec::{
    Actions, ActionsEncoder, BodyId, Chain, DecodeError, FrameKind, Limits, Results,
    ResultsEncoder, is_inline,
};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, Encoding, LoadModel, ModelLoaded, ModelUnloaded,
    ModelUploaded, Nanos, Payload, Role, UnloadModel, UploadModel, WorkerState,
};

use super::Part;
use super::dialect::{Body, Dialect, Ear, Parcel};

/// What the controller tells a worker. `I` are the inputs of an INFER: a [`Batch`] to send,
/// [`Inputs`] when received.
#[derive(Debug)]
pub enum Command<I> {
    /// Make a model servable.
    LoadModel(LoadModel),
    /// LOAD, INFER or EVICT.
    Action {
        /// What to do.
        action: Action,
        /// INFER: the inputs.
        inputs: I,
    },
    /// Forget models.
    UnloadModel(UnloadModel),
    /// A step of an upload.
    Upload(UploadModel),
    /// Do not start this action.
    Cancel(ActionId),
    /// Say what state you are in; the answer names this id.
    Query(ActionId),
}

/// The inputs of an INFER on their way out.
#[derive(Debug, Default)]
pub struct Batch {
    /// One per request of the batch, in its order; none if the inputs are absent.
    pub parts: Vec<Part>,
    /// How the bytes are to be read.
    pub encoding: Encoding,
    /// Inputs that travel apart are not worth sending after this;
    /// [`Event::Dropped`](super::Event::Dropped) tells.
    pub send_by: Nanos,
}

/// What a worker reports. `B` is the output of a batch: a [`Part`] to send, a [`Payload`] when
/// received.
#[derive(Debug)]
pub enum Report<B> {
    /// The one result of an action.
    Result {
        /// What was done; [`ActionResult::output_len`] says how long the output is.
        result: ActionResult,
        /// The outputs of the batch, one after the other.
        output: B,
    },
    /// The one result of a [`LoadModel`].
    ModelLoaded(ModelLoaded),
    /// The one result of an [`UnloadModel`].
    ModelUnloaded(ModelUnloaded),
    /// The one answer to an [`UploadModel`].
    Uploaded(ModelUploaded),
    /// Answers a [`Command::Cancel`].
    CancelReply {
        /// The action.
        id: ActionId,
        /// Whether it was cancelled; its result follows then.
        cancelled: bool,
    },
    /// Answers a [`Command::Query`].
    State {
        /// The query.
        query: ActionId,
        /// The state.
        state: WorkerState,
    },
}

/// The controller's side towards workers: commands, and hears reports.
#[derive(Debug)]
pub struct ControllerSide;

/// The worker's side: hears commands, and reports.
#[derive(Debug)]
pub struct WorkerSide;

impl Dialect for ControllerSide {
    const OURS: Role = Role::Controller;
    const THEIRS: Role = Role::Worker;
    const HEARS: FrameKind = FrameKind::Results;
    type Say = Command<Batch>;
    type Hear = Report<Payload>;
    type Encoder = ActionsEncoder;

    fn encode(encoder: &mut ActionsEncoder, message: Command<Batch>) -> Option<Parcel> {
        match message {
            Command::LoadModel(load) => encoder.load_model(&load),
            Command::Action { action, inputs } => return encode_action(encoder, &action, inputs),
            Command::UnloadModel(unload) => encoder.unload_model(&unload),
            Command::Upload(upload) => encoder.upload(&upload),
            Command::Cancel(id) => encoder.cancel(id),
            Command::Query(id) => encoder.query_state(id),
        }
        None
    }

    fn is_full(encoder: &ActionsEncoder) -> bool {
        encoder.is_full()
    }

    fn finish(encoder: &mut ActionsEncoder, out: &mut Chain) {
        encoder.finish(out);
    }

    fn decode(
        header: &[u8],
        body: &Body,
        limits: &Limits,
        ear: &mut Ear<'_, Self>,
    ) -> Result<(), DecodeError> {
        let frame = Results::decode(header, body.len(), limits)?;
        let results = frame.results();
        frame.loaded.into_iter().for_each(|loaded| ear.hear(Report::ModelLoaded(loaded)));
        for (result, inline) in results {
            let result = ear.local(result);
            let output = body.payload(inline);
            let message = Report::Result { result, output };
            if is_inline(result.output_len) {
                ear.hear(message);
            } else {
                ear.wait(BodyId::Action(result.id), message);
            }
        }
        frame.unloaded.into_iter().for_each(|u| ear.hear(Report::ModelUnloaded(u)));
        frame.uploaded.into_iter().for_each(|u| ear.hear(Report::Uploaded(u)));
        for (id, cancelled) in frame.cancel_replies {
            ear.hear(Report::CancelReply { id, cancelled });
        }
        for (query, state) in frame.states {
            ear.hear(Report::State { query, state });
        }
        Ok(())
    }

    fn with_body(message: Report<Payload>, body: Payload) -> Report<Payload> {
        match message {
            Report::Result { result, .. } => Report::Result { result, output: body },
            other @ (Report::ModelLoaded(_)
            | Report::ModelUnloaded(_)
            | Report::Uploaded(_)
            | Report::CancelReply { .. }
            | Report::State { .. }) => other,
        }
    }
}

fn encode_action(encoder: &mut ActionsEncoder, action: &Action, batch: Batch) -> Option<Parcel> {
    let sizes = sizes(action.kind, &batch.parts);
    let total = sizes.iter().copied().map(u64::from).sum::<u64>();
    // More than 32 bits can say is refused by every peer's limits, and does not travel inline.
    if is_inline(u32::try_from(total).unwrap_or(u32::MAX)) {
        encoder.action_shared(action, &sizes, batch.encoding, batch.parts);
        return None;
    }
    encoder.action_shared(action, &sizes, batch.encoding, []);
    let Batch { parts, send_by, .. } = batch;
    Some(Parcel { id: BodyId::Action(action.id), parts, latest: action.window.latest, send_by })
}

fn size(part: &Part) -> u32 {
    u32::try_from(part.len()).expect("an input's length fits its message")
}

/// The bytes of each input; all zero if they are absent.
fn sizes(kind: ActionKind, parts: &[Part]) -> Vec<u32> {
    match kind {
        ActionKind::Infer { batch } if parts.is_empty() => vec![0; batch.count()],
        ActionKind::Infer { .. } => parts.iter().map(size).collect(),
        ActionKind::Load | ActionKind::Evict => Vec::new(),
    }
}

impl Dialect for WorkerSide {
    const OURS: Role = Role::Worker;
    const THEIRS: Role = Role::Controller;
    const HEARS: FrameKind = FrameKind::Actions;
    type Say = Report<Part>;
    type Hear = Command<Inputs>;
    type Encoder = ResultsEncoder;

    fn encode(encoder: &mut ResultsEncoder, message: Report<Part>) -> Option<Parcel> {
        match message {
            Report::Result { result, output } => {
                if is_inline(result.output_len) {
                    encoder.result_shared(&result, output);
                    return None;
                }
                encoder.result_shared(&result, Part::EMPTY);
                let id = BodyId::Action(result.id);
                let (latest, send_by) = (Nanos::MAX, Nanos::MAX);
                return Some(Parcel { id, parts: vec![output], latest, send_by });
            }
            Report::ModelLoaded(loaded) => encoder.model_loaded(&loaded),
            Report::ModelUnloaded(unloaded) => encoder.model_unloaded(&unloaded),
            Report::Uploaded(uploaded) => encoder.model_uploaded(&uploaded),
            Report::CancelReply { id, cancelled } => encoder.cancel_reply(id, cancelled),
            Report::State { query, state } => encoder.state(query, &state),
        }
        None
    }

    fn is_full(encoder: &ResultsEncoder) -> bool {
        encoder.is_full()
    }

    fn finish(encoder: &mut ResultsEncoder, out: &mut Chain) {
        encoder.finish(out);
    }

    fn decode(
        header: &[u8],
        body: &Body,
        limits: &Limits,
        ear: &mut Ear<'_, Self>,
    ) -> Result<(), DecodeError> {
        let frame = Actions::decode(header, body.len(), limits)?;
        let actions = frame.actions();
        frame.loads.into_iter().for_each(|load| ear.hear(Command::LoadModel(load)));
        for message in actions {
            let action = ear.local(message.action);
            let apart = message.inline.is_empty() && message.sizes.total() > 0;
            let inputs = Inputs {
                body: body.payload(message.inline.clone()),
                sizes: message.sizes.collect(),
                encoding: message.encoding,
            };
            let message = Command::Action { action, inputs };
            if apart {
                ear.wait(BodyId::Action(action.id), message);
            } else {
                ear.hear(message);
            }
        }
        frame.unloads.into_iter().for_each(|unload| ear.hear(Command::UnloadModel(unload)));
        frame.uploads.into_iter().for_each(|upload| ear.hear(Command::Upload(upload)));
        frame.cancels.into_iter().for_each(|id| ear.hear(Command::Cancel(id)));
        frame.queries.into_iter().for_each(|id| ear.hear(Command::Query(id)));
        Ok(())
    }

    fn with_body(message: Command<Inputs>, body: Payload) -> Command<Inputs> {
        match message {
            Command::Action { action, inputs } => {
                Command::Action { action, inputs: Inputs { body, ..inputs } }
            }
            other @ (Command::LoadModel(_)
            | Command::UnloadModel(_)
            | Command::Upload(_)
            | Command::Cancel(_)
            | Command::Query(_)) => other,
        }
    }
}
