//! `bench wire`: what a message costs on its way into bytes and out of them.
//!
//! One connection's codec, as a core uses it: one encoder and one output buffer that are used again,
//! a frame per turn. Payloads above 16 KiB go over the bulk connection, so that only their size is
//! in the frame; their own frame is `body`.

use std::hint::black_box;
use std::ops::Range;

use clockwork_wire::codec::{
    Actions, ActionsEncoder, BodyId, DecodeError, Limits, PREAMBLE_BYTES, Preamble, Requests,
    RequestsEncoder, Responses, ResponsesEncoder, Results, ResultsEncoder, body_prefix, is_inline,
    stamp,
};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, BatchSize, Encoding, GpuId, InferRequest,
    InferResponse, InputSpec, ModelId, Nanos, PageRange, RequestId, Span, Status, UserId, Window,
};

use super::common::Common;
use super::machine::thread_cpu_seconds;
use super::plot::Plot;
use super::report::{Better, Report, Row};
use crate::Failure;

/// The command line of `bench wire`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Messages of one frame
    #[arg(long, value_delimiter = ',', default_value = "1,16,256")]
    messages: Vec<u32>,
    /// Bytes of each message's payload
    #[arg(long, value_delimiter = ',', default_value = "0,256,4096,602112")]
    payloads: Vec<u32>,
}

/// Measures and publishes.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.common.check()?;
    let mut report = Report::new("wire", arguments.common.repeats);
    let cases = arguments.payloads.iter().flat_map(|&payload| {
        arguments.messages.iter().map(move |&messages| Case::new(messages.max(1), payload))
    });
    let cases: Vec<Case> = cases.collect();
    // Two directions of four kinds of messages, and a body.
    let each = arguments.common.seconds_or(2.0) / f64::from(u32::try_from(cases.len() * 9)?.max(1));
    for case in &cases {
        report.push(case.row(arguments.common.repeats, each)?);
    }
    let headline = ["request_encode_ns", "request_decode_ns"];
    arguments.common.publish(&report, &headline, &Plot::default())
}

/// One size of frame.
struct Case {
    messages: u32,
    payload: u32,
    /// What goes into the frame of it.
    inline: Vec<u8>,
}

/// A kind of message: appends a frame of this case, and reads one.
struct Kind {
    name: &'static str,
    encode: fn(&Case, &mut Codecs, &mut Vec<u8>),
    decode: fn(&Preamble, &[u8]) -> Result<u64, DecodeError>,
}

/// The encoders of one connection, used again from frame to frame.
#[derive(Default)]
struct Codecs {
    requests: RequestsEncoder,
    responses: ResponsesEncoder,
    actions: ActionsEncoder,
    results: ResultsEncoder,
}

const KINDS: [Kind; 4] = [
    Kind { name: "request", encode: requests, decode: read_requests },
    Kind { name: "response", encode: responses, decode: read_responses },
    Kind { name: "action", encode: actions, decode: read_actions },
    Kind { name: "result", encode: results, decode: read_results },
];

impl Case {
    fn new(messages: u32, payload: u32) -> Self {
        let inline = if is_inline(payload) { payload } else { 0 };
        let inline = vec![7; usize::try_from(inline).expect("an inline payload fits usize")];
        Self { messages, payload, inline }
    }

    fn row(&self, repeats: usize, seconds: f64) -> Result<Row, Failure> {
        let Self { messages, payload, .. } = self;
        let mut row = Row::new(format!("{messages}x{payload}B"));
        let mut codecs = Codecs::default();
        for Kind { name, encode, decode } in KINDS {
            let mut frame = Vec::new();
            let encoding = || {
                frame.clear();
                encode(self, &mut codecs, &mut frame);
                stamp(&mut frame, Nanos::new(5), 1, 0);
            };
            self.add(&mut row, &format!("{name}_encode_ns"), &repeat(repeats, seconds, encoding));
            let (preamble, header) = parts(&frame)?;
            decode(&preamble, header)?;
            let decoding = || drop(black_box(read(&frame, decode)));
            self.add(&mut row, &format!("{name}_decode_ns"), &repeat(repeats, seconds, decoding));
        }
        if !is_inline(*payload) {
            let id = BodyId::Request(RequestId::new(9));
            let prefix = || {
                black_box(body_prefix(black_box(id), *payload));
            };
            row.add("body_prefix_ns", "ns", Better::Lower, &repeat(repeats, seconds, prefix));
        }
        Ok(row)
    }

    /// Per message, and per frame where that is something else.
    fn add(&self, row: &mut Row, name: &str, frame_ns: &[f64]) {
        let messages = f64::from(self.messages);
        let each: Vec<f64> = frame_ns.iter().map(|ns| ns / messages).collect();
        row.add(name, "ns", Better::Lower, &each);
        if self.messages > 1 {
            row.add(&format!("{name}_per_frame"), "ns", Better::Lower, frame_ns);
        }
    }
}

/// CPU nanoseconds of one call, as often as there are repeats.
fn repeat(repeats: usize, seconds: f64, mut work: impl FnMut()) -> Vec<f64> {
    let mut once = || {
        let (begin, mut calls) = (thread_cpu_seconds(), 0.0);
        loop {
            for _ in 0..CALLS_PER_LOOK {
                work();
            }
            calls += f64::from(CALLS_PER_LOOK);
            let cpu = thread_cpu_seconds() - begin;
            if cpu >= seconds {
                return 1e9 * cpu / calls;
            }
        }
    };
    (0..repeats).map(|_| once()).collect()
}

fn read(
    frame: &[u8],
    decode: fn(&Preamble, &[u8]) -> Result<u64, DecodeError>,
) -> Result<u64, DecodeError> {
    let (preamble, header) = parts(black_box(frame))?;
    decode(&preamble, header)
}

fn parts(frame: &[u8]) -> Result<(Preamble, &[u8]), DecodeError> {
    let (preamble, rest) = frame.split_first_chunk::<PREAMBLE_BYTES>().expect("a whole frame");
    let preamble = Preamble::decode(preamble, &Limits::default())?;
    let header = usize::try_from(preamble.header_len).expect("a header fits usize");
    Ok((preamble, &rest[..header]))
}

fn requests(case: &Case, codecs: &mut Codecs, out: &mut Vec<u8>) {
    for id in 0..case.messages {
        let request = InferRequest {
            id: RequestId::new(id.into()),
            user: UserId::new(0),
            model: ModelId::new(id),
            slo_factor: 0.0,
            slo: Span::from_millis(100),
            input: InputSpec { len: case.payload, encoding: Encoding::Raw },
        };
        codecs.requests.infer(&request, &case.inline);
    }
    codecs.requests.finish(out);
}

fn read_requests(preamble: &Preamble, header: &[u8]) -> Result<u64, DecodeError> {
    let frame = Requests::decode(header, preamble.body_len, &Limits::default())?;
    Ok(frame.infers().map(|(request, inline)| request.id.get() ^ last(&inline)).sum())
}

fn responses(case: &Case, codecs: &mut Codecs, out: &mut Vec<u8>) {
    for id in 0..case.messages {
        let response = InferResponse {
            id: RequestId::new(id.into()),
            model: ModelId::new(id),
            output_len: case.payload,
            arrival: Nanos::new(1),
            departure: Nanos::new(2),
            ..InferResponse::default()
        };
        codecs.responses.infer(&response, &case.inline);
    }
    codecs.responses.finish(out);
}

fn read_responses(preamble: &Preamble, header: &[u8]) -> Result<u64, DecodeError> {
    let frame = Responses::decode(header, preamble.body_len, &Limits::default())?;
    Ok(frame.infers().map(|(response, inline)| last(&black_box((response, inline)).1)).sum())
}

fn actions(case: &Case, codecs: &mut Codecs, out: &mut Vec<u8>) {
    for counter in 0..case.messages {
        let action = action(counter);
        codecs.actions.action(&action, &[case.payload], Encoding::Raw, [&case.inline[..]]);
    }
    codecs.actions.finish(out);
}

fn read_actions(preamble: &Preamble, header: &[u8]) -> Result<u64, DecodeError> {
    let frame = Actions::decode(header, preamble.body_len, &Limits::default())?;
    Ok(frame.actions().map(|message| last(&black_box(message).inline)).sum())
}

fn results(case: &Case, codecs: &mut Codecs, out: &mut Vec<u8>) {
    for counter in 0..case.messages {
        let result = ActionResult {
            output_len: case.payload,
            ..ActionResult::refused(&action(counter), Status::OK, Nanos::new(1))
        };
        codecs.results.result(&result, &case.inline);
    }
    codecs.results.finish(out);
}

fn read_results(preamble: &Preamble, header: &[u8]) -> Result<u64, DecodeError> {
    let frame = Results::decode(header, preamble.body_len, &Limits::default())?;
    Ok(frame.results().map(|(result, inline)| last(&black_box((result, inline)).1)).sum())
}

fn action(counter: u32) -> Action {
    Action {
        id: ActionId { epoch: 1, shard: 0, counter: counter.into() },
        kind: ActionKind::Infer { batch: BatchSize::ONE },
        model: ModelId::new(counter),
        gpu: GpuId::new(0),
        window: Window::new(Nanos::new(1), Nanos::new(2)),
        expected: Span::from_millis(3),
        pages: PageRange::WHOLE,
    }
}

/// Something of a range, so that finding it out is not left out.
fn last(range: &Range<usize>) -> u64 {
    u64::try_from(range.end).unwrap_or(u64::MAX)
}

const CALLS_PER_LOOK: u32 = 64;
