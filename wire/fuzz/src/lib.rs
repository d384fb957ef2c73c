//! What every decoder must keep to on any bytes: no panic, and what it lets through lies within its
//! bounds, fits the frame's body without gaps, and means the same after it was written again.
//!
//! Every target says whether it accepted the bytes. Frames come without their preamble, as the body
//! length (4 bytes, little-endian) and the header.

#![allow(unreachable_pub, reason = "a plain test includes this file as a module")]

use std::ops::Range;

use clockwork_wire::codec::{
    Actions, ActionsEncoder, BODY_PREFIX_BYTES, BodyId, COPIES_MAX, Limits, NAME_MAX,
    PREAMBLE_BYTES, Preamble, Requests, RequestsEncoder, Responses, ResponsesEncoder, Results,
    ResultsEncoder, body_prefix, decode_hello, decode_ping, encode_hello, encode_ping, is_inline,
};
use clockwork_wire::{ActionKind, BatchSize, ClockOffset};

pub mod seed;

/// Small limits: hostile lengths are found sooner.
pub const LIMITS: Limits = Limits { header: 64 << 10, body: 4 << 20 };

/// For what was read once and written again: hostile tables may share strings, ours do not.
const AGAIN: Limits = Limits { header: 16 * LIMITS.header, body: LIMITS.body };

/// A preamble that is accepted keeps the limits and is written as it was read.
pub fn preamble(data: &[u8]) -> bool {
    let Some(bytes) = data.first_chunk::<PREAMBLE_BYTES>() else { return false };
    let Ok(preamble) = Preamble::decode(bytes, &LIMITS) else { return false };
    assert!(preamble.header_len <= LIMITS.header && preamble.body_len <= LIMITS.body);
    assert_eq!(&preamble.encode(), bytes);
    true
}

/// A hello that is accepted has bounded texts.
pub fn hello(data: &[u8]) -> bool {
    let Some((body_len, header)) = split(data) else { return false };
    let Ok(hello) = decode_hello(header, body_len, &LIMITS) else { return false };
    assert!(hello.token.len() <= NAME_MAX);
    let again = rewrite(|out| encode_hello(&hello, out));
    assert_eq!(decode_hello(&again.header, again.body_len, &LIMITS), Ok(hello));
    true
}

/// A ping that is accepted means the same when it is written again.
pub fn ping(data: &[u8]) -> bool {
    let Some((body_len, header)) = split(data) else { return false };
    let Ok(ping) = decode_ping(header, body_len, &LIMITS) else { return false };
    let again = rewrite(|out| encode_ping(&ping, out));
    assert_eq!(decode_ping(&again.header, again.body_len, &LIMITS), Ok(ping));
    true
}

/// A body header that is accepted announces a bulk payload and is written as it was read.
pub fn body(data: &[u8]) -> bool {
    let Some((body_len, header)) = split(data) else { return false };
    let Ok(id) = BodyId::decode(header, body_len, &LIMITS) else { return false };
    assert!(!is_inline(body_len) && body_len <= LIMITS.body);
    let prefix: [u8; BODY_PREFIX_BYTES] = body_prefix(id, body_len);
    assert_eq!(&prefix[PREAMBLE_BYTES..], header);
    true
}

/// Requests that are accepted keep their bounds.
pub fn requests(data: &[u8]) -> bool {
    let Some((body_len, header)) = split(data) else { return false };
    let Ok(requests) = Requests::decode(header, body_len, &LIMITS) else { return false };
    let mut walk = Walk::default();
    let mut encoder = RequestsEncoder::new();
    for (request, inline) in requests.infers() {
        assert!(request.slo_factor.is_finite() && request.slo_factor >= 0.0);
        encoder.infer(&request, &walk.payload(request.input.len.into(), inline));
    }
    walk.ends_at(body_len);
    for load in &requests.loads {
        assert!(load.name.len() <= NAME_MAX && (1..=COPIES_MAX).contains(&load.copies));
        encoder.load(load);
    }
    for &id in &requests.lists {
        encoder.list(id);
    }
    for unload in &requests.unloads {
        assert!((1..=COPIES_MAX).contains(&unload.copies));
        encoder.unload(unload);
    }
    for replace in &requests.replaces {
        assert!(replace.name.len() <= NAME_MAX);
        encoder.replace(replace);
    }
    for upload in &requests.uploads {
        encoder.upload(upload);
    }
    let again = rewrite(|out| encoder.finish(out));
    let again = Requests::decode(&again.header, again.body_len, &AGAIN).expect("ours is valid");
    assert!(again.infers().eq(requests.infers()));
    assert_eq!((again.loads, again.lists), (requests.loads, requests.lists));
    assert_eq!((again.unloads, again.replaces), (requests.unloads, requests.replaces));
    assert_eq!(again.uploads, requests.uploads);
    true
}

/// Responses that are accepted keep their bounds.
pub fn responses(data: &[u8]) -> bool {
    let Some((body_len, header)) = split(data) else { return false };
    let Ok(responses) = Responses::decode(header, body_len, &LIMITS) else { return false };
    let mut walk = Walk::default();
    let mut encoder = ResponsesEncoder::new();
    for (response, inline) in responses.infers() {
        let response = response.into_local(ClockOffset::SAME);
        encoder.infer(&response, &walk.payload(response.output_len.into(), inline));
    }
    walk.ends_at(body_len);
    for load in &responses.loads {
        assert!(load.copies <= COPIES_MAX && (load.copies > 0 || !load.status.is_ok()));
        encoder.load(load);
    }
    for listing in &responses.listings {
        assert!(listing.models.iter().all(|model| model.name.len() <= NAME_MAX));
        encoder.listing(listing);
    }
    for unload in &responses.unloads {
        encoder.unload(unload);
    }
    for replace in &responses.replaces {
        encoder.replace(replace);
    }
    for upload in &responses.uploads {
        encoder.upload(upload);
    }
    if let Some(credits) = responses.credits {
        encoder.credits(credits);
    }
    let again = rewrite(|out| encoder.finish(out));
    let again = Responses::decode(&again.header, again.body_len, &AGAIN).expect("ours is valid");
    assert!(again.infers().eq(responses.infers()));
    assert_eq!((again.loads, again.listings), (responses.loads, responses.listings));
    assert_eq!((again.credits, again.unloads), (responses.credits, responses.unloads));
    assert_eq!((again.replaces, again.uploads), (responses.replaces, responses.uploads));
    true
}

/// Actions that are accepted keep their bounds.
pub fn actions(data: &[u8]) -> bool {
    let Some((body_len, header)) = split(data) else { return false };
    let Ok(actions) = Actions::decode(header, body_len, &LIMITS) else { return false };
    let mut walk = Walk::default();
    let mut encoder = ActionsEncoder::new();
    for message in actions.actions() {
        let action = message.action.into_local(ClockOffset::SAME);
        assert!(action.window.earliest <= action.window.latest);
        assert!(action.kind.batch().get() <= BatchSize::LIMIT);
        assert!(action.pages.is_whole() || !matches!(action.kind, ActionKind::Infer { .. }));
        let sizes: Vec<_> = message.sizes.clone().collect();
        assert!(message.sizes.total() <= LIMITS.body.into());
        let payload = walk.payload(message.sizes.total(), message.inline);
        encoder.action(&action, &sizes, message.encoding, [payload.as_slice()]);
    }
    walk.ends_at(body_len);
    for load in &actions.loads {
        assert!(load.name.len() <= NAME_MAX && (1..=COPIES_MAX).contains(&load.copies));
        encoder.load_model(load);
    }
    for &id in &actions.cancels {
        encoder.cancel(id);
    }
    for &id in &actions.queries {
        encoder.query_state(id);
    }
    for unload in &actions.unloads {
        assert!((1..=COPIES_MAX).contains(&unload.copies));
        encoder.unload_model(unload);
    }
    for upload in &actions.uploads {
        encoder.upload(upload);
    }
    let again = rewrite(|out| encoder.finish(out));
    let again = Actions::decode(&again.header, again.body_len, &AGAIN).expect("ours is valid");
    let all = |actions: &Actions<'_>| -> Vec<_> {
        actions.actions().map(|m| (m.action, m.sizes.collect::<Vec<_>>(), m.encoding)).collect()
    };
    assert_eq!(all(&again), all(&actions));
    assert_eq!((again.loads, again.cancels), (actions.loads, actions.cancels));
    assert_eq!((again.queries, again.unloads), (actions.queries, actions.unloads));
    assert_eq!(again.uploads, actions.uploads);
    true
}

/// Results that are accepted keep their bounds.
pub fn results(data: &[u8]) -> bool {
    let Some((body_len, header)) = split(data) else { return false };
    let Ok(results) = Results::decode(header, body_len, &LIMITS) else { return false };
    let mut walk = Walk::default();
    let mut encoder = ResultsEncoder::new();
    for (result, inline) in results.results() {
        let result = result.into_local(ClockOffset::SAME);
        assert!(result.exec.begin <= result.exec.end);
        encoder.result(&result, &walk.payload(result.output_len.into(), inline));
    }
    walk.ends_at(body_len);
    for loaded in &results.loaded {
        assert!(
            loaded.copies <= COPIES_MAX && (loaded.profile.is_some() || !loaded.status.is_ok())
        );
        encoder.model_loaded(loaded);
    }
    for &(id, cancelled) in &results.cancel_replies {
        encoder.cancel_reply(id, cancelled);
    }
    for unloaded in &results.unloaded {
        encoder.model_unloaded(unloaded);
    }
    for uploaded in &results.uploaded {
        encoder.model_uploaded(uploaded);
    }
    for (query, state) in &results.states {
        assert!(state.models.is_sorted_by_key(|model| model.model));
        assert!(size_of_val(state.models.as_slice()) <= 4 << 20);
        encoder.state(*query, state);
    }
    let again = rewrite(|out| encoder.finish(out));
    let again = Results::decode(&again.header, again.body_len, &AGAIN).expect("ours is valid");
    assert!(again.results().eq(results.results()));
    assert_eq!((again.loaded, again.states), (results.loaded, results.states));
    assert_eq!(again.cancel_replies, results.cancel_replies);
    assert_eq!((again.unloaded, again.uploaded), (results.unloaded, results.uploaded));
    true
}

/// Checks that inline payloads follow each other from the start of the body to its end.
#[derive(Default)]
struct Walk {
    at: usize,
}

impl Walk {
    /// Some payload for a message whose inline part should lie at `range`.
    fn payload(&mut self, len: u64, range: Range<usize>) -> Vec<u8> {
        let inline = u32::try_from(len).is_ok_and(is_inline);
        let due = if inline { usize::try_from(len).expect("small") } else { 0 };
        assert_eq!(range, self.at..self.at + due);
        self.at += due;
        vec![0; due]
    }

    fn ends_at(&self, body_len: u32) {
        assert_eq!(u32::try_from(self.at), Ok(body_len));
    }
}

/// A frame without its preamble.
struct Rewritten {
    header: Vec<u8>,
    body_len: u32,
}

fn rewrite(encode: impl FnOnce(&mut Vec<u8>)) -> Rewritten {
    let mut out = Vec::new();
    encode(&mut out);
    let preamble = out.first_chunk().expect("a frame begins with a preamble");
    let preamble = Preamble::decode(preamble, &Limits::default()).expect("ours is valid");
    let header_len = usize::try_from(preamble.header_len).expect("small");
    let header = out[PREAMBLE_BYTES..PREAMBLE_BYTES + header_len].to_vec();
    Rewritten { header, body_len: preamble.body_len }
}

fn split(data: &[u8]) -> Option<(u32, &[u8])> {
    let (body_len, header) = data.split_first_chunk()?;
    Some((u32::from_le_bytes(*body_len), header))
}
