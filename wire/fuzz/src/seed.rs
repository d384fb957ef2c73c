//! Valid inputs for every target: what mutation starts from.

use clockwork_wire::codec::{
    ActionsEncoder, BodyId, Listing, PREAMBLE_BYTES, Ping, Preamble, RequestsEncoder,
    ResponsesEncoder, ResultsEncoder, body_prefix, encode_hello, encode_ping,
};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, BatchProfile, BatchSize, BootId, Credits,
    DeviceState, Encoding, GpuId, Hello, Home, InferRequest, InferResponse, InputSpec, Interval,
    LinkKind, ListedModel, LoadModel, LoadRequest, LoadResponse, LoadedModel, ModelId, ModelLoaded,
    ModelProfile, ModelUnloaded, ModelUploaded, Nanos, Origin, PAGE_BYTES, PageRange, Pages,
    ReplaceRequest, ReplaceResponse, RequestId, Role, SessionId, Span, Status, UnloadModel,
    UnloadRequest, UnloadResponse, UploadFile, UploadModel, UploadRequest, UploadResponse,
    UploadStep, UserId, Window, WorkerState,
};

/// Preambles.
pub fn preambles() -> Vec<Vec<u8>> {
    vec![hello_frame()[..PREAMBLE_BYTES].to_vec()]
}

/// Hellos.
pub fn hellos() -> Vec<Vec<u8>> {
    vec![input(&hello_frame())]
}

/// Pings, with and without a delta.
pub fn pings() -> Vec<Vec<u8>> {
    [None, Some(-7)].map(|delta_min| frame(|out| encode_ping(&Ping { delta_min }, out))).to_vec()
}

/// Body headers of both links.
pub fn bodies() -> Vec<Vec<u8>> {
    [BodyId::Request(RequestId::new(9)), BodyId::Action(ID)]
        .map(|id| input(&body_prefix(id, 602_112)))
        .to_vec()
}

/// Requests: none, and one of each.
pub fn requests() -> Vec<Vec<u8>> {
    let mut encoder = RequestsEncoder::new();
    let empty = frame(|out| encoder.finish(out));
    let input = InputSpec { len: 3, encoding: Encoding::Lz4 };
    let request = InferRequest {
        id: RequestId::new(1),
        user: UserId::new(2),
        model: ModelId::new(3),
        slo_factor: 2.5,
        slo: Span::from_millis(100),
        input,
    };
    encoder.infer(&request, &[1, 2, 3]);
    let bulk = InputSpec { len: 602_112, encoding: Encoding::Raw };
    encoder.infer(&InferRequest { input: bulk, ..request }, &[]);
    let name = "resnet50_v2".to_owned();
    encoder.load(&LoadRequest { id: RequestId::new(4), user: UserId::new(2), name, copies: 5 });
    let (user, model) = (UserId::new(2), ModelId::new(3));
    encoder.unload(&UnloadRequest { id: RequestId::new(6), user, model, copies: 5 });
    let name = "resnet50_v2".to_owned();
    encoder.replace(&ReplaceRequest { id: RequestId::new(7), user, name });
    for step in steps() {
        let (id, upload) = (RequestId::new(8), RequestId::new(9));
        encoder.upload(&UploadRequest { id, upload, step });
    }
    encoder.list(RequestId::new(5));
    vec![empty, frame(|out| encoder.finish(out))]
}

/// Responses: none, and one of each.
pub fn responses() -> Vec<Vec<u8>> {
    let mut encoder = ResponsesEncoder::new();
    let empty = frame(|out| encoder.finish(out));
    let response = InferResponse {
        id: RequestId::new(1),
        status: Status::LATE,
        origin: Origin::Approximate,
        home: Home::of(2),
        model: ModelId::new(3),
        output_len: 4,
        arrival: Nanos::new(10),
        departure: Nanos::new(20),
    };
    encoder.infer(&response, &[1, 2, 3, 4]);
    encoder.load(&LoadResponse { copies: 1, message: "fine".to_owned(), ..Default::default() });
    let model = ListedModel { name: "digits".to_owned(), ..ListedModel::default() };
    let (id, status) = (RequestId::new(5), Status::OK);
    encoder.listing(&Listing { id, status, models: vec![model.clone(), model], gpus: 12 });
    encoder.unload(&UnloadResponse { message: "no such model".to_owned(), ..Default::default() });
    encoder.replace(&ReplaceResponse { models: 3, ..Default::default() });
    encoder.upload(&UploadResponse { message: "no disk".to_owned(), ..Default::default() });
    encoder.credits(Credits::UNLIMITED);
    vec![empty, frame(|out| encoder.finish(out))]
}

/// Actions: none, and one of each.
pub fn actions() -> Vec<Vec<u8>> {
    let mut encoder = ActionsEncoder::new();
    let empty = frame(|out| encoder.finish(out));
    let load = Action {
        id: ID,
        kind: ActionKind::Load,
        model: ModelId::new(3),
        gpu: GpuId::new(1),
        window: Window::new(Nanos::new(10), Nanos::new(20)),
        expected: Span::from_millis(8),
        pages: PageRange::WHOLE,
    };
    encoder.action(&load, &[], Encoding::Raw, []);
    let infer = Action { kind: ActionKind::Infer { batch: two() }, ..load };
    encoder.action(&infer, &[2, 1], Encoding::Lz4, [&[1, 2][..], &[3]]);
    let pages = PageRange::new(2, 3).expect("three pages");
    encoder.action(&Action { kind: ActionKind::Evict, pages, ..load }, &[], Encoding::Raw, []);
    encoder.load_model(&LoadModel {
        id: ID,
        model: ModelId::new(3),
        copies: 2,
        name: "resnet50_v2".to_owned(),
        max_batch: two(),
        max_exec: Span::from_millis(250),
        shown: ModelId::new(9),
    });
    encoder.unload_model(&UnloadModel { id: ID, model: ModelId::new(3), copies: 2 });
    for step in steps() {
        encoder.upload(&UploadModel { id: ID, upload: ID, step });
    }
    encoder.cancel(ID);
    encoder.query_state(ID);
    vec![empty, frame(|out| encoder.finish(out))]
}

/// Results: none, and one of each.
pub fn results() -> Vec<Vec<u8>> {
    let mut encoder = ResultsEncoder::new();
    let empty = frame(|out| encoder.finish(out));
    let exec = Interval { begin: Nanos::new(10), end: Nanos::new(30), duration: Span::new(20) };
    let result = ActionResult {
        id: ID,
        kind: ActionKind::Infer { batch: two() },
        status: Status::OK,
        model: ModelId::new(3),
        gpu: GpuId::new(1),
        copy_input: Interval::default(),
        exec,
        copy_output: exec,
        clock_before: 1380,
        clock_after: 1380,
        received: Nanos::new(5),
        sent: Nanos::new(40),
        output_len: 2,
    };
    encoder.result(&result, &[1, 2]);
    encoder.model_loaded(&ModelLoaded {
        id: ID,
        status: Status::OK,
        message: String::new(),
        model: ModelId::new(3),
        copies: 2,
        profile: Some(profile().into()),
        duration: Span::from_millis(30),
    });
    let (status, message) = (Status::UNKNOWN_MODEL, "no such model".to_owned());
    encoder.model_unloaded(&ModelUnloaded { id: ID, status, message, model: ModelId::new(9) });
    let (status, message) = (Status::RUNTIME_ERROR, "no disk".to_owned());
    encoder.model_uploaded(&ModelUploaded { id: ID, status, message });
    encoder.cancel_reply(ID, true);
    encoder.state(ID, &state());
    vec![empty, frame(|out| encoder.finish(out))]
}

fn hello_frame() -> Vec<u8> {
    let hello = Hello {
        role: Role::Worker,
        link: LinkKind::Bulk,
        boot: BootId::new(1),
        session: SessionId::new(2),
        epoch: 3,
        last_applied: 4,
        credits: Credits::UNLIMITED,
        cores: 5,
        core: 6,
        token: "secret".to_owned(),
        refusal: "busy".to_owned(),
    };
    let mut out = Vec::new();
    encode_hello(&hello, &mut out);
    out
}

fn state() -> WorkerState {
    let models = [(3, 3), (4, 1), (8, 8)].map(|(id, shown)| LoadedModel {
        model: ModelId::new(id),
        shown: ModelId::new(shown),
        profile: profile().into(),
    });
    let device = DeviceState {
        gpu: GpuId::new(0),
        class: "emulated".to_owned(),
        pages: Pages::new(1376),
        io_pool: 1,
        workspace_pool: 2,
        loaded: vec![ModelId::new(3), ModelId::new(8)],
    };
    let next = DeviceState { gpu: GpuId::new(1), loaded: Vec::new(), ..device.clone() };
    WorkerState {
        page_bytes: PAGE_BYTES,
        host_io_pool: 3,
        devices: vec![device, next],
        models: models.to_vec(),
    }
}

/// One step of an upload of each kind.
fn steps() -> [UploadStep; 3] {
    let file = UploadFile { path: "manifest.json".to_owned(), len: 3 };
    let (name, files, sha256) = ("m".to_owned(), vec![file], [7; 32]);
    let begin = UploadStep::Begin { name, files, sha256 };
    [begin, UploadStep::Data { offset: 1, bytes: vec![1, 2].into() }, UploadStep::Drop]
}

fn profile() -> ModelProfile {
    let batches = [BatchSize::ONE, two()];
    ModelProfile {
        name: "resnet50_v2".to_owned(),
        input_size: 602_112,
        output_size: 4_000,
        weights_size: 102_160_300,
        pages: Pages::new(7),
        load: Span::from_millis(8),
        batches: batches.map(|batch| BatchProfile { batch, exec: Span::from_millis(3) }).to_vec(),
    }
}

fn two() -> BatchSize {
    BatchSize::new(2).expect("2 is a batch size")
}

fn frame(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    input(&out)
}

/// The body length and the header of a frame: what the targets take.
fn input(frame: &[u8]) -> Vec<u8> {
    let preamble = frame.first_chunk().expect("a frame begins with a preamble");
    let preamble = Preamble::decode(preamble, &super::LIMITS).expect("seeds are valid");
    let header_len = usize::try_from(preamble.header_len).expect("small");
    let header = &frame[PREAMBLE_BYTES..PREAMBLE_BYTES + header_len];
    [&preamble.body_len.to_le_bytes(), header].concat()
}

const ID: ActionId = ActionId { epoch: 1, shard: 2, counter: 3 };
