//! The link between clients and the controller.

use clockwork_wire::codec::{
    BodyId, Chain, DecodeError, FrameKind, Limits, Listing, Requests, RequestsEncoder, Responses,
    ResponsesEncoder, is_inline,
};
use clockwork_wire::{
    Credits, InferRequest, InferResponse, LoadRequest, LoadResponse, Nanos, Payload,
    ReplaceRequest, ReplaceResponse, RequestId, Role, UnloadRequest, UnloadResponse, UploadRequest,
    UploadResponse,
};

use super::Part;
use super::dialect::{Body, Dialect, Ear, Parcel};

/// What a client asks. `B` is the input: a [`Part`] to send, a [`Payload`] when received.
#[derive(Debug)]
pub enum Ask<B> {
    /// One inference.
    Infer {
        /// The request; [`InferRequest::input`] says how long the input is.
        request: InferRequest,
        /// The input.
        input: B,
    },
    /// Copies of a model.
    Load(LoadRequest),
    /// Models to be removed.
    Unload(UnloadRequest),
    /// A new version of a model.
    Replace(ReplaceRequest),
    /// A step of an upload.
    Upload(UploadRequest),
    /// The list of models.
    List(RequestId),
}

/// What the controller answers. `B` is the output: a [`Part`] to send, a [`Payload`] when
/// received.
#[derive(Debug)]
pub enum Answer<B> {
    /// To [`Ask::Infer`].
    Infer {
        /// The response; [`InferResponse::output_len`] says how long the output is.
        response: InferResponse,
        /// The output.
        output: B,
    },
    /// To [`Ask::Load`].
    Load(LoadResponse),
    /// To [`Ask::Unload`].
    Unload(UnloadResponse),
    /// To [`Ask::Replace`].
    Replace(ReplaceResponse),
    /// To [`Ask::Upload`].
    Upload(UploadResponse),
    /// To [`Ask::List`].
    Listing(Listing),
    /// What the client may have outstanding from now on.
    Credits(Credits),
}

/// The client's side: asks, and hears answers.
#[derive(Debug)]
pub struct ClientSide;

/// The controller's side towards clients: hears what they ask, and answers.
#[derive(Debug)]
pub struct ServiceSide;

impl Dialect for ClientSide {
    const OURS: Role = Role::Client;
    const THEIRS: Role = Role::Controller;
    const HEARS: FrameKind = FrameKind::Responses;
    type Say = Ask<Part>;
    type Hear = Answer<Payload>;
    type Encoder = RequestsEncoder;

    fn encode(encoder: &mut RequestsEncoder, message: Ask<Part>) -> Option<Parcel> {
        match message {
            Ask::Infer { request, input } => {
                if is_inline(request.input.len) {
                    encoder.infer_shared(&request, input);
                    return None;
                }
                encoder.infer_shared(&request, Part::EMPTY);
                return Some(apart(request.id, input));
            }
            Ask::Load(request) => encoder.load(&request),
            Ask::Unload(request) => encoder.unload(&request),
            Ask::Replace(request) => encoder.replace(&request),
            Ask::Upload(request) => encoder.upload(&request),
            Ask::List(id) => encoder.list(id),
        }
        None
    }

    fn is_full(encoder: &RequestsEncoder) -> bool {
        encoder.is_full()
    }

    fn finish(encoder: &mut RequestsEncoder, out: &mut Chain) {
        encoder.finish(out);
    }

    fn decode(
        header: &[u8],
        body: &Body,
        limits: &Limits,
        ear: &mut Ear<'_, Self>,
    ) -> Result<(), DecodeError> {
        let frame = Responses::decode(header, body.len(), limits)?;
        frame.credits.into_iter().for_each(|credits| ear.hear(Answer::Credits(credits)));
        for (response, inline) in frame.infers() {
            let response = ear.local(response);
            let output = body.payload(inline);
            let message = Answer::Infer { response, output };
            if is_inline(response.output_len) {
                ear.hear(message);
            } else {
                ear.wait(BodyId::Request(response.id), message);
            }
        }
        frame.loads.into_iter().for_each(|response| ear.hear(Answer::Load(response)));
        frame.unloads.into_iter().for_each(|response| ear.hear(Answer::Unload(response)));
        frame.replaces.into_iter().for_each(|response| ear.hear(Answer::Replace(response)));
        frame.uploads.into_iter().for_each(|response| ear.hear(Answer::Upload(response)));
        frame.listings.into_iter().for_each(|listing| ear.hear(Answer::Listing(listing)));
        Ok(())
    }

    fn with_body(message: Answer<Payload>, body: Payload) -> Answer<Payload> {
        match message {
            Answer::Infer { response, .. } => Answer::Infer { response, output: body },
            other @ (Answer::Load(_)
            | Answer::Unload(_)
            | Answer::Replace(_)
            | Answer::Upload(_)
            | Answer::Listing(_)
            | Answer::Credits(_)) => other,
        }
    }
}

impl Dialect for ServiceSide {
    const OURS: Role = Role::Controller;
    const THEIRS: Role = Role::Client;
    const HEARS: FrameKind = FrameKind::Requests;
    type Say = Answer<Part>;
    type Hear = Ask<Payload>;
    type Encoder = ResponsesEncoder;

    fn encode(encoder: &mut ResponsesEncoder, message: Answer<Part>) -> Option<Parcel> {
        match message {
            Answer::Infer { response, output } => {
                if is_inline(response.output_len) {
                    encoder.infer_shared(&response, output);
                    return None;
                }
                encoder.infer_shared(&response, Part::EMPTY);
                return Some(apart(response.id, output));
            }
            Answer::Load(response) => encoder.load(&response),
            Answer::Unload(response) => encoder.unload(&response),
            Answer::Replace(response) => encoder.replace(&response),
            Answer::Upload(response) => encoder.upload(&response),
            Answer::Listing(list) => encoder.listing(&list),
            Answer::Credits(credits) => encoder.credits(credits),
        }
        None
    }

    fn is_full(encoder: &ResponsesEncoder) -> bool {
        encoder.is_full()
    }

    fn finish(encoder: &mut ResponsesEncoder, out: &mut Chain) {
        encoder.finish(out);
    }

    fn decode(
        header: &[u8],
        body: &Body,
        limits: &Limits,
        ear: &mut Ear<'_, Self>,
    ) -> Result<(), DecodeError> {
        let frame = Requests::decode(header, body.len(), limits)?;
        let infers = frame.infers();
        frame.loads.into_iter().for_each(|request| ear.hear(Ask::Load(request)));
        for (request, inline) in infers {
            let input = body.payload(inline);
            let message = Ask::Infer { request, input };
            if is_inline(request.input.len) {
                ear.hear(message);
            } else {
                ear.wait(BodyId::Request(request.id), message);
            }
        }
        frame.unloads.into_iter().for_each(|request| ear.hear(Ask::Unload(request)));
        frame.replaces.into_iter().for_each(|request| ear.hear(Ask::Replace(request)));
        frame.uploads.into_iter().for_each(|request| ear.hear(Ask::Upload(request)));
        frame.lists.into_iter().for_each(|id| ear.hear(Ask::List(id)));
        Ok(())
    }

    fn with_body(message: Ask<Payload>, body: Payload) -> Ask<Payload> {
        match message {
            Ask::Infer { request, .. } => Ask::Infer { request, input: body },
            other @ (Ask::Load(_)
            | Ask::Unload(_)
            | Ask::Replace(_)
            | Ask::Upload(_)
            | Ask::List(_)) => other,
        }
    }
}

/// A body of the client link: in the order in which they were sent, and never too late.
fn apart(id: RequestId, part: Part) -> Parcel {
    let id = BodyId::Request(id);
    Parcel { id, parts: vec![part], latest: Nanos::MAX, send_by: Nanos::MAX }
}
