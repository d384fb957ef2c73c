//! Labelled images of digits, sent one by one to the real model.

use clockwork_config::NetworkConfig;
use clockwork_executor::compile::digits::{self, Example};
use clockwork_runtime::client::{Answered, ClientError, Session};
use clockwork_runtime::{clock, rt};
use clockwork_wire::{
    Encoding, InferRequest, InputSpec, ModelId, Nanos, Payload, RequestId, Span, Status, UserId,
};

/// How the model did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digits {
    /// Images sent.
    pub(super) sent: u64,
    /// Answers with an output.
    pub(super) answered: u64,
    /// Answers that name the right digit.
    pub(super) right: u64,
    /// The sum of all latencies of answers.
    latency: Span,
}

impl Digits {
    /// The fraction of answers that name the right digit.
    pub(super) fn accuracy(&self) -> f64 {
        ratio(self.right, self.answered)
    }

    /// Mean latency in milliseconds.
    pub(super) fn mean_ms(&self) -> f64 {
        self.latency.as_millis_f64() * ratio(1, self.answered)
    }

    fn take(&mut self, answered: &Answered, example: &Example, sent: Nanos) {
        if answered.response.status.has_output() {
            self.answered += 1;
            self.latency += answered.received - sent;
            self.right += u64::from(digits::digit(&answered.output) == Some(example.label));
        }
    }
}

/// Sends images at a fixed pace for `length`.
pub(super) async fn run(address: &str, length: Span) -> Result<Digits, ClientError> {
    let mut session = Session::connect(address, &NetworkConfig::default(), drop).await?;
    let model = session.load(digits::NAME, 1, UserId::new(0)).await?.model;
    while session.list().await?.status == Status::INITIALIZING {
        rt::sleep(PACE).await;
    }
    let examples: Vec<Example> = digits::examples().collect();
    let mut result = Digits::default();
    let mut sent_at = Vec::new();
    let begin = clock::now();
    let example = |id: usize| &examples[id % examples.len()];
    while clock::now() < begin + length + PATIENCE {
        let now = clock::now();
        let due = begin + PACE.times(result.sent);
        if now >= due && now < begin + length {
            // The session refuses only beyond its credits, which are never reached at this pace.
            let id = RequestId::new(result.sent);
            if session.submit(request(id, model), image(example(sent_at.len()))).is_ok() {
                sent_at.push(now);
                result.sent += 1;
            }
            session.flush();
        }
        while let Some(answered) = session.answer()? {
            let id = answered.response.id.index();
            result.take(&answered, example(id), sent_at[id]);
        }
        if now >= begin + length && result.answered == result.sent {
            break;
        }
        session.wait(Some((begin + PACE.times(result.sent)).max(now + LEAST))).await;
    }
    session.close().await;
    Ok(result)
}

fn request(id: RequestId, model: ModelId) -> InferRequest {
    let len = u32::try_from(digits::INPUT_BYTES).expect("an image is small");
    let input = InputSpec { len, encoding: Encoding::Raw };
    InferRequest { id, user: UserId::new(0), model, slo_factor: 0.0, slo: Span::ZERO, input }
}

fn image(example: &Example) -> clockwork_runtime::net::Part {
    Payload::new(example.image.to_vec())
}

fn ratio(part: u64, whole: u64) -> f64 {
    let float = |n: u64| u32::try_from(n).map_or(f64::INFINITY, f64::from);
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// One image every 5 ms.
const PACE: Span = Span::from_millis(5);
/// How long to wait for the last answers.
const PATIENCE: Span = Span::from_secs(1);
/// The shortest wait.
const LEAST: Span = Span::from_micros(200);
