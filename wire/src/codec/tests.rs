//! Headers that verify as flatbuffers and yet lie outside of their bounds.

use flatbuffers::{FlatBufferBuilder, WIPOffset};

use super::generated as fb;
use super::{Actions, DecodeError, INLINE_MAX, Limits, NAME_MAX, Requests, Responses, Results};
use super::{BodyId, decode_hello};

const LIMITS: Limits = Limits { header: 1 << 16, body: 1 << 20 };

#[test]
fn a_factor_is_finite_and_not_negative() {
    for slo_factor in [-1.0, f32::NAN, f32::INFINITY] {
        let mut raw = fb::InferRequest::default();
        raw.set_slo_factor(slo_factor);
        assert_refused(infer_request(raw), "infer_request.slo_factor");
    }
}

#[test]
fn an_encoding_is_known() {
    let mut raw = fb::InferRequest::default();
    raw.set_encoding(fb::Encoding(2));
    assert_refused(infer_request(raw), "infer_request.encoding is 2; allowed is 0 to 1");
}

#[test]
fn a_payload_is_within_the_limit() {
    let mut raw = fb::InferRequest::default();
    raw.set_input_len(LIMITS.body);
    assert_eq!(infer_request(raw), Ok(()));
    raw.set_input_len(LIMITS.body + 1);
    assert_refused(infer_request(raw), "infer_request.input_len 1048577 exceeds the limit of");
}

#[test]
fn copies_are_1_to_65536() {
    for (copies, fine) in [(0, false), (1, true), (65_536, true), (65_537, false)] {
        assert_eq!(load_request("m", copies).is_ok(), fine, "{copies} copies");
        assert_eq!(load_model(0, copies, 1).is_ok(), fine, "{copies} copies");
    }
    assert_eq!(load_model(u32::MAX - 1, 2, 1), Ok(()));
    assert_refused(load_model(u32::MAX - 1, 3, 1), "load_model.copies is 3; allowed is 1 to 2");
}

#[test]
fn a_name_has_at_most_255_bytes() {
    assert_eq!(load_request(&"n".repeat(NAME_MAX), 1), Ok(()));
    assert_refused(load_request(&"n".repeat(NAME_MAX + 1), 1), "name length 256 exceeds");
}

#[test]
fn a_batch_is_1_to_256() {
    for (batch, fine) in [(0, false), (1, true), (256, true), (257, false)] {
        assert_eq!(load_model(0, 1, batch).is_ok(), fine, "batch {batch}");
        let sizes = vec![0; batch.into()];
        assert_eq!(action(infer(batch), &sizes).is_ok(), fine, "batch {batch}");
    }
}

#[test]
fn a_window_ends_after_it_begins() {
    let mut raw = infer(1);
    raw.set_earliest(10);
    raw.set_latest(10);
    assert_eq!(action(raw, &[0]), Ok(()));
    raw.set_latest(9);
    assert_refused(action(raw, &[0]), "action.latest is 9, which must not come before 10");
}

#[test]
fn there_is_one_size_per_input() {
    assert_refused(action(infer(2), &[0]), "sizes of an infer is 1 but must be 2");
    assert_refused(action(infer(2), &[0; 3]), "actions.sizes left over is 1 but must be 0");
    let half = LIMITS.body / 2;
    assert_eq!(action(infer(2), &[half, half]), Ok(()));
    assert_refused(action(infer(2), &[half, half + 1]), "actions.sizes of one infer");
    assert_refused(action(infer(2), &[u32::MAX, u32::MAX]), "actions.sizes of one infer");
}

#[test]
fn a_kind_is_known_and_has_its_own_fields_only() {
    for kind in [0, 4] {
        let mut raw = infer(1);
        raw.set_kind(kind);
        assert_refused(action(raw, &[0]), "action.kind");
    }
    let mut raw = infer(1);
    raw.set_kind(1);
    assert_refused(action(raw, &[0]), "action.batch is 1 but must be 0");
    raw.set_batch(0);
    raw.set_encoding(fb::Encoding::Lz4);
    assert_refused(action(raw, &[]), "action.encoding without inputs");
}

#[test]
fn a_page_range_belongs_to_a_load_or_an_evict_and_ends_within_16_bits() {
    let mut raw = fb::Action::default();
    raw.set_kind(1);
    raw.set_first_page(9);
    assert_refused(action(raw, &[]), "action.first_page of a whole model is 9 but must be 0");
    raw.set_page_count(1);
    assert_eq!(action(raw, &[]), Ok(()));
    raw.set_first_page(u16::MAX);
    raw.set_page_count(2);
    assert_refused(action(raw, &[]), "action.page_count is 2; allowed is 0 to 1");
    let mut raw = infer(1);
    raw.set_page_count(1);
    assert_refused(action(raw, &[0]), "action.page_count of an infer is 1 but must be 0");
}

#[test]
fn an_unload_names_models_that_can_exist() {
    for (model, copies, fine) in [(0, 0, false), (7, 65_536, true), (u32::MAX, 2, false)] {
        let mut builder = FlatBufferBuilder::new();
        let id = fb::ActionId::default();
        let args = fb::UnloadModelArgs { id: Some(&id), model, copies };
        let unload = fb::UnloadModel::create(&mut builder, &args);
        let unloads = Some(builder.create_vector(&[unload]));
        let args = fb::ActionsArgs { unloads, ..fb::ActionsArgs::default() };
        let root = fb::Actions::create(&mut builder, &args);
        let read = Actions::decode(&finish(builder, root), 0, &LIMITS).map(drop);
        assert_eq!(read.is_ok(), fine, "{model} and {copies}: {read:?}");
    }
}

#[test]
fn ids_that_clients_know_can_exist_and_belong_to_models_of_the_state() {
    for (shown, fine) in [(-1, true), (-2, false), (u32::MAX.into(), false), (1 << 32, false)] {
        let args = fb::LoadModelArgs { copies: 2, max_batch: 1, shown, ..Default::default() };
        assert_eq!(load_model_of(&args).is_ok(), fine, "{shown}");
    }
    for (model, copies, shown, fine) in
        [(1, 1, 9, true), (0, 3, 9, false), (5, 1, 9, false), (0, 2, u32::MAX, false)]
    {
        let run = fb::ShownModels::new(model, copies, shown);
        assert_eq!(state_with(&[run]).is_ok(), fine, "{run:?}");
    }
    let twice = [fb::ShownModels::new(1, 1, 9), fb::ShownModels::new(1, 1, 9)];
    assert_refused(state_with(&twice), "shown_models.model is 1, which must not come before 2");
}

/// Decodes a state of the models 0 and 1.
fn state_with(shown: &[fb::ShownModels]) -> Result<(), DecodeError> {
    let header = state_of(&[fb::LoadedModels::new(0, 2, 0)], shown);
    Results::decode(&header, 0, &LIMITS).map(drop)
}

#[test]
fn an_interval_ends_after_it_begins() {
    let mut raw = fb::ActionResult::default();
    raw.set_kind(1);
    raw.set_exec(&fb::Interval::new(10, 9, 0));
    let mut builder = FlatBufferBuilder::new();
    let results = Some(builder.create_vector(&[raw]));
    let args = fb::ResultsArgs { results, ..fb::ResultsArgs::default() };
    let root = fb::Results::create(&mut builder, &args);
    let error = Results::decode(&finish(builder, root), 0, &LIMITS).map(drop);
    assert_refused(error, "action_result.exec.end is 9, which must not come before 10");
}

#[test]
fn an_accepted_load_has_copies() {
    for (status, fine) in [(0, false), (41, true)] {
        let mut builder = FlatBufferBuilder::new();
        let message = Some(builder.create_string(""));
        let args = fb::LoadResponseArgs { status, message, ..fb::LoadResponseArgs::default() };
        let load = fb::LoadResponse::create(&mut builder, &args);
        let loads = Some(builder.create_vector(&[load]));
        let args = fb::ResponsesArgs { loads, ..fb::ResponsesArgs::default() };
        let root = fb::Responses::create(&mut builder, &args);
        let read = Responses::decode(&finish(builder, root), 0, &LIMITS).map(drop);
        assert_eq!(read.is_ok(), fine, "{read:?}");
    }
}

#[test]
fn copies_expand_to_no_more_than_the_limit() {
    let header = copies_with_profile(0);
    // 65,536 ids, each with a pointer to the profile that all of them share.
    let small = Limits { body: (1 << 20) - 1, ..LIMITS };
    assert_refused(Results::decode(&header, 0, &small).map(drop), "expanded size");
    assert_eq!(Results::decode(&header, 0, &LIMITS).map(drop), Ok(()));
}

#[test]
fn a_run_of_models_has_one_of_the_states_profiles() {
    let read = Results::decode(&copies_with_profile(1), 0, &Limits::default()).map(drop);
    assert_refused(read, "loaded_models.profile is 1; allowed is 0 to 0");
}

/// A state with 65,536 copies that have the profile with this number, of which there is one.
fn copies_with_profile(number: u32) -> Vec<u8> {
    state_of(&[fb::LoadedModels::new(0, 65_536, number)], &[])
}

/// A state with one profile, these runs of models, and these that clients know by other ids.
fn state_of(models: &[fb::LoadedModels], shown: &[fb::ShownModels]) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let name = Some(builder.create_string("m"));
    let batches = Some(builder.create_vector(&[fb::BatchProfile::new(1, 1)]));
    let args = fb::ModelProfileArgs { name, batches, ..fb::ModelProfileArgs::default() };
    let profile = fb::ModelProfile::create(&mut builder, &args);
    let profiles = Some(builder.create_vector(&[profile]));
    let models = Some(builder.create_vector(models));
    let shown = Some(builder.create_vector(shown));
    let query = fb::ActionId::default();
    let page_bytes = crate::PAGE_BYTES;
    let args = fb::WorkerStateArgs {
        query: Some(&query),
        page_bytes,
        profiles,
        models,
        shown,
        ..Default::default()
    };
    let state = fb::WorkerState::create(&mut builder, &args);
    let states = Some(builder.create_vector(&[state]));
    let args = fb::ResultsArgs { states, ..fb::ResultsArgs::default() };
    let root = fb::Results::create(&mut builder, &args);
    finish(builder, root)
}

#[test]
fn tables_that_are_named_many_times_are_refused() {
    let mut builder = FlatBufferBuilder::new();
    let name = Some(builder.create_string(&"n".repeat(NAME_MAX)));
    let args = fb::LoadRequestArgs { name, copies: 1, ..fb::LoadRequestArgs::default() };
    let load = fb::LoadRequest::create(&mut builder, &args);
    let loads = Some(builder.create_vector(&vec![load; 10_000]));
    let args = fb::RequestsArgs { loads, ..fb::RequestsArgs::default() };
    let root = fb::Requests::create(&mut builder, &args);
    let read = Requests::decode(&finish(builder, root), 0, &LIMITS).map(drop);
    assert_refused(read, "Requests header of 40");
}

#[test]
fn a_missing_text_and_an_empty_header_are_refused_on_one_line() {
    let mut builder = FlatBufferBuilder::new();
    let root = fb::Ping::create(&mut builder, &fb::PingArgs::default());
    let errors = [
        decode_hello(&finish(builder, root), 0, &LIMITS).unwrap_err(),
        decode_hello(&[], 0, &LIMITS).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn a_body_frame_is_for_large_payloads_only() {
    let header = &super::body_prefix(BodyId::Action(crate::ActionId::default()), INLINE_MAX + 1)
        [super::PREAMBLE_BYTES..];
    assert!(BodyId::decode(header, INLINE_MAX + 1, &LIMITS).is_ok());
    assert_refused(BodyId::decode(header, INLINE_MAX, &LIMITS).map(drop), "body length is 16384");
    assert_refused(BodyId::decode(&header[1..], 1 << 20, &LIMITS).map(drop), "header length is 23");
}

fn infer(batch: u16) -> fb::Action {
    let mut raw = fb::Action::default();
    raw.set_kind(2);
    raw.set_batch(batch);
    raw
}

/// Decodes one action; the payload is announced as the decoder expects it.
fn action(raw: fb::Action, sizes: &[u32]) -> Result<(), DecodeError> {
    let mut builder = FlatBufferBuilder::new();
    let actions = Some(builder.create_vector(&[raw]));
    let sizes = Some(builder.create_vector(sizes));
    let args = fb::ActionsArgs { actions, sizes, ..fb::ActionsArgs::default() };
    let root = fb::Actions::create(&mut builder, &args);
    Actions::decode(&finish(builder, root), 0, &LIMITS).map(drop)
}

fn infer_request(raw: fb::InferRequest) -> Result<(), DecodeError> {
    let mut builder = FlatBufferBuilder::new();
    let infers = Some(builder.create_vector(&[raw]));
    let args = fb::RequestsArgs { infers, ..fb::RequestsArgs::default() };
    let root = fb::Requests::create(&mut builder, &args);
    Requests::decode(&finish(builder, root), 0, &LIMITS).map(drop)
}

fn load_request(name: &str, copies: u32) -> Result<(), DecodeError> {
    let mut builder = FlatBufferBuilder::new();
    let name = Some(builder.create_string(name));
    let args = fb::LoadRequestArgs { name, copies, ..fb::LoadRequestArgs::default() };
    let load = fb::LoadRequest::create(&mut builder, &args);
    let loads = Some(builder.create_vector(&[load]));
    let args = fb::RequestsArgs { loads, ..fb::RequestsArgs::default() };
    let root = fb::Requests::create(&mut builder, &args);
    Requests::decode(&finish(builder, root), 0, &LIMITS).map(drop)
}

fn load_model(model: u32, copies: u32, max_batch: u16) -> Result<(), DecodeError> {
    load_model_of(&fb::LoadModelArgs { model, copies, max_batch, ..fb::LoadModelArgs::default() })
}

fn load_model_of(args: &fb::LoadModelArgs<'_>) -> Result<(), DecodeError> {
    let mut builder = FlatBufferBuilder::new();
    let name = Some(builder.create_string("m"));
    let id = fb::ActionId::default();
    let args = fb::LoadModelArgs { id: Some(&id), name, ..*args };
    let load = fb::LoadModel::create(&mut builder, &args);
    let loads = Some(builder.create_vector(&[load]));
    let args = fb::ActionsArgs { loads, ..fb::ActionsArgs::default() };
    let root = fb::Actions::create(&mut builder, &args);
    Actions::decode(&finish(builder, root), 0, &LIMITS).map(drop)
}

fn finish<T>(mut builder: FlatBufferBuilder<'_>, root: WIPOffset<T>) -> Vec<u8> {
    builder.finish_minimal(root);
    builder.finished_data().to_vec()
}

#[track_caller]
fn assert_refused(read: Result<(), DecodeError>, words: &str) {
    let error = read.expect_err(words).to_string();
    assert!(error.contains(words), "{error:?} does not say {words:?}");
}
