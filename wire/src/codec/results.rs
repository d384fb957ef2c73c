//! Worker to controller.

use std::ops::Range;
use std::sync::Arc;

use flatbuffers::{Vector, WIPOffset};

use super::frame::{FRAME_FULL, FrameWriter, InlineCursor};
use super::generated as fb;
use super::profile::{profile, put_profile};
use super::state::{put_state, state};
use super::word::{action_id, copies, interval, kind, put_action_id, put_batch, put_interval};
use super::{DecodeError, FrameKind, Limits, MESSAGE_MAX, Sink, check};
use crate::{
    ActionId, ActionResult, Foreign, GpuId, ModelId, ModelLoaded, ModelUnloaded, ModelUploaded,
    Nanos, Payload, Span, Status, WorkerState,
};

/// Collects a turn's results into one frame.
#[derive(Debug)]
pub struct ResultsEncoder {
    frame: FrameWriter,
    results: Vec<fb::ActionResult>,
    loaded: Vec<WIPOffset<fb::ModelLoaded<'static>>>,
    cancel_replies: Vec<fb::CancelReply>,
    states: Vec<WIPOffset<fb::WorkerState<'static>>>,
    unloaded: Vec<WIPOffset<fb::ModelUnloaded<'static>>>,
    uploaded: Vec<WIPOffset<fb::ModelUploaded<'static>>>,
}

impl Default for ResultsEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ResultsEncoder {
    /// An empty frame.
    pub fn new() -> Self {
        Self {
            frame: FrameWriter::new(FrameKind::Results),
            results: Vec::new(),
            loaded: Vec::new(),
            cancel_replies: Vec::new(),
            states: Vec::new(),
            unloaded: Vec::new(),
            uploaded: Vec::new(),
        }
    }

    /// Adds the result of an action; `inline` are its outputs, or nothing if there are none or they
    /// go over the bulk connection.
    ///
    /// # Panics
    /// If the length of `inline` is not what [`ActionResult::output_len`] demands.
    pub fn result(&mut self, result: &ActionResult, inline: &[u8]) {
        self.frame.attach(result.output_len.into(), [inline]);
        self.push(result);
    }

    /// [`ResultsEncoder::result`] without a copy of the outputs.
    ///
    /// # Panics
    /// As [`ResultsEncoder::result`].
    pub fn result_shared(&mut self, result: &ActionResult, inline: Payload) {
        self.frame.splice(result.output_len.into(), [inline]);
        self.push(result);
    }

    fn push(&mut self, result: &ActionResult) {
        let mut raw = fb::ActionResult::default();
        raw.set_id(&put_action_id(result.id));
        raw.set_copy_input(&put_interval(result.copy_input));
        raw.set_exec(&put_interval(result.exec));
        raw.set_copy_output(&put_interval(result.copy_output));
        raw.set_received(result.received.get());
        raw.set_sent(result.sent.get());
        raw.set_model(result.model.get());
        raw.set_gpu(result.gpu.get());
        raw.set_clock_before(result.clock_before);
        raw.set_clock_after(result.clock_after);
        raw.set_output_len(result.output_len);
        raw.set_status(result.status.get());
        raw.set_batch(put_batch(result.kind));
        raw.set_kind(result.kind.number());
        debug_assert!(read(&raw).is_ok(), "{result:?} is within its bounds");
        self.results.push(raw);
    }

    /// Adds the result of an order to make a model servable. A long message is cut to
    /// [`MESSAGE_MAX`].
    ///
    /// # Panics
    /// If the model's name is longer than [`NAME_MAX`](super::NAME_MAX).
    pub fn model_loaded(&mut self, loaded: &ModelLoaded) {
        let builder = &mut self.frame.builder;
        let message = builder.create_string(check::cut(&loaded.message, MESSAGE_MAX));
        let profile = loaded.profile.as_ref().map(|profile| put_profile(builder, profile));
        self.loaded.push(fb::ModelLoaded::create(
            builder,
            &fb::ModelLoadedArgs {
                id: Some(&put_action_id(loaded.id)),
                status: loaded.status.get(),
                message: Some(message),
                model: loaded.model.get(),
                copies: loaded.copies,
                profile,
                duration: loaded.duration.get(),
            },
        ));
    }

    /// Adds the result of an order to forget models. A long message is cut to [`MESSAGE_MAX`].
    pub fn model_unloaded(&mut self, unloaded: &ModelUnloaded) {
        let builder = &mut self.frame.builder;
        let message = Some(builder.create_string(check::cut(&unloaded.message, MESSAGE_MAX)));
        let args = fb::ModelUnloadedArgs {
            id: Some(&put_action_id(unloaded.id)),
            status: unloaded.status.get(),
            message,
            model: unloaded.model.get(),
        };
        self.unloaded.push(fb::ModelUnloaded::create(builder, &args));
    }

    /// Adds the worker's state, as the answer to `query`. It must contain the effects of all results
    /// that were added before it.
    ///
    /// # Panics
    /// If a name is longer than [`NAME_MAX`](super::NAME_MAX).
    pub fn state(&mut self, query: ActionId, state: &WorkerState) {
        self.states.push(put_state(&mut self.frame.builder, query, state));
    }

    /// Adds the answer to a cancellation: whether it came in time.
    pub fn cancel_reply(&mut self, id: ActionId, cancelled: bool) {
        self.cancel_replies.push(fb::CancelReply::new(&put_action_id(id), cancelled));
    }

    /// Adds the answer to a step of an upload. A long message is cut to [`MESSAGE_MAX`].
    pub fn model_uploaded(&mut self, uploaded: &ModelUploaded) {
        let builder = &mut self.frame.builder;
        let message = Some(builder.create_string(check::cut(&uploaded.message, MESSAGE_MAX)));
        let (id, status) = (put_action_id(uploaded.id), uploaded.status.get());
        let args = fb::ModelUploadedArgs { id: Some(&id), status, message };
        self.uploaded.push(fb::ModelUploaded::create(builder, &args));
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
            && self.loaded.is_empty()
            && self.unloaded.is_empty()
            && self.uploaded.is_empty()
            && self.cancel_replies.is_empty()
            && self.states.is_empty()
    }

    /// Whether the frame should be finished before more is added, so that it stays within the
    /// peer's [`Limits`].
    pub fn is_full(&self) -> bool {
        self.frame.len() + size_of_val(self.results.as_slice()) >= FRAME_FULL
    }

    /// Appends the frame to `out` and starts the next one.
    pub fn finish(&mut self, out: &mut impl Sink) {
        let args = fb::ResultsArgs {
            results: self.frame.vector(&mut self.results),
            loaded: self.frame.vector(&mut self.loaded),
            cancel_replies: self.frame.vector(&mut self.cancel_replies),
            states: self.frame.vector(&mut self.states),
            unloaded: self.frame.vector(&mut self.unloaded),
            uploaded: self.frame.vector(&mut self.uploaded),
        };
        let root = fb::Results::create(&mut self.frame.builder, &args);
        self.frame.finish(root, out);
    }
}

/// The results of one frame, checked. The order in which they count: loaded, results, unloaded,
/// cancel replies, states.
#[derive(Debug)]
pub struct Results<'a> {
    raw: Option<Vector<'a, fb::ActionResult>>,
    /// Results of orders to make models servable.
    pub loaded: Vec<ModelLoaded>,
    /// Results of orders to forget models.
    pub unloaded: Vec<ModelUnloaded>,
    /// Answers to steps of uploads.
    pub uploaded: Vec<ModelUploaded>,
    /// Answers to cancellations: `true` if the action was cancelled, `false` if it was too late.
    pub cancel_replies: Vec<(ActionId, bool)>,
    /// The worker's state, with the question that it answers.
    pub states: Vec<(ActionId, WorkerState)>,
}

impl<'a> Results<'a> {
    /// Verifies a header and checks all that is in it.
    ///
    /// # Errors
    /// If the header does not verify, a field is out of its bounds, or the inline payloads are not
    /// `body_len` bytes together.
    pub fn decode(header: &'a [u8], body_len: u32, limits: &Limits) -> Result<Self, DecodeError> {
        let raw = limits.root::<fb::Results<'_>>(FrameKind::Results, header)?;
        let mut inline = InlineCursor::default();
        for raw in raw.results().into_iter().flatten() {
            let len = read(raw)?.output_len.into();
            check::length("action_result.output_len", len, limits.body)?;
            inline.next(len);
        }
        check::equal("results: body length", body_len, inline.total())?;
        let mut expanded = 0;
        let replies = raw.cancel_replies().into_iter().flatten();
        let states = raw.states().into_iter().flatten();
        let unloads = raw.unloaded().into_iter().flatten();
        let uploads = raw.uploaded().into_iter().flatten();
        Ok(Self {
            raw: raw.results(),
            loaded: raw.loaded().into_iter().flatten().map(loaded).collect::<Result<_, _>>()?,
            unloaded: unloads.map(unloaded).collect::<Result<_, _>>()?,
            uploaded: uploads.map(uploaded).collect::<Result<_, _>>()?,
            cancel_replies: replies.map(|r| (action_id(r.id()), r.cancelled())).collect(),
            states: states
                .map(|raw| state(raw, limits.body, &mut expanded))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Results of actions; the range is where the outputs lie in the frame's body, empty if there
    /// are none or they go over the bulk connection.
    pub fn results(&self) -> impl Iterator<Item = (Foreign<ActionResult>, Range<usize>)> + use<'a> {
        let mut inline = InlineCursor::default();
        self.raw.into_iter().flatten().map(move |raw| {
            let result = check::passed(read(raw));
            let range = inline.next(result.output_len.into());
            (Foreign::new(result), range)
        })
    }
}

fn read(raw: &fb::ActionResult) -> Result<ActionResult, DecodeError> {
    Ok(ActionResult {
        id: action_id(raw.id()),
        kind: kind("action_result.kind", raw.kind(), "action_result.batch", raw.batch())?,
        status: Status::new(raw.status()),
        model: ModelId::new(raw.model()),
        gpu: GpuId::new(raw.gpu()),
        copy_input: interval("action_result.copy_input.end", raw.copy_input())?,
        exec: interval("action_result.exec.end", raw.exec())?,
        copy_output: interval("action_result.copy_output.end", raw.copy_output())?,
        clock_before: raw.clock_before(),
        clock_after: raw.clock_after(),
        received: Nanos::new(raw.received()),
        sent: Nanos::new(raw.sent()),
        output_len: raw.output_len(),
    })
}

fn loaded(raw: fb::ModelLoaded<'_>) -> Result<ModelLoaded, DecodeError> {
    let (status, model) = (Status::new(raw.status()), ModelId::new(raw.model()));
    let profile = raw.profile().map(profile).transpose()?.map(Arc::new);
    if status.is_ok() && profile.is_none() {
        return Err(DecodeError::Missing { field: "model_loaded.profile" });
    }
    Ok(ModelLoaded {
        id: action_id(raw.id()),
        status,
        message: check::message("model_loaded.message length", raw.message())?,
        model,
        copies: copies("model_loaded.copies", model, raw.copies(), status.is_ok().into())?,
        profile,
        duration: Span::new(raw.duration()),
    })
}

fn unloaded(raw: fb::ModelUnloaded<'_>) -> Result<ModelUnloaded, DecodeError> {
    Ok(ModelUnloaded {
        id: action_id(raw.id()),
        status: Status::new(raw.status()),
        message: check::message("model_unloaded.message length", raw.message())?,
        model: ModelId::new(raw.model()),
    })
}

fn uploaded(raw: fb::ModelUploaded<'_>) -> Result<ModelUploaded, DecodeError> {
    Ok(ModelUploaded {
        id: action_id(raw.id()),
        status: Status::new(raw.status()),
        message: check::message("model_uploaded.message length", raw.message())?,
    })
}
