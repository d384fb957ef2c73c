//! Any word: strategies for proptest, within the bounds that the words document.

use clockwork_wire::codec::{BodyId, INLINE_MAX, Listing};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, BatchProfile, BatchSize, BootId, Credits,
    DeviceState, Encoding, GpuId, Hello, Home, InferRequest, InferResponse, InputSpec, Interval,
    LinkKind, ListedModel, LoadModel, LoadRequest, LoadResponse, LoadedModel, ModelId, ModelLoaded,
    ModelProfile, ModelUnloaded, Nanos, Origin, PAGE_BYTES, PageRange, Pages, ReplaceRequest,
    ReplaceResponse, RequestId, Role, SessionId, Span, Status, UnloadModel, UnloadRequest,
    UnloadResponse, UploadFile, UploadModel, UploadRequest, UploadStep, UserId, Window,
    WorkerState,
};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

pub(crate) fn hello() -> impl Strategy<Value = Hello> {
    let role = prop_oneof![Just(Role::Client), Just(Role::Controller), Just(Role::Worker)];
    let link = prop_oneof![Just(LinkKind::Control), Just(LinkKind::Bulk)];
    (role, link, any::<[u64; 2]>(), any::<[u32; 4]>(), credits(), name(), name()).prop_map(
        |(role, link, [boot, session], numbers, credits, token, refusal)| {
            let (boot, session) = (BootId::new(boot), SessionId::new(session));
            let [epoch, last_applied, cores, core] = numbers;
            Hello {
                role,
                link,
                boot,
                session,
                epoch,
                last_applied,
                credits,
                cores,
                core,
                token,
                refusal,
            }
        },
    )
}

pub(crate) fn credits() -> impl Strategy<Value = Credits> {
    any::<(u32, u64)>().prop_map(|(requests, bytes)| Credits { requests, bytes })
}

pub(crate) fn infer_request() -> impl Strategy<Value = InferRequest> {
    (any::<[u64; 2]>(), any::<[u32; 2]>(), 0_f32..1e9, payload_len(), encoding()).prop_map(
        |([id, slo], [user, model], slo_factor, len, encoding)| InferRequest {
            id: RequestId::new(id),
            user: UserId::new(user),
            model: ModelId::new(model),
            slo_factor,
            slo: Span::new(slo),
            input: InputSpec { len, encoding },
        },
    )
}

pub(crate) fn load_request() -> impl Strategy<Value = LoadRequest> {
    (any::<u64>(), any::<u32>(), name(), 1..=65_536_u32).prop_map(|(id, user, name, copies)| {
        LoadRequest { id: RequestId::new(id), user: UserId::new(user), name, copies }
    })
}

pub(crate) fn unload_request() -> impl Strategy<Value = UnloadRequest> {
    (any::<u64>(), any::<u32>(), copies()).prop_map(|(id, user, (model, copies))| UnloadRequest {
        id: RequestId::new(id),
        user: UserId::new(user),
        model,
        copies,
    })
}

pub(crate) fn unload_response() -> impl Strategy<Value = UnloadResponse> {
    (any::<u64>(), status(), name()).prop_map(|(id, status, message)| UnloadResponse {
        id: RequestId::new(id),
        status,
        message,
    })
}

pub(crate) fn replace_request() -> impl Strategy<Value = ReplaceRequest> {
    (any::<u64>(), any::<u32>(), name()).prop_map(|(id, user, name)| ReplaceRequest {
        id: RequestId::new(id),
        user: UserId::new(user),
        name,
    })
}

pub(crate) fn replace_response() -> impl Strategy<Value = ReplaceResponse> {
    (any::<u64>(), status(), name(), any::<u32>()).prop_map(|(id, status, message, models)| {
        ReplaceResponse { id: RequestId::new(id), status, message, models }
    })
}

pub(crate) fn upload_step() -> impl Strategy<Value = UploadStep> {
    let file = (name(), any::<u64>()).prop_map(|(path, len)| UploadFile { path, len });
    let begin = (name(), vec(file, 1..4), any::<[u8; 32]>());
    let begin = begin.prop_map(|(name, files, sha256)| UploadStep::Begin { name, files, sha256 });
    let data = (any::<u64>(), vec(any::<u8>(), 0..99));
    let data = data.prop_map(|(offset, bytes)| UploadStep::Data { offset, bytes: bytes.into() });
    prop_oneof![begin, data, Just(UploadStep::Drop)]
}

pub(crate) fn upload_request() -> impl Strategy<Value = UploadRequest> {
    (any::<[u64; 2]>(), upload_step()).prop_map(|(ids, step)| {
        let [id, upload] = ids.map(RequestId::new);
        UploadRequest { id, upload, step }
    })
}

pub(crate) fn upload_model() -> impl Strategy<Value = UploadModel> {
    (action_id(), action_id(), upload_step()).prop_map(|(id, upload, step)| UploadModel {
        id,
        upload,
        step,
    })
}

pub(crate) fn infer_response() -> impl Strategy<Value = InferResponse> {
    let origin = prop_oneof![
        Just(Origin::Exact),
        Just(Origin::Reconstructed),
        Just(Origin::Replica),
        Just(Origin::Approximate)
    ];
    (any::<[u64; 3]>(), any::<(u32, u16)>(), status(), origin, payload_len()).prop_map(
        |([id, arrival, departure], (model, home), status, origin, output_len)| InferResponse {
            id: RequestId::new(id),
            status,
            origin,
            home: Home::from_wire(home),
            model: ModelId::new(model),
            output_len,
            arrival: Nanos::new(arrival),
            departure: Nanos::new(departure),
        },
    )
}

pub(crate) fn load_response() -> impl Strategy<Value = LoadResponse> {
    (any::<u64>(), status(), name(), copies(), any::<[u32; 2]>()).prop_map(
        |(id, status, message, (model, copies), [input_size, output_size])| LoadResponse {
            id: RequestId::new(id),
            status,
            message,
            model,
            copies,
            input_size,
            output_size,
        },
    )
}

pub(crate) fn listing() -> impl Strategy<Value = Listing> {
    let model = (any::<[u32; 3]>(), name()).prop_map(|([id, input_size, output_size], name)| {
        ListedModel { model: ModelId::new(id), name, input_size, output_size }
    });
    (any::<[u32; 2]>(), status(), vec(model, 0..4)).prop_map(|([id, gpus], status, models)| {
        let id = RequestId::new(id.into());
        Listing { id, status, models, gpus }
    })
}

/// An action, the sizes of its inputs, and how they are to be read.
pub(crate) fn action() -> impl Strategy<Value = (Action, Vec<u32>, Encoding)> {
    (action_id(), kind_and_pages(), any::<[u64; 3]>(), any::<[u32; 2]>(), encoding())
        .prop_map(|(id, (kind, pages), [a, b, expected], [model, gpu], encoding)| {
            let window = Window::new(Nanos::new(a.min(b)), Nanos::new(a.max(b)));
            let (model, gpu) = (ModelId::new(model), GpuId::new(gpu));
            let expected = Span::new(expected);
            (Action { id, kind, model, gpu, window, expected, pages }, encoding)
        })
        .prop_flat_map(|(action, encoding)| match action.kind {
            ActionKind::Infer { batch } => {
                let sizes = vec(0..2 * INLINE_MAX / u32::from(batch.get()), batch.count());
                sizes.prop_map(move |sizes| (action, sizes, encoding)).boxed()
            }
            ActionKind::Load | ActionKind::Evict => {
                Just((action, Vec::new(), Encoding::Raw)).boxed()
            }
        })
}

pub(crate) fn load_model() -> impl Strategy<Value = LoadModel> {
    (action_id(), copies(), name(), batch(), any::<(u64, Option<u16>)>()).prop_map(
        |(id, (model, copies), name, max_batch, (max_exec, shown))| LoadModel {
            id,
            model,
            copies,
            name,
            max_batch,
            max_exec: Span::new(max_exec),
            shown: shown.map_or(model, |shown| ModelId::new(shown.into())),
        },
    )
}

pub(crate) fn unload_model() -> impl Strategy<Value = UnloadModel> {
    (action_id(), copies()).prop_map(|(id, (model, copies))| UnloadModel { id, model, copies })
}

pub(crate) fn model_unloaded() -> impl Strategy<Value = ModelUnloaded> {
    (action_id(), status(), name(), any::<u32>()).prop_map(|(id, status, message, model)| {
        ModelUnloaded { id, status, message, model: ModelId::new(model) }
    })
}

pub(crate) fn action_result() -> impl Strategy<Value = ActionResult> {
    let words = (any::<[u64; 2]>(), any::<[u32; 4]>(), payload_len());
    (action_id(), kind(), status(), [interval(), interval(), interval()], words).prop_map(
        |(id, kind, status, [copy_input, exec, copy_output], (times, numbers, output_len))| {
            let [received, sent] = times.map(Nanos::new);
            let [model, gpu, clock_before, clock_after] = numbers;
            let (model, gpu) = (ModelId::new(model), GpuId::new(gpu));
            let refused = Action {
                id,
                kind,
                model,
                gpu,
                window: Window::ALWAYS,
                expected: Span::ZERO,
                pages: PageRange::WHOLE,
            };
            ActionResult {
                copy_input,
                exec,
                copy_output,
                clock_before,
                clock_after,
                sent,
                output_len,
                ..ActionResult::refused(&refused, status, received)
            }
        },
    )
}

pub(crate) fn model_loaded() -> impl Strategy<Value = ModelLoaded> {
    (action_id(), status(), name(), copies(), profile(), any::<bool>(), any::<u64>()).prop_map(
        |(id, status, message, (model, copies), profile, keep, duration)| ModelLoaded {
            id,
            status,
            message,
            model,
            copies,
            profile: (keep || status.is_ok()).then_some(profile.into()),
            duration: Span::new(duration),
        },
    )
}

pub(crate) fn worker_state() -> impl Strategy<Value = WorkerState> {
    let models = (btree_set(0..20_u32, 0..12), vec(profile(), 2)).prop_map(|(ids, profiles)| {
        // Two profiles among a few ids: runs of equal neighbours form and break.
        let model = |id: u32| LoadedModel {
            model: ModelId::new(id),
            shown: ModelId::new(if id % 5 > 2 { 100 - id } else { id + id % 5 }),
            profile: profiles[usize::from(id % 7 == 3)].clone().into(),
        };
        ids.into_iter().map(model).collect::<Vec<_>>()
    });
    (any::<u64>(), vec(device_state(), 0..4), models).prop_map(
        |(host_io_pool, mut devices, models)| {
            for (gpu, device) in devices.iter_mut().enumerate() {
                device.gpu = GpuId::from_index(gpu);
            }
            WorkerState { page_bytes: PAGE_BYTES, host_io_pool, devices, models }
        },
    )
}

pub(crate) fn body_id() -> impl Strategy<Value = BodyId> {
    prop_oneof![
        any::<u64>().prop_map(|id| BodyId::Request(RequestId::new(id))),
        action_id().prop_map(BodyId::Action)
    ]
}

pub(crate) fn action_id() -> impl Strategy<Value = ActionId> {
    any::<(u32, u32, u64)>().prop_map(|(epoch, shard, counter)| ActionId { epoch, shard, counter })
}

pub(crate) fn delta() -> impl Strategy<Value = Option<i64>> {
    option::of(any::<i64>())
}

/// Around the boundary between inline and bulk, and absent.
fn payload_len() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1..100_u32, INLINE_MAX - 1..=INLINE_MAX + 1, 100_000..1_000_000_u32]
}

fn device_state() -> impl Strategy<Value = DeviceState> {
    (name(), any::<u32>(), any::<[u64; 2]>(), btree_set(any::<u32>(), 0..5)).prop_map(
        |(class, pages, [io_pool, workspace_pool], loaded)| DeviceState {
            gpu: GpuId::new(0),
            class,
            pages: Pages::new(pages),
            io_pool,
            workspace_pool,
            loaded: loaded.into_iter().map(ModelId::new).collect(),
        },
    )
}

fn profile() -> impl Strategy<Value = ModelProfile> {
    let batches = btree_set(batch(), 0..5);
    (name(), any::<[u32; 3]>(), any::<[u64; 3]>(), batches).prop_map(
        |(name, [input_size, output_size, pages], [weights_size, load, exec], mut batches)| {
            batches.insert(BatchSize::ONE);
            let profile = |batch| BatchProfile { batch, exec: Span::new(exec) };
            ModelProfile {
                name,
                input_size,
                output_size,
                weights_size,
                pages: Pages::new(pages),
                load: Span::new(load),
                batches: batches.into_iter().map(profile).collect(),
            }
        },
    )
}

fn kind() -> impl Strategy<Value = ActionKind> {
    let infer = batch().prop_map(|batch| ActionKind::Infer { batch });
    prop_oneof![Just(ActionKind::Load), infer, Just(ActionKind::Evict)]
}

fn kind_and_pages() -> impl Strategy<Value = (ActionKind, PageRange)> {
    let pages = any::<(u16, u16)>()
        .prop_map(|(first, count)| PageRange::new(first, count).unwrap_or_default());
    (kind(), pages).prop_map(|(kind, pages)| match kind {
        ActionKind::Infer { .. } => (kind, PageRange::WHOLE),
        ActionKind::Load | ActionKind::Evict => (kind, pages),
    })
}

fn batch() -> impl Strategy<Value = BatchSize> {
    (1..=BatchSize::LIMIT).prop_map(|size| BatchSize::new(size).unwrap())
}

fn interval() -> impl Strategy<Value = Interval> {
    any::<[u64; 3]>().prop_map(|[a, b, duration]| Interval {
        begin: Nanos::new(a.min(b)),
        end: Nanos::new(a.max(b)),
        duration: Span::new(duration),
    })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    prop_oneof![Just(Encoding::Raw), Just(Encoding::Lz4)]
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::OK), any::<u16>().prop_map(Status::new)]
}

/// The first of a number of contiguous ids.
fn copies() -> impl Strategy<Value = (ModelId, u32)> {
    (0..=u32::MAX - 65_535, 1..=65_536_u32).prop_map(|(first, n)| (ModelId::new(first), n))
}

/// Up to 250 bytes, some of them in characters of several bytes.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9_/ü]{0,20}", "[a-zß]{100,125}"]
}
