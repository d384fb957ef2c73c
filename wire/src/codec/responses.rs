//! Controller to client.

use std::ops::Range;

use flatbuffers::{FlatBufferBuilder, Vector, WIPOffset};

use super::frame::{FRAME_FULL, FrameWriter, InlineCursor};
use super::generated as fb;
use super::word::{copies, credits, put_credits};
use super::{DecodeError, FrameKind, Limits, MESSAGE_MAX, NAME_MAX, RUN_MAX, Sink, check};
use crate::{
    Credits, Foreign, Home, InferResponse, ListedModel, LoadResponse, ModelId, Nanos, Origin,
    Payload, ReplaceResponse, RequestId, Status, UnloadResponse, UploadResponse,
};

/// Collects a turn's responses into one frame.
#[derive(Debug)]
pub struct ResponsesEncoder {
    frame: FrameWriter,
    infers: Vec<fb::InferResponse>,
    loads: Vec<WIPOffset<fb::LoadResponse<'static>>>,
    listings: Vec<WIPOffset<fb::Listing<'static>>>,
    unloads: Vec<WIPOffset<fb::UnloadResponse<'static>>>,
    replaces: Vec<WIPOffset<fb::ReplaceResponse<'static>>>,
    uploads: Vec<WIPOffset<fb::UploadResponse<'static>>>,
    credits: Option<fb::Credits>,
}

impl Default for ResponsesEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl ResponsesEncoder {
    /// An empty frame.
    pub fn new() -> Self {
        Self {
            frame: FrameWriter::new(FrameKind::Responses),
            infers: Vec::new(),
            loads: Vec::new(),
            listings: Vec::new(),
            unloads: Vec::new(),
            replaces: Vec::new(),
            uploads: Vec::new(),
            credits: None,
        }
    }

    /// Adds the response to an inference; `inline` is its output, or empty if there is none or it
    /// goes over the bulk connection.
    ///
    /// # Panics
    /// If the length of `inline` is not what [`InferResponse::output_len`] demands.
    pub fn infer(&mut self, response: &InferResponse, inline: &[u8]) {
        self.frame.attach(response.output_len.into(), [inline]);
        self.push(response);
    }

    /// [`ResponsesEncoder::infer`] without a copy of the output.
    ///
    /// # Panics
    /// As [`ResponsesEncoder::infer`].
    pub fn infer_shared(&mut self, response: &InferResponse, inline: Payload) {
        self.frame.splice(response.output_len.into(), [inline]);
        self.push(response);
    }

    fn push(&mut self, response: &InferResponse) {
        let mut raw = fb::InferResponse::default();
        raw.set_id(response.id.get());
        raw.set_arrival(response.arrival.get());
        raw.set_departure(response.departure.get());
        raw.set_model(response.model.get());
        raw.set_output_len(response.output_len);
        raw.set_status(response.status.get());
        raw.set_home(response.home.to_wire());
        raw.set_origin(put_origin(response.origin));
        debug_assert!(infer(&raw).is_ok(), "{response:?} is within its bounds");
        self.infers.push(raw);
    }

    /// Adds the response to a request for copies of a model. A long message is cut to
    /// [`MESSAGE_MAX`].
    pub fn load(&mut self, response: &LoadResponse) {
        let builder = &mut self.frame.builder;
        let message = builder.create_string(check::cut(&response.message, MESSAGE_MAX));
        self.loads.push(fb::LoadResponse::create(
            builder,
            &fb::LoadResponseArgs {
                id: response.id.get(),
                status: response.status.get(),
                message: Some(message),
                model: response.model.get(),
                copies: response.copies,
                input_size: response.input_size,
                output_size: response.output_size,
            },
        ));
    }

    /// Adds the response to a request for models to be removed. A long message is cut to
    /// [`MESSAGE_MAX`].
    pub fn unload(&mut self, response: &UnloadResponse) {
        let builder = &mut self.frame.builder;
        let message = Some(builder.create_string(check::cut(&response.message, MESSAGE_MAX)));
        let (id, status) = (response.id.get(), response.status.get());
        let args = fb::UnloadResponseArgs { id, status, message };
        self.unloads.push(fb::UnloadResponse::create(builder, &args));
    }

    /// Adds the response to a request for a new version of a model. A long message is cut to
    /// [`MESSAGE_MAX`].
    pub fn replace(&mut self, response: &ReplaceResponse) {
        let builder = &mut self.frame.builder;
        let message = Some(builder.create_string(check::cut(&response.message, MESSAGE_MAX)));
        let (id, status) = (response.id.get(), response.status.get());
        let args = fb::ReplaceResponseArgs { id, status, message, models: response.models };
        self.replaces.push(fb::ReplaceResponse::create(builder, &args));
    }

    /// Adds the response to a step of an upload. A long message is cut to [`MESSAGE_MAX`].
    pub fn upload(&mut self, response: &UploadResponse) {
        let builder = &mut self.frame.builder;
        let message = Some(builder.create_string(check::cut(&response.message, MESSAGE_MAX)));
        let (id, status) = (response.id.get(), response.status.get());
        let args = fb::UploadResponseArgs { id, status, message };
        self.uploads.push(fb::UploadResponse::create(builder, &args));
    }

    /// Adds the list of models.
    ///
    /// # Panics
    /// If a name is longer than [`NAME_MAX`].
    pub fn listing(&mut self, listing: &Listing) {
        let Listing { id, status, models, gpus } = listing;
        let builder = &mut self.frame.builder;
        let runs = models.chunk_by(follows).flat_map(|run| run.chunks(RUN_MAX));
        let models: Vec<_> = runs.map(|run| put_run(builder, run)).collect();
        let models = Some(builder.create_vector(&models));
        let args = fb::ListingArgs { id: id.get(), status: status.get(), models, gpus: *gpus };
        self.listings.push(fb::Listing::create(builder, &args));
    }

    /// Renews what the client may have outstanding; the last word of a frame holds.
    pub fn credits(&mut self, credits: Credits) {
        self.credits = Some(put_credits(credits));
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.infers.is_empty()
            && self.loads.is_empty()
            && self.listings.is_empty()
            && self.unloads.is_empty()
            && self.replaces.is_empty()
            && self.uploads.is_empty()
            && self.credits.is_none()
    }

    /// Whether the frame should be finished before more is added, so that it stays within the
    /// peer's [`Limits`].
    pub fn is_full(&self) -> bool {
        self.frame.len() + size_of_val(self.infers.as_slice()) >= FRAME_FULL
    }

    /// Appends the frame to `out` and starts the next one.
    pub fn finish(&mut self, out: &mut impl Sink) {
        let credits = self.credits.take();
        let args = fb::ResponsesArgs {
            infers: self.frame.vector(&mut self.infers),
            loads: self.frame.vector(&mut self.loads),
            listings: self.frame.vector(&mut self.listings),
            credits: credits.as_ref(),
            unloads: self.frame.vector(&mut self.unloads),
            replaces: self.frame.vector(&mut self.replaces),
            uploads: self.frame.vector(&mut self.uploads),
        };
        let root = fb::Responses::create(&mut self.frame.builder, &args);
        self.frame.finish(root, out);
    }
}

/// The answer to a request for the list of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The client's number for the request.
    pub id: RequestId,
    /// [`Status::OK`], or why there is no list.
    pub status: Status,
    /// The models that are served.
    pub models: Vec<ListedModel>,
    /// How many devices serve.
    pub gpus: u32,
}

/// The responses of one frame, checked.
#[derive(Debug)]
pub struct Responses<'a> {
    infers: Option<Vector<'a, fb::InferResponse>>,
    /// Responses to requests for copies of models.
    pub loads: Vec<LoadResponse>,
    /// Lists of models.
    pub listings: Vec<Listing>,
    /// Responses to requests for models to be removed.
    pub unloads: Vec<UnloadResponse>,
    /// Responses to requests for new versions of models.
    pub replaces: Vec<ReplaceResponse>,
    /// Responses to steps of uploads.
    pub uploads: Vec<UploadResponse>,
    /// What may be outstanding from now on; `None` if nothing changes.
    pub credits: Option<Credits>,
}

impl<'a> Responses<'a> {
    /// Verifies a header and checks all that is in it.
    ///
    /// # Errors
    /// If the header does not verify, a field is out of its bounds, or the inline payloads are not
    /// `body_len` bytes together.
    pub fn decode(header: &'a [u8], body_len: u32, limits: &Limits) -> Result<Self, DecodeError> {
        let raw = limits.root::<fb::Responses<'_>>(FrameKind::Responses, header)?;
        let (mut inline, mut expanded) = (InlineCursor::default(), 0);
        for raw in raw.infers().into_iter().flatten() {
            let len = infer(raw)?.output_len.into();
            check::length("infer_response.output_len", len, limits.body)?;
            inline.next(len);
        }
        check::equal("responses: body length", body_len, inline.total())?;
        Ok(Self {
            infers: raw.infers(),
            loads: raw.loads().into_iter().flatten().map(load).collect::<Result<_, _>>()?,
            listings: raw
                .listings()
                .into_iter()
                .flatten()
                .map(|raw| listing(raw, limits.body, &mut expanded))
                .collect::<Result<_, _>>()?,
            unloads: raw.unloads().into_iter().flatten().map(unload).collect::<Result<_, _>>()?,
            replaces: raw
                .replaces()
                .into_iter()
                .flatten()
                .map(replace)
                .collect::<Result<_, _>>()?,
            uploads: raw.uploads().into_iter().flatten().map(upload).collect::<Result<_, _>>()?,
            credits: raw.credits().map(credits),
        })
    }

    /// Responses to inferences; the range is where the output lies in the frame's body, empty if
    /// there is none or it goes over the bulk connection.
    pub fn infers(&self) -> impl Iterator<Item = (Foreign<InferResponse>, Range<usize>)> + use<'a> {
        let mut inline = InlineCursor::default();
        self.infers.into_iter().flatten().map(move |raw| {
            let response = check::passed(infer(raw));
            let range = inline.next(response.output_len.into());
            (Foreign::new(response), range)
        })
    }
}

fn infer(raw: &fb::InferResponse) -> Result<InferResponse, DecodeError> {
    Ok(InferResponse {
        id: RequestId::new(raw.id()),
        status: Status::new(raw.status()),
        origin: origin(raw.origin())?,
        home: Home::from_wire(raw.home()),
        model: ModelId::new(raw.model()),
        output_len: raw.output_len(),
        arrival: Nanos::new(raw.arrival()),
        departure: Nanos::new(raw.departure()),
    })
}

fn load(raw: fb::LoadResponse<'_>) -> Result<LoadResponse, DecodeError> {
    let (status, model) = (Status::new(raw.status()), ModelId::new(raw.model()));
    Ok(LoadResponse {
        id: RequestId::new(raw.id()),
        status,
        message: check::message("load_response.message length", raw.message())?,
        model,
        copies: copies("load_response.copies", model, raw.copies(), status.is_ok().into())?,
        input_size: raw.input_size(),
        output_size: raw.output_size(),
    })
}

fn unload(raw: fb::UnloadResponse<'_>) -> Result<UnloadResponse, DecodeError> {
    Ok(UnloadResponse {
        id: RequestId::new(raw.id()),
        status: Status::new(raw.status()),
        message: check::message("unload_response.message length", raw.message())?,
    })
}

fn replace(raw: fb::ReplaceResponse<'_>) -> Result<ReplaceResponse, DecodeError> {
    Ok(ReplaceResponse {
        id: RequestId::new(raw.id()),
        status: Status::new(raw.status()),
        message: check::message("replace_response.message length", raw.message())?,
        models: raw.models(),
    })
}

fn upload(raw: fb::UploadResponse<'_>) -> Result<UploadResponse, DecodeError> {
    Ok(UploadResponse {
        id: RequestId::new(raw.id()),
        status: Status::new(raw.status()),
        message: check::message("upload_response.message length", raw.message())?,
    })
}

fn follows(a: &ListedModel, b: &ListedModel) -> bool {
    let next = a.model.get().checked_add(1) == Some(b.model.get());
    next && (a.input_size, a.output_size) == (b.input_size, b.output_size) && a.name == b.name
}

fn put_run(
    builder: &mut FlatBufferBuilder<'static>,
    run: &[ListedModel],
) -> WIPOffset<fb::ListedModels<'static>> {
    let first = &run[0];
    assert!(first.name.len() <= NAME_MAX, "a name has at most {NAME_MAX} bytes");
    let args = fb::ListedModelsArgs {
        model: first.model.get(),
        copies: u32::try_from(run.len()).expect("ids are 32 bits"),
        name: Some(builder.create_string(&first.name)),
        input_size: first.input_size,
        output_size: first.output_size,
    };
    fb::ListedModels::create(builder, &args)
}

/// Runs may expand to `limit` bytes in all listings of a frame together, which `expanded` counts.
fn listing(raw: fb::Listing<'_>, limit: u32, expanded: &mut u64) -> Result<Listing, DecodeError> {
    let mut models = Vec::new();
    for run in raw.models().into_iter().flatten() {
        let first = ModelId::new(run.model());
        let copies = copies("listed_models.copies", first, run.copies(), 1)?;
        let name = check::name("listed_models.name length", run.name())?;
        *expanded += u64::from(copies) * check::wide(size_of::<ListedModel>() + name.len());
        check::length("listing.models: expanded size", *expanded, limit)?;
        models.extend((0..copies).map(|copy| ListedModel {
            model: ModelId::new(first.get() + copy),
            name: name.clone(),
            input_size: run.input_size(),
            output_size: run.output_size(),
        }));
    }
    let (id, status) = (RequestId::new(raw.id()), Status::new(raw.status()));
    Ok(Listing { id, status, models, gpus: raw.gpus() })
}

const fn put_origin(origin: Origin) -> fb::Origin {
    match origin {
        Origin::Exact => fb::Origin::Exact,
        Origin::Reconstructed => fb::Origin::Reconstructed,
        Origin::Replica => fb::Origin::Replica,
        Origin::Approximate => fb::Origin::Approximate,
    }
}

fn origin(raw: fb::Origin) -> Result<Origin, DecodeError> {
    let field = "infer_response.origin";
    check::range(field, raw.0, fb::Origin::ENUM_MIN, fb::Origin::ENUM_MAX)?;
    Ok(match raw {
        fb::Origin::Exact => Origin::Exact,
        fb::Origin::Reconstructed => Origin::Reconstructed,
        fb::Origin::Replica => Origin::Replica,
        _ => Origin::Approximate,
    })
}
