//! Client to controller.

use std::ops::Range;

use flatbuffers::{Vector, WIPOffset};

use super::frame::{FRAME_FULL, FrameWriter, InlineCursor};
use super::generated as fb;
use super::upload::{put_step, step};
use super::word::{copies, encoding, put_encoding};
use super::{COPIES_MAX, DecodeError, FrameKind, Limits, NAME_MAX, Sink, check};
use crate::{
    InferRequest, InputSpec, LoadRequest, ModelId, Payload, ReplaceRequest, RequestId, Span,
    UnloadRequest, UploadRequest, UserId,
};

/// Collects a turn's requests into one frame.
#[derive(Debug)]
pub struct RequestsEncoder {
    frame: FrameWriter,
    infers: Vec<fb::InferRequest>,
    loads: Vec<WIPOffset<fb::LoadRequest<'static>>>,
    lists: Vec<u64>,
    unloads: Vec<WIPOffset<fb::UnloadRequest<'static>>>,
    replaces: Vec<WIPOffset<fb::ReplaceRequest<'static>>>,
    uploads: Vec<WIPOffset<fb::UploadRequest<'static>>>,
}

impl Default for RequestsEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestsEncoder {
    /// An empty frame.
    pub fn new() -> Self {
        Self {
            frame: FrameWriter::new(FrameKind::Requests),
            infers: Vec::new(),
            loads: Vec::new(),
            lists: Vec::new(),
            unloads: Vec::new(),
            replaces: Vec::new(),
            uploads: Vec::new(),
        }
    }

    /// Adds a request for an inference; `inline` is its input, or empty if that is absent or goes
    /// over the bulk connection.
    ///
    /// # Panics
    /// If the length of `inline` is not what [`InferRequest::input`] demands.
    pub fn infer(&mut self, request: &InferRequest, inline: &[u8]) {
        self.frame.attach(request.input.len.into(), [inline]);
        self.push(request);
    }

    /// [`RequestsEncoder::infer`] without a copy of the input.
    ///
    /// # Panics
    /// As [`RequestsEncoder::infer`].
    pub fn infer_shared(&mut self, request: &InferRequest, inline: Payload) {
        self.frame.splice(request.input.len.into(), [inline]);
        self.push(request);
    }

    fn push(&mut self, request: &InferRequest) {
        let mut raw = fb::InferRequest::default();
        raw.set_id(request.id.get());
        raw.set_slo(request.slo.get());
        raw.set_user(request.user.get());
        raw.set_model(request.model.get());
        raw.set_slo_factor(request.slo_factor);
        raw.set_input_len(request.input.len);
        raw.set_encoding(put_encoding(request.input.encoding));
        debug_assert!(infer(&raw).is_ok(), "{request:?} is within its bounds");
        self.infers.push(raw);
    }

    /// Adds a request for copies of a model.
    ///
    /// # Panics
    /// If the name is longer than [`NAME_MAX`].
    pub fn load(&mut self, request: &LoadRequest) {
        assert!(request.name.len() <= NAME_MAX, "a name has at most {NAME_MAX} bytes");
        let builder = &mut self.frame.builder;
        let name = builder.create_string(&request.name);
        self.loads.push(fb::LoadRequest::create(
            builder,
            &fb::LoadRequestArgs {
                id: request.id.get(),
                user: request.user.get(),
                name: Some(name),
                copies: request.copies,
            },
        ));
    }

    /// Adds a request for models to be removed.
    pub fn unload(&mut self, request: &UnloadRequest) {
        let args = fb::UnloadRequestArgs {
            id: request.id.get(),
            user: request.user.get(),
            model: request.model.get(),
            copies: request.copies,
        };
        self.unloads.push(fb::UnloadRequest::create(&mut self.frame.builder, &args));
    }

    /// Adds a request for a new version of a model.
    ///
    /// # Panics
    /// If the name is longer than [`NAME_MAX`].
    pub fn replace(&mut self, request: &ReplaceRequest) {
        assert!(request.name.len() <= NAME_MAX, "a name has at most {NAME_MAX} bytes");
        let builder = &mut self.frame.builder;
        let name = Some(builder.create_string(&request.name));
        let (id, user) = (request.id.get(), request.user.get());
        let args = fb::ReplaceRequestArgs { id, user, name };
        self.replaces.push(fb::ReplaceRequest::create(builder, &args));
    }

    /// Adds a step of an upload.
    ///
    /// # Panics
    /// If it is longer than [`UploadRequest`] allows.
    pub fn upload(&mut self, request: &UploadRequest) {
        let builder = &mut self.frame.builder;
        let step = Some(put_step(builder, &request.step));
        let (id, upload) = (request.id.get(), request.upload.get());
        let args = fb::UploadRequestArgs { id, upload, step };
        self.uploads.push(fb::UploadRequest::create(builder, &args));
    }

    /// Adds a request for the list of models.
    pub fn list(&mut self, id: RequestId) {
        self.lists.push(id.get());
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.infers.is_empty()
            && self.loads.is_empty()
            && self.unloads.is_empty()
            && self.replaces.is_empty()
            && self.uploads.is_empty()
            && self.lists.is_empty()
    }

    /// Whether the frame should be finished before more is added, so that it stays within the
    /// peer's [`Limits`].
    pub fn is_full(&self) -> bool {
        let structs = size_of_val(self.infers.as_slice()) + size_of_val(self.lists.as_slice());
        self.frame.len() + structs >= FRAME_FULL
    }

    /// Appends the frame to `out` and starts the next one.
    pub fn finish(&mut self, out: &mut impl Sink) {
        let args = fb::RequestsArgs {
            infers: self.frame.vector(&mut self.infers),
            loads: self.frame.vector(&mut self.loads),
            lists: self.frame.vector(&mut self.lists),
            unloads: self.frame.vector(&mut self.unloads),
            replaces: self.frame.vector(&mut self.replaces),
            uploads: self.frame.vector(&mut self.uploads),
        };
        let root = fb::Requests::create(&mut self.frame.builder, &args);
        self.frame.finish(root, out);
    }
}

/// The requests of one frame, checked. The order in which they count: loads, infers,
/// unloads, replaces, uploads, lists.
#[derive(Debug)]
pub struct Requests<'a> {
    infers: Option<Vector<'a, fb::InferRequest>>,
    /// Requests for copies of models.
    pub loads: Vec<LoadRequest>,
    /// Requests for the list of models.
    pub lists: Vec<RequestId>,
    /// Requests for models to be removed.
    pub unloads: Vec<UnloadRequest>,
    /// Requests for new versions of models.
    pub replaces: Vec<ReplaceRequest>,
    /// Steps of uploads.
    pub uploads: Vec<UploadRequest>,
}

impl<'a> Requests<'a> {
    /// Verifies a header and checks all that is in it.
    ///
    /// # Errors
    /// If the header does not verify, a field is out of its bounds, or the inline payloads are not
    /// `body_len` bytes together.
    pub fn decode(header: &'a [u8], body_len: u32, limits: &Limits) -> Result<Self, DecodeError> {
        let raw = limits.root::<fb::Requests<'_>>(FrameKind::Requests, header)?;
        let mut inline = InlineCursor::default();
        for raw in raw.infers().into_iter().flatten() {
            let len = infer(raw)?.input.len.into();
            check::length("infer_request.input_len", len, limits.body)?;
            inline.next(len);
        }
        check::equal("requests: body length", body_len, inline.total())?;
        Ok(Self {
            infers: raw.infers(),
            loads: raw.loads().into_iter().flatten().map(load).collect::<Result<_, _>>()?,
            lists: raw.lists().into_iter().flatten().map(RequestId::new).collect(),
            unloads: raw.unloads().into_iter().flatten().map(unload).collect::<Result<_, _>>()?,
            replaces: raw
                .replaces()
                .into_iter()
                .flatten()
                .map(replace)
                .collect::<Result<_, _>>()?,
            uploads: raw.uploads().into_iter().flatten().map(upload).collect::<Result<_, _>>()?,
        })
    }

    /// Requests for inferences; the range is where the input lies in the frame's body, empty if it
    /// is absent or goes over the bulk connection.
    pub fn infers(&self) -> impl Iterator<Item = (InferRequest, Range<usize>)> + use<'a> {
        let mut inline = InlineCursor::default();
        self.infers.into_iter().flatten().map(move |raw| {
            let request = check::passed(infer(raw));
            let range = inline.next(request.input.len.into());
            (request, range)
        })
    }
}

fn infer(raw: &fb::InferRequest) -> Result<InferRequest, DecodeError> {
    let slo_factor = raw.slo_factor();
    if !slo_factor.is_finite() || slo_factor < 0.0 {
        let field = "infer_request.slo_factor";
        return Err(DecodeError::Factor { field, value: slo_factor });
    }
    Ok(InferRequest {
        id: RequestId::new(raw.id()),
        user: UserId::new(raw.user()),
        model: ModelId::new(raw.model()),
        slo_factor,
        slo: Span::new(raw.slo()),
        input: InputSpec {
            len: raw.input_len(),
            encoding: encoding("infer_request.encoding", raw.encoding())?,
        },
    })
}

fn load(raw: fb::LoadRequest<'_>) -> Result<LoadRequest, DecodeError> {
    check::range("load_request.copies", raw.copies(), 1_u32, COPIES_MAX)?;
    Ok(LoadRequest {
        id: RequestId::new(raw.id()),
        user: UserId::new(raw.user()),
        name: check::name("load_request.name length", raw.name())?,
        copies: raw.copies(),
    })
}

fn unload(raw: fb::UnloadRequest<'_>) -> Result<UnloadRequest, DecodeError> {
    let model = ModelId::new(raw.model());
    Ok(UnloadRequest {
        id: RequestId::new(raw.id()),
        user: UserId::new(raw.user()),
        model,
        copies: copies("unload_request.copies", model, raw.copies(), 1)?,
    })
}

fn replace(raw: fb::ReplaceRequest<'_>) -> Result<ReplaceRequest, DecodeError> {
    Ok(ReplaceRequest {
        id: RequestId::new(raw.id()),
        user: UserId::new(raw.user()),
        name: check::name("replace_request.name length", raw.name())?,
    })
}

fn upload(raw: fb::UploadRequest<'_>) -> Result<UploadRequest, DecodeError> {
    let (id, upload) = (RequestId::new(raw.id()), RequestId::new(raw.upload()));
    Ok(UploadRequest { id, upload, step: step(raw.step())? })
}
