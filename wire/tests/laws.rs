//! The laws of the codec: every word comes back as it went, no damage to a frame is let through to
//! a bound, and the bytes of the protocol do not change by accident.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fmt::Write;

use clockwork_wire::codec::{
    Actions, ActionsEncoder, BODY_PREFIX_BYTES, BodyId, DecodeError, FrameKind, INLINE_MAX, Limits,
    PREAMBLE_BYTES, Ping, Preamble, Requests, RequestsEncoder, Responses, ResponsesEncoder,
    Results, ResultsEncoder, body_prefix, decode_hello, decode_ping, encode_hello, encode_ping,
    is_inline, stamp, stamp_all,
};
use clockwork_wire::{
    ActionId, BatchProfile, BatchSize, BootId, Credits, Foreign, Hello, LinkKind, LoadedModel,
    ModelId, ModelProfile, Nanos, PAGE_BYTES, Pages, RequestId, Role, SessionId, Span, WorkerState,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

mod words;

proptest! {
    #[test]
    fn requests_come_back_as_they_went(
        infers in vec(words::infer_request(), 0..8),
        loads in vec(words::load_request(), 0..3),
        lists in vec(any::<u64>().prop_map(RequestId::new), 0..3),
        unloads in vec(words::unload_request(), 0..3),
        replaces in vec(words::replace_request(), 0..3),
        uploads in vec(words::upload_request(), 0..3),
    ) {
        let mut encoder = RequestsEncoder::new();
        for request in &infers {
            encoder.infer(request, &payload(request.input.len));
        }
        for load in &loads {
            encoder.load(load);
        }
        for &id in &lists {
            encoder.list(id);
        }
        for unload in &unloads {
            encoder.unload(unload);
        }
        for replace in &replaces {
            encoder.replace(replace);
        }
        for upload in &uploads {
            encoder.upload(upload);
        }
        let managing =
            loads.len() + lists.len() + unloads.len() + replaces.len() + uploads.len();
        let messages = infers.len() + managing;
        prop_assert_eq!(encoder.is_empty(), messages == 0);
        let frame = Frame::of(FrameKind::Requests, |out| encoder.finish(out));
        prop_assert!(encoder.is_empty());
        let read = Requests::decode(&frame.header, frame.body_len(), &LIMITS).unwrap();
        for ((read, range), sent) in read.infers().zip(&infers) {
            prop_assert_eq!(&read, sent);
            prop_assert_eq!(&frame.body[range], payload(sent.input.len));
        }
        prop_assert_eq!(read.infers().count(), infers.len());
        prop_assert_eq!((read.loads, read.lists), (loads, lists));
        prop_assert_eq!((read.unloads, read.replaces), (unloads, replaces));
        prop_assert_eq!(read.uploads, uploads);
    }

    #[test]
    fn responses_come_back_as_they_went(
        infers in vec(words::infer_response(), 0..8),
        loads in vec(words::load_response(), 0..3),
        listings in vec(words::listing(), 0..3),
        credits in option::of(words::credits()),
        unloads in vec(words::unload_response(), 0..3),
        replaces in vec(words::replace_response(), 0..3),
    ) {
        let mut encoder = ResponsesEncoder::new();
        for response in &infers {
            encoder.infer(response, &payload(response.output_len));
        }
        for load in &loads {
            encoder.load(load);
        }
        for listing in &listings {
            encoder.listing(listing);
        }
        for unload in &unloads {
            encoder.unload(unload);
        }
        for replace in &replaces {
            encoder.replace(replace);
        }
        if let Some(credits) = credits {
            encoder.credits(credits);
        }
        let frame = Frame::of(FrameKind::Responses, |out| encoder.finish(out));
        prop_assert!(encoder.is_empty());
        let read = Responses::decode(&frame.header, frame.body_len(), &LIMITS).unwrap();
        for ((read, range), sent) in read.infers().zip(&infers) {
            prop_assert_eq!(read, Foreign::new(*sent));
            prop_assert_eq!(&frame.body[range], payload(sent.output_len));
        }
        prop_assert_eq!(read.infers().count(), infers.len());
        prop_assert_eq!((read.loads, read.listings), (loads, listings));
        prop_assert_eq!((read.credits, read.unloads), (credits, unloads));
        prop_assert_eq!(read.replaces, replaces);
    }

    #[test]
    fn actions_come_back_as_they_went_and_in_their_order(
        actions in vec(words::action(), 0..8),
        loads in vec(words::load_model(), 0..3),
        cancels in vec(words::action_id(), 0..3),
        queries in vec(words::action_id(), 0..3),
        unloads in vec(words::unload_model(), 0..3),
        uploads in vec(words::upload_model(), 0..3),
    ) {
        let mut encoder = ActionsEncoder::new();
        for (action, sizes, encoding) in &actions {
            let total = sizes.iter().sum();
            let inputs = sizes.iter().filter(|_| is_inline(total)).map(|&size| payload(size));
            let inputs: Vec<_> = inputs.collect();
            encoder.action(action, sizes, *encoding, inputs.iter().map(Vec::as_slice));
        }
        for load in &loads {
            encoder.load_model(load);
        }
        for &id in &cancels {
            encoder.cancel(id);
        }
        for &id in &queries {
            encoder.query_state(id);
        }
        for unload in &unloads {
            encoder.unload_model(unload);
        }
        for upload in &uploads {
            encoder.upload(upload);
        }
        let frame = Frame::of(FrameKind::Actions, |out| encoder.finish(out));
        prop_assert!(encoder.is_empty());
        let read = Actions::decode(&frame.header, frame.body_len(), &LIMITS).unwrap();
        for (read, (action, sizes, encoding)) in read.actions().zip(&actions) {
            prop_assert_eq!(read.action, Foreign::new(*action));
            prop_assert_eq!(&read.sizes.collect::<Vec<_>>(), sizes);
            prop_assert_eq!(read.encoding, *encoding);
            let inline: Vec<_> = sizes.iter().flat_map(|&size| payload(size)).collect();
            let due = if is_inline(sizes.iter().sum()) { &inline[..] } else { &[] };
            prop_assert_eq!(&frame.body[read.inline], due);
        }
        prop_assert_eq!(read.actions().count(), actions.len());
        prop_assert_eq!((read.loads, read.cancels, read.queries), (loads, cancels, queries));
        prop_assert_eq!((read.unloads, read.uploads), (unloads, uploads));
    }

    #[test]
    fn results_come_back_as_they_went(
        results in vec(words::action_result(), 0..8),
        loaded in vec(words::model_loaded(), 0..3),
        replies in vec((words::action_id(), any::<bool>()), 0..3),
        states in vec((words::action_id(), words::worker_state()), 0..2),
        unloaded in vec(words::model_unloaded(), 0..3),
    ) {
        let mut encoder = ResultsEncoder::new();
        for result in &results {
            encoder.result(result, &payload(result.output_len));
        }
        for loaded in &loaded {
            encoder.model_loaded(loaded);
        }
        for &(id, cancelled) in &replies {
            encoder.cancel_reply(id, cancelled);
        }
        for (query, state) in &states {
            encoder.state(*query, state);
        }
        for unloaded in &unloaded {
            encoder.model_unloaded(unloaded);
        }
        let frame = Frame::of(FrameKind::Results, |out| encoder.finish(out));
        prop_assert!(encoder.is_empty());
        let read = Results::decode(&frame.header, frame.body_len(), &LIMITS).unwrap();
        for ((read, range), sent) in read.results().zip(&results) {
            prop_assert_eq!(read, Foreign::new(*sent));
            prop_assert_eq!(&frame.body[range], payload(sent.output_len));
        }
        prop_assert_eq!(read.results().count(), results.len());
        prop_assert_eq!((read.loaded, read.states), (loaded, states));
        prop_assert_eq!((read.cancel_replies, read.unloaded), (replies, unloaded));
    }

    #[test]
    fn a_hello_comes_back_as_it_went(hello in words::hello()) {
        let frame = Frame::of(FrameKind::Hello, |out| encode_hello(&hello, out));
        prop_assert_eq!(decode_hello(&frame.header, frame.body_len(), &Limits::HELLO), Ok(hello));
    }

    #[test]
    fn a_ping_comes_back_as_it_went(delta_min in words::delta()) {
        let ping = Ping { delta_min };
        let frame = Frame::of(FrameKind::Ping, |out| encode_ping(&ping, out));
        prop_assert_eq!(decode_ping(&frame.header, frame.body_len(), &LIMITS), Ok(ping));
    }

    #[test]
    fn a_body_names_its_message(id in words::body_id(), len in INLINE_MAX + 1..=LIMITS.body) {
        let prefix = body_prefix(id, len);
        let (preamble, header) = prefix.split_first_chunk::<PREAMBLE_BYTES>().unwrap();
        let preamble = Preamble::decode(preamble, &LIMITS).unwrap();
        prop_assert_eq!((preamble.kind, preamble.body_len), (FrameKind::Body, len));
        prop_assert_eq!(BODY_PREFIX_BYTES - PREAMBLE_BYTES, header.len());
        prop_assert_eq!(BodyId::decode(header, len, &LIMITS), Ok(id));
    }

    #[test]
    fn a_stamp_changes_time_and_numbers_only(sent: u64, sequence: u32, ack: u32, len in 0..99_u32) {
        let plain = Preamble::new(FrameKind::Results, len, 0);
        let mut bytes = plain.encode();
        stamp(&mut bytes, Nanos::new(sent), sequence, ack);
        let read = Preamble::decode(&bytes, &LIMITS).unwrap();
        let sent = Foreign::new(Nanos::new(sent));
        prop_assert_eq!(read, Preamble { sent, sequence, ack, ..plain });
    }
}

#[test]
fn all_frames_of_a_buffer_are_stamped_in_order() {
    let mut out = Vec::new();
    for _ in 0..3 {
        encode_ping(&Ping::default(), &mut out);
    }
    assert_eq!(stamp_all(&mut out, Nanos::new(9), u32::MAX, 4), 2);
    let frame_len = out.len() / 3;
    for (frame, sequence) in out.chunks(frame_len).zip([u32::MAX, 0, 1]) {
        let read = Preamble::decode(frame.first_chunk().unwrap(), &LIMITS).unwrap();
        assert_eq!(read.frame_len(), u64::try_from(frame_len).unwrap());
        assert_eq!((read.sequence, read.ack), (sequence, 4));
    }
}

#[test]
fn lengths_beyond_the_limits_are_refused_by_the_preamble() {
    let bytes = Preamble::new(FrameKind::Requests, 9_000_000, 0).encode();
    let error = Preamble::decode(&bytes, &LIMITS).unwrap_err();
    assert_eq!(error.to_string(), "header length 9000000 exceeds the limit of 4194304 bytes");
    let bytes = Preamble::new(FrameKind::Requests, 0, LIMITS.body + 1).encode();
    let error = Preamble::decode(&bytes, &LIMITS).unwrap_err();
    assert!(matches!(error, DecodeError::TooLong { field: "body length", .. }), "{error}");
}

#[test]
fn a_body_length_that_the_messages_do_not_announce_is_refused() {
    let frame = Frame::of(FrameKind::Requests, |out| RequestsEncoder::new().finish(out));
    let error = Requests::decode(&frame.header, 7, &LIMITS).unwrap_err();
    assert_eq!(error.to_string(), "requests: body length is 7 but must be 0");
}

#[test]
fn a_thousand_equal_copies_take_one_entry_in_a_state() {
    let one = state_header(1, |_| "m".to_owned()).len();
    let thousand = state_header(1000, |_| "m".to_owned()).len();
    assert_eq!(thousand, one);
}

#[test]
fn four_thousand_different_models_fit_the_default_limits() {
    let header = state_header(4_026, |id| format!("a_model_with_a_rather_long_name_{id}"));
    let read = Results::decode(&header, 0, &LIMITS).unwrap();
    assert_eq!(read.states[0].1.models.len(), 4_026);
}

/// These bytes are the protocol. If this test fails, old and new processes do not understand each
/// other: raise the version.
#[test]
fn the_golden_bytes_stay_as_they_are() {
    let mut out = Vec::new();
    let hello = Hello {
        role: Role::Controller,
        link: LinkKind::Bulk,
        boot: BootId::new(0x0102_0304_0506_0708),
        session: SessionId::new(9),
        epoch: 10,
        last_applied: 11,
        credits: Credits { requests: 12, bytes: 13 },
        cores: 14,
        core: 15,
        token: "key".to_owned(),
        refusal: String::new(),
    };
    encode_hello(&hello, &mut out);
    stamp(&mut out, Nanos::new(0x1112_1314_1516_1718), 0x2122_2324, 0x3132_3334);
    assert_eq!(hex(&out[..PREAMBLE_BYTES]), GOLDEN_PREAMBLE);
    assert_eq!(hex(&out[PREAMBLE_BYTES..]), GOLDEN_HELLO);
    assert_eq!(decode_hello(&out[PREAMBLE_BYTES..], 0, &Limits::HELLO), Ok(hello));
}

/// The header that reports `count` models with consecutive ids and all batch sizes up to 16.
fn state_header(count: u32, name: impl Fn(u32) -> String) -> Vec<u8> {
    let batches = (1..=16).map(|n| BatchProfile {
        batch: BatchSize::new(n).unwrap(),
        exec: Span::from_millis(n.into()),
    });
    let batches: Vec<_> = batches.collect();
    let model = |id| {
        let profile = ModelProfile {
            name: name(id),
            input_size: 602_112,
            output_size: 4_000,
            weights_size: 102_160_300,
            pages: Pages::new(7),
            load: Span::from_millis(8),
            batches: batches.clone(),
        };
        let (model, shown) = (ModelId::new(id), ModelId::new(id));
        LoadedModel { model, shown, profile: profile.into() }
    };
    let models = (0..count).map(model).collect();
    let state = WorkerState { page_bytes: PAGE_BYTES, models, ..WorkerState::default() };
    let mut encoder = ResultsEncoder::new();
    encoder.state(ActionId::default(), &state);
    Frame::of(FrameKind::Results, |out| encoder.finish(out)).header
}

/// One frame, taken apart.
struct Frame {
    header: Vec<u8>,
    body: Vec<u8>,
}

impl Frame {
    fn of(kind: FrameKind, encode: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut out = Vec::new();
        encode(&mut out);
        let (preamble, rest) = out.split_first_chunk::<PREAMBLE_BYTES>().unwrap();
        let preamble = Preamble::decode(preamble, &LIMITS).unwrap();
        assert_eq!(preamble.kind, kind);
        let (header, body) = rest.split_at(preamble.header_len.try_into().unwrap());
        assert_eq!(body.len(), usize::try_from(preamble.body_len).unwrap());
        Self { header: header.to_vec(), body: body.to_vec() }
    }

    fn body_len(&self) -> u32 {
        self.body.len().try_into().unwrap()
    }
}

/// The inline part of a payload of `len` bytes.
fn payload(len: u32) -> Vec<u8> {
    let inline = if is_inline(len) { len } else { 0 };
    (0..inline).map(|n| n.wrapping_mul(31).to_le_bytes()[0]).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

const LIMITS: Limits = Limits { header: 4 << 20, body: 256 << 20 };
const GOLDEN_PREAMBLE: &str = "434c4b5702010000700000000000000018171615141312112423222134333231";
const GOLDEN_HELLO: &str = concat!(
    "2000000000001a004000060007003000380008000c0010002000240028002c001a00000000000202",
    "0a0000000b0000000d000000000000000c000000000000000e00000024000000180000000f000000",
    "080706050403020109000000000000000000000000000000030000006b657900",
);
