//! Controller to worker.

use std::ops::Range;

use flatbuffers::{Vector, WIPOffset};

use super::frame::{FRAME_FULL, FrameWriter, InlineCursor};
use super::generated as fb;
use super::upload::{put_step, step};
use super::word::{
    action_id, batch, copies, encoding, kind, pages, put_action_id, put_batch, put_encoding,
};
use super::{DecodeError, FrameKind, Limits, NAME_MAX, Sink, check};
use crate::{
    Action, ActionId, ActionKind, Encoding, Foreign, GpuId, LoadModel, ModelId, Nanos, Payload,
    Span, UnloadModel, UploadModel, Window,
};

/// Collects a turn's actions for one worker into one frame.
#[derive(Debug)]
pub struct ActionsEncoder {
    frame: FrameWriter,
    actions: Vec<fb::Action>,
    sizes: Vec<u32>,
    loads: Vec<WIPOffset<fb::LoadModel<'static>>>,
    cancels: Vec<fb::ActionId>,
    queries: Vec<fb::ActionId>,
    unloads: Vec<WIPOffset<fb::UnloadModel<'static>>>,
    uploads: Vec<WIPOffset<fb::UploadModel<'static>>>,
}

impl Default for ActionsEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ActionsEncoder {
    /// An empty frame.
    pub fn new() -> Self {
        Self {
            frame: FrameWriter::new(FrameKind::Actions),
            actions: Vec::new(),
            sizes: Vec::new(),
            loads: Vec::new(),
            cancels: Vec::new(),
            queries: Vec::new(),
            unloads: Vec::new(),
            uploads: Vec::new(),
        }
    }

    /// Adds an action. `sizes` are the bytes of each input of an INFER (0: absent), and none for
    /// others; `inline` are the inputs one after the other, or nothing if they go over the bulk
    /// connection, which the sum of `sizes` decides ([`is_inline`](super::is_inline)).
    ///
    /// # Panics
    /// If there are not as many sizes as inputs, or `inline` is not what the sizes demand.
    pub fn action<'p>(
        &mut self,
        action: &Action,
        sizes: &[u32],
        encoding: Encoding,
        inline: impl IntoIterator<Item = &'p [u8]>,
    ) {
        self.frame.attach(total(sizes), inline);
        self.push(action, sizes, encoding);
    }

    /// [`ActionsEncoder::action`] without a copy of the inputs.
    ///
    /// # Panics
    /// As [`ActionsEncoder::action`].
    pub fn action_shared(
        &mut self,
        action: &Action,
        sizes: &[u32],
        encoding: Encoding,
        inline: impl IntoIterator<Item = Payload>,
    ) {
        self.frame.splice(total(sizes), inline);
        self.push(action, sizes, encoding);
    }

    fn push(&mut self, action: &Action, sizes: &[u32], encoding: Encoding) {
        assert_eq!(sizes.len(), inputs(action.kind), "one size per input");
        let mut raw = fb::Action::default();
        raw.set_id(&put_action_id(action.id));
        raw.set_earliest(action.window.earliest.get());
        raw.set_latest(action.window.latest.get());
        raw.set_expected(action.expected.get());
        raw.set_model(action.model.get());
        raw.set_gpu(action.gpu.get());
        raw.set_batch(put_batch(action.kind));
        raw.set_kind(action.kind.number());
        raw.set_encoding(put_encoding(encoding));
        raw.set_first_page(action.pages.first());
        raw.set_page_count(action.pages.count());
        debug_assert!(read(&raw).is_ok(), "{action:?} is within its bounds");
        self.actions.push(raw);
        self.sizes.extend_from_slice(sizes);
    }

    /// Adds an order to make a model servable.
    ///
    /// # Panics
    /// If the name is longer than [`NAME_MAX`].
    pub fn load_model(&mut self, load: &LoadModel) {
        assert!(load.name.len() <= NAME_MAX, "a name has at most {NAME_MAX} bytes");
        let builder = &mut self.frame.builder;
        let name = builder.create_string(&load.name);
        self.loads.push(fb::LoadModel::create(
            builder,
            &fb::LoadModelArgs {
                id: Some(&put_action_id(load.id)),
                model: load.model.get(),
                copies: load.copies,
                name: Some(name),
                max_batch: load.max_batch.get(),
                max_exec: load.max_exec.get(),
                shown: if load.shown == load.model { OWN } else { load.shown.get().into() },
            },
        ));
    }

    /// Adds an order to forget models.
    pub fn unload_model(&mut self, unload: &UnloadModel) {
        let args = fb::UnloadModelArgs {
            id: Some(&put_action_id(unload.id)),
            model: unload.model.get(),
            copies: unload.copies,
        };
        self.unloads.push(fb::UnloadModel::create(&mut self.frame.builder, &args));
    }

    /// Adds a step of an upload.
    ///
    /// # Panics
    /// If it is longer than [`UploadModel`] allows.
    pub fn upload(&mut self, upload: &UploadModel) {
        let builder = &mut self.frame.builder;
        let step = Some(put_step(builder, &upload.step));
        let (id, whole) = (put_action_id(upload.id), put_action_id(upload.upload));
        let args = fb::UploadModelArgs { id: Some(&id), upload: Some(&whole), step };
        self.uploads.push(fb::UploadModel::create(builder, &args));
    }

    /// Adds a question for the worker's state, whose answer names `id`.
    pub fn query_state(&mut self, id: ActionId) {
        self.queries.push(put_action_id(id));
    }

    /// Adds the wish that an action sent earlier be cancelled.
    pub fn cancel(&mut self, id: ActionId) {
        self.cancels.push(put_action_id(id));
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
            && self.loads.is_empty()
            && self.unloads.is_empty()
            && self.uploads.is_empty()
            && self.cancels.is_empty()
            && self.queries.is_empty()
    }

    /// Whether the frame should be finished before more is added, so that it stays within the
    /// peer's [`Limits`].
    pub fn is_full(&self) -> bool {
        let structs = size_of_val(self.actions.as_slice()) + size_of_val(self.sizes.as_slice());
        self.frame.len() + structs >= FRAME_FULL
    }

    /// Appends the frame to `out` and starts the next one.
    pub fn finish(&mut self, out: &mut impl Sink) {
        let args = fb::ActionsArgs {
            actions: self.frame.vector(&mut self.actions),
            sizes: self.frame.vector(&mut self.sizes),
            loads: self.frame.vector(&mut self.loads),
            cancels: self.frame.vector(&mut self.cancels),
            queries: self.frame.vector(&mut self.queries),
            unloads: self.frame.vector(&mut self.unloads),
            uploads: self.frame.vector(&mut self.uploads),
        };
        let root = fb::Actions::create(&mut self.frame.builder, &args);
        self.frame.finish(root, out);
    }
}

/// The actions of one frame, checked. The order in which they count: loads, actions, unloads,
/// uploads, cancels, queries.
#[derive(Debug)]
pub struct Actions<'a> {
    raw: Option<Vector<'a, fb::Action>>,
    sizes: Sizes<'a>,
    /// Orders to make models servable.
    pub loads: Vec<LoadModel>,
    /// Orders to forget models.
    pub unloads: Vec<UnloadModel>,
    /// Steps of uploads.
    pub uploads: Vec<UploadModel>,
    /// Actions to cancel if that is still possible.
    pub cancels: Vec<ActionId>,
    /// Questions for the state; the answer names the id.
    pub queries: Vec<ActionId>,
}

/// An action and what travels with it.
#[derive(Clone, Debug)]
pub struct ActionMessage<'a> {
    /// The action.
    pub action: Foreign<Action>,
    /// Bytes of each input, 0 if absent; as many as the batch size, none if it is no INFER.
    pub sizes: Sizes<'a>,
    /// How the inputs are to be read.
    pub encoding: Encoding,
    /// Where the inputs lie in the frame's body, one after the other; empty if there are none or
    /// they go over the bulk connection.
    pub inline: Range<usize>,
}

impl<'a> Actions<'a> {
    /// Verifies a header and checks all that is in it.
    ///
    /// # Errors
    /// If the header does not verify, a field is out of its bounds, there are not as many sizes as
    /// inputs, or the inline payloads are not `body_len` bytes together.
    pub fn decode(header: &'a [u8], body_len: u32, limits: &Limits) -> Result<Self, DecodeError> {
        let raw = limits.root::<fb::Actions<'_>>(FrameKind::Actions, header)?;
        let sizes = Sizes::new(raw.sizes().map_or(&[], |sizes| sizes.bytes()));
        let mut inline = InlineCursor::default();
        let mut rest = sizes.clone();
        for raw in raw.actions().into_iter().flatten() {
            let due = inputs(read(raw)?.0.kind);
            let found = rest.len().min(due);
            check::equal("actions.sizes of an infer", check::wide(found), check::wide(due))?;
            let total = rest.split(due).total();
            check::length("actions.sizes of one infer", total, limits.body)?;
            inline.next(total);
        }
        check::equal("actions.sizes left over", check::wide(rest.len()), 0_u32)?;
        check::equal("actions: body length", body_len, inline.total())?;
        Ok(Self {
            raw: raw.actions(),
            sizes,
            loads: raw.loads().into_iter().flatten().map(load).collect::<Result<_, _>>()?,
            unloads: raw.unloads().into_iter().flatten().map(unload).collect::<Result<_, _>>()?,
            uploads: raw.uploads().into_iter().flatten().map(upload).collect::<Result<_, _>>()?,
            cancels: raw.cancels().into_iter().flatten().map(action_id).collect(),
            queries: raw.queries().into_iter().flatten().map(action_id).collect(),
        })
    }

    /// Loads, infers and evicts in the order in which the controller decided them.
    pub fn actions(&self) -> impl Iterator<Item = ActionMessage<'a>> + use<'a> {
        let mut inline = InlineCursor::default();
        let mut rest = self.sizes.clone();
        self.raw.into_iter().flatten().map(move |raw| {
            let (action, encoding) = check::passed(read(raw));
            let sizes = rest.split(inputs(action.kind));
            let inline = inline.next(sizes.total());
            ActionMessage { action: Foreign::new(action), sizes, encoding, inline }
        })
    }
}

/// Bytes of each input of a batch, in order.
#[derive(Clone, Debug)]
pub struct Sizes<'a>(&'a [[u8; 4]]);

impl<'a> Sizes<'a> {
    /// Bytes of all inputs together.
    pub fn total(&self) -> u64 {
        self.clone().map(u64::from).sum()
    }

    fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.as_chunks().0)
    }

    /// Takes out the first `count` sizes, of which there are enough.
    fn split(&mut self, count: usize) -> Self {
        let (first, rest) = self.0.split_at(count);
        self.0 = rest;
        Self(first)
    }
}

impl Iterator for Sizes<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*first))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Sizes<'_> {}

fn total(sizes: &[u32]) -> u64 {
    sizes.iter().copied().map(u64::from).sum()
}

fn inputs(kind: ActionKind) -> usize {
    match kind {
        ActionKind::Infer { batch } => batch.count(),
        ActionKind::Load | ActionKind::Evict => 0,
    }
}

fn read(raw: &fb::Action) -> Result<(Action, Encoding), DecodeError> {
    check::not_before("action.latest", raw.latest(), raw.earliest())?;
    let kind = kind("action.kind", raw.kind(), "action.batch", raw.batch())?;
    let encoding = encoding("action.encoding", raw.encoding())?;
    if inputs(kind) == 0 {
        check::equal("action.encoding without inputs", raw.encoding().0, fb::Encoding::Raw.0)?;
    }
    let action = Action {
        id: action_id(raw.id()),
        kind,
        model: ModelId::new(raw.model()),
        gpu: GpuId::new(raw.gpu()),
        window: Window::new(Nanos::new(raw.earliest()), Nanos::new(raw.latest())),
        expected: Span::new(raw.expected()),
        pages: pages(kind, raw.first_page(), raw.page_count())?,
    };
    Ok((action, encoding))
}

fn load(raw: fb::LoadModel<'_>) -> Result<LoadModel, DecodeError> {
    let model = ModelId::new(raw.model());
    Ok(LoadModel {
        id: action_id(raw.id()),
        model,
        copies: copies("load_model.copies", model, raw.copies(), 1)?,
        name: check::name("load_model.name length", raw.name())?,
        max_batch: batch("load_model.max_batch", raw.max_batch())?,
        max_exec: Span::new(raw.max_exec()),
        shown: shown(&raw, model)?,
    })
}

/// The id that clients know the first one by: all ids from there on must exist.
fn shown(raw: &fb::LoadModel<'_>, model: ModelId) -> Result<ModelId, DecodeError> {
    if raw.shown() == OWN {
        return Ok(model);
    }
    let value = u64::try_from(raw.shown()).unwrap_or(u64::MAX);
    let max = u64::from(u32::MAX - raw.copies().saturating_sub(1));
    let out = || DecodeError::OutOfRange { field: "load_model.shown", value, min: 0, max };
    let id = u32::try_from(value).ok().filter(|&id| u64::from(id) <= max).ok_or_else(out)?;
    Ok(ModelId::new(id))
}

fn unload(raw: fb::UnloadModel<'_>) -> Result<UnloadModel, DecodeError> {
    let (id, model) = (action_id(raw.id()), ModelId::new(raw.model()));
    Ok(UnloadModel { id, model, copies: copies("unload_model.copies", model, raw.copies(), 1)? })
}

fn upload(raw: fb::UploadModel<'_>) -> Result<UploadModel, DecodeError> {
    let (id, upload) = (action_id(raw.id()), action_id(raw.upload()));
    Ok(UploadModel { id, upload, step: step(raw.step())? })
}

/// Stands for a model's own id.
const OWN: i64 = -1;
