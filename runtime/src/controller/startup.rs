//! The stages before the scheduler decides: ask the workers, load the first models, bounce the rest.

use std::collections::VecDeque;

use clockwork_wire::codec::Listing;
use clockwork_wire::{
    ClientId, InferRequest, InferResponse, LoadRequest, Nanos, RequestId, Span, Status,
};

use super::machine::Controller;
use super::message::Output;
use crate::net::{Answer, Part};
use crate::telemetry::describe::{CapacityText, ClusterText, ListRequestText, RefusalText};

/// Where start-up is.
#[derive(Debug)]
pub struct Startup {
    stage: Stage,
    /// How long the load stage waits for another request.
    patience: Span,
    /// How long LS and INFER are held before they are bounced.
    bounce_after: Span,
    /// Requests for models that came before the workers were known.
    pub(super) early: VecDeque<(ClientId, LoadRequest)>,
    /// Requests that will be bounced, oldest first.
    bounced: VecDeque<(Nanos, ClientId, Bounced)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waiting for every worker's state.
    Querying,
    /// Waiting for the first request for a model.
    Awaiting,
    /// Loading; the last request or answer was then.
    Loading { last: Nanos, warned: bool },
}

#[derive(Clone, Copy, Debug)]
enum Bounced {
    List(RequestId),
    Infer(InferRequest),
}

impl Startup {
    pub(super) fn new(patience: Span, bounce_after: Span) -> Self {
        Self {
            stage: Stage::Querying,
            patience,
            bounce_after,
            early: VecDeque::new(),
            bounced: VecDeque::new(),
        }
    }

    /// Whether requests for models are taken.
    pub(super) fn takes_loads(&self) -> bool {
        self.stage != Stage::Querying
    }

    pub(super) fn next_wakeup(&self, loading: bool) -> Option<Nanos> {
        let bounce = self.bounced.front().map(|&(since, ..)| since + self.bounce_after);
        let end = match self.stage {
            Stage::Loading { last, warned } if !loading => {
                let warn = self.patience > WARN_ABOVE && !warned;
                Some(last + if warn { self.patience.scale(0.5) } else { self.patience })
            }
            Stage::Querying | Stage::Awaiting | Stage::Loading { .. } => None,
        };
        [bounce, end].into_iter().flatten().min()
    }
}

impl Controller {
    /// Does what is due in start-up.
    pub(super) fn advance_startup(&mut self, now: Nanos) {
        self.bounce_due(now);
        let loading = self.jobs.is_loading();
        let complete = self.fleet.is_complete();
        let Some(startup) = &mut self.startup else { return };
        let patience = startup.patience;
        match &mut startup.stage {
            Stage::Querying if complete => {
                startup.stage = Stage::Awaiting;
                let early = std::mem::take(&mut startup.early);
                let states = self.fleet.states();
                self.print(ClusterText(&states).to_string());
                let workers: Vec<_> = self.fleet.known().collect();
                for worker in workers {
                    self.load_missing(worker);
                }
                self.print("(Startup-3) Awaiting LoadModel requests from clients");
                if patience.is_zero() {
                    self.begin_serving(now);
                }
                for (client, request) in early {
                    self.load_requested(now, client, request);
                }
                self.begin_early_uploads();
            }
            Stage::Loading { last, .. } if !loading && now >= *last + patience => {
                self.begin_serving(now);
            }
            Stage::Loading { last, warned } if !loading && !*warned && patience > WARN_ABOVE => {
                if now >= *last + patience.scale(0.5) {
                    *warned = true;
                    let rest = (*last + patience - now).as_secs_f64();
                    self.print(format!(
                        "(Startup-5) LoadModelStage ending in {rest:.0} seconds..."
                    ));
                }
            }
            Stage::Querying | Stage::Awaiting | Stage::Loading { .. } => {}
        }
    }

    /// Notes that a request for a model, or its answer, came.
    pub(super) fn load_activity(&mut self, now: Nanos) {
        let Some(startup) = &mut self.startup else { return };
        let first = startup.stage == Stage::Awaiting;
        startup.stage = Stage::Loading { last: now, warned: false };
        if first {
            self.print("(Startup-4) LoadModelStage has begun");
        }
    }

    /// Answers a request for the list of models; during start-up it is bounced later.
    pub(super) fn list(&mut self, now: Nanos, client: ClientId, id: RequestId) {
        if let Some(startup) = &mut self.startup {
            startup.bounced.push_back((now, client, Bounced::List(id)));
            self.print(format!("Client  --> {}", ListRequestText(id)));
            return;
        }
        let listing = self.catalog.listing();
        let gpus = self.fleet.used(self.options.scheduler.max_gpus);
        let listing = Listing { id, status: Status::OK, models: listing, gpus };
        self.answer(client, Answer::Listing(listing));
    }

    /// Keeps an inference that came too early, to be bounced.
    pub(super) fn bounce_later(&mut self, now: Nanos, client: ClientId, request: &InferRequest) {
        if let Some(startup) = &mut self.startup {
            startup.bounced.push_back((now, client, Bounced::Infer(*request)));
        }
    }

    fn bounce_due(&mut self, now: Nanos) {
        let Some(startup) = &mut self.startup else { return };
        let after = startup.bounce_after;
        let due = startup.bounced.iter().take_while(|(since, ..)| now >= *since + after);
        let due = due.count();
        let bounced: Vec<_> = startup.bounced.drain(..due).collect();
        for (since, client, request) in bounced {
            self.bounce(since, client, &request, now);
        }
    }

    fn bounce(&mut self, since: Nanos, client: ClientId, request: &Bounced, now: Nanos) {
        let status = Status::INITIALIZING;
        let (id, name) = match *request {
            Bounced::List(id) => (id, "LS"),
            Bounced::Infer(request) => (request.id, "Infer"),
        };
        let refusal = RefusalText { id, request: name, status, message: "" };
        self.print(format!("Client <--  {refusal}"));
        let answer = match *request {
            Bounced::List(id) => {
                Answer::Listing(Listing { id, status, models: Vec::new(), gpus: 0 })
            }
            Bounced::Infer(request) => Answer::Infer {
                response: InferResponse {
                    id: request.id,
                    status,
                    model: request.model,
                    arrival: since,
                    departure: now,
                    ..InferResponse::default()
                },
                output: Part::default(),
            },
        };
        self.answer(client, answer);
    }

    /// Hands over to the scheduler.
    fn begin_serving(&mut self, now: Nanos) {
        let startup = self.startup.take().expect("start-up ends once");
        let states = self.fleet.states();
        self.print("(Startup-6) LoadModelStage complete.  Printing loaded models:");
        self.print(ClusterText(&states).to_string());
        self.print("(Startup-end) Transitioning to scheduler");
        for (since, client, request) in startup.bounced {
            self.bounce(since, client, &request, now);
        }
        self.print(CapacityText(&states).to_string());
        self.print(" * Admitting inference requests");
        let workers: Vec<_> = self.fleet.known().collect();
        let mut handlers = 0;
        for worker in workers {
            handlers += self.fleet.devices(worker, self.options.scheduler.max_gpus).len();
            self.introduce(now, worker);
        }
        self.announce_homes();
        for handler in 0..handlers {
            self.print(format!("GPU handler [ {handler} ] started"));
        }
    }

    /// Answers a client; whoever carries that out knows whether it is still there.
    pub(super) fn answer(&mut self, client: ClientId, answer: Answer<Part>) {
        self.decided.push_back(Output::Answer(client, answer));
    }
}

/// A load stage that waits no longer than this ends without a warning.
const WARN_ABOVE: Span = Span::from_secs(2);
