//! Inferences: from a client's request to the scheduler, and from its decisions to workers and back.

use clockwork_scheduler::shard::ShardIndex;
use clockwork_scheduler::{Order, Output as Decision, Request, Response};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, BatchSize, ClientId, Encoding, GpuId, InferRequest,
    InferResponse, InputSpec, ModelId, Nanos, PageRange, Payload, Span, Status, Window, WorkerId,
};

use super::ledger::Entry;
use super::machine::{Arrived, Controller};
use super::message::Output;
use crate::net::{Answer, Batch, Command, Part};
use crate::telemetry::describe::{ControllerNetworkText, InputSource};
use crate::telemetry::{ActionRow, Asked, RequestRecord};

impl Controller {
    /// Takes an inference in, or refuses it at once.
    pub(super) fn infer(
        &mut self,
        now: Nanos,
        client: ClientId,
        request: &InferRequest,
        input: Payload,
        received: Nanos,
    ) {
        if self.startup.is_some() {
            self.bounce_later(now, client, request);
            return;
        }
        let asked = Asked { id: request.id, user: request.user, slo_factor: request.slo_factor };
        let version = match self.objection(client, request, &input) {
            Ok(version) => version,
            Err(status) => return self.refuse(now, client, asked, request, status),
        };
        if let Some(outstanding) = self.clients.get_mut(&client) {
            outstanding.requests += 1;
            outstanding.bytes += u64::from(request.input.len);
        }
        self.stir(now);
        let id = self.ledger.insert(Entry {
            client,
            asked,
            model: request.model,
            version,
            spec: request.input,
            input,
            made_up: false,
        });
        let request = Request {
            id,
            model: version,
            slo_factor: request.slo_factor,
            slo: request.slo,
            arrival: received,
            input_len: request.input.len,
        };
        self.scheduler.handle(now, clockwork_scheduler::Input::Request(request));
    }

    /// Which version of its model a request is for, or why it never reaches the scheduler.
    fn objection(
        &self,
        client: ClientId,
        request: &InferRequest,
        input: &Payload,
    ) -> Result<ModelId, Status> {
        if self.ending {
            return Err(Status::SHUTTING_DOWN);
        }
        let version = self.catalog.serving(request.model).ok_or(Status::UNKNOWN_MODEL)?;
        let outstanding = self.clients.get(&client).copied().unwrap_or_default();
        let credits = self.options.credits;
        let bytes = outstanding.bytes.saturating_add(request.input.len.into());
        if outstanding.requests >= credits.requests || bytes > credits.bytes {
            return Err(Status::OVERLOADED);
        }
        let size = self.catalog.model(version).map(|known| known.input_size);
        let raw = request.input.encoding == Encoding::Raw;
        let wrong = raw && request.input.len != 0 && size.is_some_and(|s| s != request.input.len);
        // A body that the bulk connection never brought counts as one of the wrong size.
        let lost = u32::try_from(input.len()) != Ok(request.input.len);
        if wrong || lost { Err(Status::BAD_INPUT_SIZE) } else { Ok(version) }
    }

    fn refuse(
        &mut self,
        now: Nanos,
        client: ClientId,
        asked: Asked,
        request: &InferRequest,
        status: Status,
    ) {
        let response = Response {
            request: request.id,
            status,
            output: None,
            model: request.model,
            arrival: now,
            departure: now,
            slo: self.options.scheduler.default_slo,
            copies_at_arrival: 0,
            copies_at_departure: 0,
        };
        self.answer_infer(client, asked, &response, Part::default());
    }

    /// A client is gone: what it asked for is withdrawn where it is not under way.
    pub(super) fn client_down(&mut self, now: Nanos, client: ClientId) {
        self.clients.remove(&client);
        self.uploader_down(client);
        for (request, model) in self.ledger.of_client(client) {
            let input = clockwork_scheduler::Input::Withdraw { request, model };
            self.scheduler.handle(now, input);
        }
    }

    /// A worker's result: the scheduler hears of it, its output waits for the responses.
    pub(super) fn result(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        result: ActionResult,
        output: Payload,
        received: Nanos,
    ) {
        if self.startup.is_some() {
            return;
        }
        let batch = result.kind.batch().get();

        self.results.push_back(Arrived { id: result.id, output, batch, received });
        self.scheduler.handle(now, clockwork_scheduler::Input::Result { worker, result });
    }

    /// An action whose inputs could not be sent in time counts as refused.
    pub(super) fn unsent(&mut self, now: Nanos, worker: WorkerId, id: ActionId) {
        let result = ActionResult {
            id,
            kind: ActionKind::Infer { batch: BatchSize::ONE },
            status: Status::SEND_LATE,
            ..ActionResult::refused(&NOTHING, Status::SEND_LATE, Nanos::ZERO)
        };
        self.result(now, worker, result, Payload::EMPTY, now);
    }

    /// Carries a decision of the scheduler out.
    pub(super) fn carry_out(&mut self, now: Nanos, decision: Decision) {
        match decision {
            Decision::Action(order) => self.act(order),
            Decision::Respond(response) => self.respond(now, response),
            Decision::Record(record) => {
                let front = self.results.front().filter(|a| a.id == record.action.id);
                let enqueued = front.map_or(now, |arrived| arrived.received);
                if front.is_some() {
                    self.results.pop_front();
                }
                if self.options.records {
                    self.decided.push_back(Output::Action(ActionRow::new(&record, enqueued)));
                }
            }
        }
    }

    fn act(&mut self, order: Order) {
        let Order { worker, action, send_by, requests } = order;
        let size = self.catalog.model(action.model).map_or(0, |known| known.input_size);
        let mut batch = Vec::with_capacity(requests.len());
        for &id in &requests {
            let entry = self.ledger.at(id).expect("an ordered request is in the ledger");
            if self.options.scheduler.generate_inputs && entry.spec.len == 0 && size > 0 {
                entry.made_up = true;
                batch.push((InputSpec { len: size, ..entry.spec }, self.samples.of_size(size)));
            } else {
                batch.push((entry.spec, std::mem::take(&mut entry.input)));
            }
        }
        let shown = self.status_shown || self.options.shard != ShardIndex::FIRST;
        if !batch.is_empty() && !shown {
            self.show_status(&batch);
        }
        let (encoding, parts) = super::inputs::unify(batch, size);
        let inputs = Batch { parts, encoding, send_by };
        self.command(worker, Command::Action { action, inputs });
    }

    /// Says once where inputs come from.
    fn show_status(&mut self, batch: &[(InputSpec, Part)]) {
        self.status_shown = true;
        let absent = batch.iter().all(|(spec, _)| spec.len == 0);
        let generated = self.options.scheduler.generate_inputs;
        let source = match (absent, generated) {
            (true, _) => InputSource::Worker,
            (false, true) => InputSource::Controller,
            (false, false) => InputSource::Client,
        };
        self.print(ControllerNetworkText(source).to_string());
    }

    fn respond(&mut self, now: Nanos, response: Response) {
        let entry = self.ledger.remove(response.request).expect("one request gets one response");
        if let Some(outstanding) = self.clients.get_mut(&entry.client) {
            // With several shards a request may have come before its client was known here.
            outstanding.requests = outstanding.requests.saturating_sub(1);
            outstanding.bytes = outstanding.bytes.saturating_sub(entry.spec.len.into());
        }
        let part = response.output.filter(|_| !entry.made_up).and_then(|(id, index)| {
            let arrived = self.results.iter().find(|arrived| arrived.id == id)?;
            nth(&arrived.output, index, arrived.batch)
        });
        // Clients and the request log know the model by the id that was asked for.
        let response = Response { model: entry.model, ..response };
        self.answer_infer(entry.client, entry.asked, &response, part.unwrap_or_default());
        self.version_answered(now, entry.version);
    }

    fn answer_infer(&mut self, client: ClientId, asked: Asked, response: &Response, output: Part) {
        if self.options.records {
            self.decided.push_back(Output::Request(RequestRecord::new(asked, response)));
        }
        let length = u32::try_from(output.len()).expect("outputs are bounded by the frame");
        let reply = InferResponse {
            id: asked.id,
            status: response.status,
            model: response.model,
            output_len: length,
            arrival: response.arrival,
            departure: response.departure,
            ..InferResponse::default()
        };
        self.answer(client, Answer::Infer { response: reply, output });
    }
}

/// Part `index` of `count` equal parts; `None` if the whole does not divide evenly.
fn nth(whole: &Part, index: u16, count: u16) -> Option<Part> {
    let count = usize::from(count);
    if !whole.len().is_multiple_of(count) {
        return None;
    }
    let each = whole.len() / count;
    let begin = each * usize::from(index);
    whole.slice(begin..begin + each)
}

/// Stands for an action of which only the id is known.
const NOTHING: Action = Action {
    id: ActionId { epoch: 0, shard: 0, counter: 0 },
    kind: ActionKind::Evict,
    model: ModelId::new(0),
    gpu: GpuId::new(0),
    window: Window::ALWAYS,
    expected: Span::ZERO,
    pages: PageRange::WHOLE,
};
