//! A client's process: a workload engine and the requests that it waits for.

use clockwork_wire::{ClientId, InferRequest, InputSpec, ModelId, Nanos, RequestId, Span, Status};
use clockwork_workload::{Engine, Input, Output, Submit, Tag};

use super::Turn;
use super::letter::{Ask, Draft, Incoming, Letter, Tell};
use crate::scenario::ClientSetup;
use crate::sliding::Sliding;

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    id: ClientId,
    engine: Engine,
    /// By the client's own number, what was asked and when it was meant to be sent.
    requests: Sliding<(Tag, Nanos)>,
    /// Bytes of one input, by model.
    input_sizes: Vec<u32>,
    slo: Span,
    payloads: bool,
    pace: Pace,
    /// Whether it is gone; nothing reaches it then.
    gone: bool,
}

impl Client {
    /// A client that has done nothing yet.
    pub(crate) fn new(id: ClientId, setup: ClientSetup, seed: u64, payloads: bool) -> Self {
        Self {
            id,
            engine: Engine::new(setup.plan, seed),
            requests: Sliding::default(),
            input_sizes: Vec::new(),
            slo: setup.slo,
            payloads,
            pace: Pace::default(),
            gone: false,
        }
    }

    /// Takes everything in that has been received, then sends everything that is due, as fast as a
    /// client can.
    pub(crate) fn turn(&mut self, letters: &mut Vec<Tell>, turn: &mut Turn<'_>) {
        if self.gone {
            return letters.clear();
        }
        for letter in letters.drain(..) {
            self.receive(letter, turn);
        }
        while self.pace.goes_on(turn.now)
            && let Some(output) = self.engine.poll(turn.now)
        {
            let ask = match output {
                Output::Load(load) => Ask::Load(load),
                Output::List => Ask::List,
                Output::Submit(submit) => {
                    self.pace.sent(turn.now);
                    self.submit(&submit, turn);
                    continue;
                }
                Output::Print(text) => {
                    turn.observer.said(turn.now, &text);
                    continue;
                }
                Output::Done => continue,
            };
            turn.send(self.letter(ask).into());
        }
    }

    /// When the workload wants to be asked again, or can be.
    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        self.pace.held_until.or_else(|| self.engine.next_wakeup()).filter(|_| !self.gone)
    }

    /// The process ends. Returns what its connection says of that.
    pub(crate) fn leave(&mut self) -> Letter {
        self.gone = true;
        self.requests = Sliding::default();
        self.letter(Ask::Disconnected)
    }

    /// Requests that have not been answered.
    pub(crate) const fn unanswered(&self) -> usize {
        self.requests.len()
    }

    fn receive(&mut self, letter: Tell, turn: &mut Turn<'_>) {
        let input = match letter {
            Tell::Loaded { first, copies, input_size } => {
                self.note_sizes(first, copies, input_size);
                Input::Loaded { first, copies }
            }
            Tell::Listed { gpus } => Input::Listed { gpus },
            Tell::Stop => Input::Stop,
            Tell::Answer { id, status, cold } => {
                let Some(input) = self.answer(id, status, cold, turn) else { return };
                input
            }
        };
        self.engine.handle(turn.now, input);
    }

    fn answer(
        &mut self,
        id: RequestId,
        status: Status,
        cold: bool,
        turn: &mut Turn<'_>,
    ) -> Option<Input> {
        let (tag, intended) = self.requests.take(id.get())?;
        turn.tally.answer(intended, turn.now, status, cold);
        Some(Input::Answered { tag, status })
    }

    fn submit(&mut self, submit: &Submit, turn: &mut Turn<'_>) {
        turn.tally.offer(submit.intended);
        let id = RequestId::new(self.requests.push((submit.tag, submit.intended)));
        let size = self.input_sizes.get(submit.model.index()).copied().unwrap_or_default();
        let len = if self.payloads { size } else { 0 };
        let request = InferRequest {
            id,
            user: submit.user,
            model: submit.model,
            slo_factor: submit.slo_factor,
            slo: self.slo,
            input: InputSpec { len, ..InputSpec::default() },
        };
        turn.send(Draft::with_body(self.letter(Ask::Infer(request)), len.into()));
    }

    const fn letter(&self, ask: Ask) -> Letter {
        Letter::Controller(Incoming::Asked(self.id, ask))
    }

    fn note_sizes(&mut self, first: ModelId, copies: u32, size: u32) {
        let end = first.index() + usize::try_from(copies).expect("a count fits usize");
        if self.input_sizes.len() < end {
            self.input_sizes.resize(end, 0);
        }
        self.input_sizes[first.index()..end].fill(size);
    }
}

/// How fast a client sends: a process that costs nothing would send any number of requests at once, and
/// again as soon as they are refused. Below that rate nothing is held up.
#[derive(Debug, Default)]
struct Pace {
    /// When what has been sent is paid for.
    paid: Nanos,
    /// Until when nothing is sent.
    held_until: Option<Nanos>,
}

impl Pace {
    /// Whether a request may be sent now: it is not, from a rush too many on until all is paid for.
    fn goes_on(&mut self, now: Nanos) -> bool {
        let ahead = if self.held_until.is_some() { Span::ZERO } else { RUSH };
        self.held_until = Some(self.paid).filter(|&paid| paid > now + ahead);
        self.held_until.is_none()
    }

    fn sent(&mut self, now: Nanos) {
        self.paid = self.paid.max(now) + EACH;
    }
}

/// A million requests a second: what a client sends on four cores (3 us of CPU time each).
const EACH: Span = Span::from_micros(1);
/// How far ahead a client may be of that rate.
const RUSH: Span = Span::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests that can be sent at once.
    fn rush(pace: &mut Pace, now: Nanos) -> u32 {
        let mut sent = 0;
        while pace.goes_on(now) {
            pace.sent(now);
            sent += 1;
        }
        sent
    }

    #[test]
    fn what_is_wanted_at_once_is_sent_in_rushes_at_the_clients_rate() {
        let mut pace = Pace::default();
        let mut now = Nanos::new(1_000_000_000);
        let begin = now;
        let mut sent = 0;
        for _ in 0..100 {
            sent += rush(&mut pace, now);
            assert!(!pace.goes_on(now + RUSH.scale(0.5)), "it waits until all is paid for");
            now = pace.held_until.expect("it was too much");
        }
        assert_eq!(EACH.times(sent.into()), now - begin);
    }

    #[test]
    fn what_comes_at_less_than_the_rate_is_never_held_up() {
        let mut pace = Pace::default();
        let mut now = Nanos::new(1_000_000_000);
        for _ in 0..10_000 {
            assert!(pace.goes_on(now));
            pace.sent(now);
            now += EACH;
        }
    }
}
