//! The controller's process: a scheduler, its front, and who asked for what.

use std::collections::BTreeSet;

use clockwork_config::SchedulerConfig;
use clockwork_scheduler::{Input, Order, Output, Request, Response};
use clockwork_wire::{
    ClientId, ClockOffset, Foreign, InferRequest, ModelId, Nanos, RequestId, UserId, WorkerId,
};

use super::front::Front;
use super::letter::{Ask, Command, Draft, Incoming, Letter, Report, Tell};
use super::{Decider, Turn};
use crate::Answered;
use crate::recording::Recorder;
use crate::sliding::Sliding;

/// The controller.
#[derive(Debug)]
pub(crate) struct Controller {
    scheduler: Recorder,
    front: Front,
    /// What is believed of each worker's clock.
    offsets: Vec<ClockOffset>,
    /// By the controller's own number.
    requests: Sliding<Asked>,
    payloads: bool,
    /// Devices of all workers.
    gpus: u32,
}

/// Who asked for what, under which number.
#[derive(Clone, Copy, Debug)]
struct Asked {
    client: ClientId,
    id: RequestId,
    model: ModelId,
    user: UserId,
    slo_factor: f32,
}

impl Asked {
    const fn answered(&self, response: &Response) -> Answered {
        Answered { id: self.id, user: self.user, slo_factor: self.slo_factor, response: *response }
    }
}

/// What a controller is made of.
#[derive(Debug)]
pub(crate) struct ControllerSetup {
    /// The scheduler's knobs.
    pub(crate) config: SchedulerConfig,
    /// Schedulers beside each other; 0: one, and nothing around it.
    pub(crate) shards: usize,
    /// What is believed of each worker's clock.
    pub(crate) offsets: Vec<ClockOffset>,
    /// Workers that have to connect before anybody is served.
    pub(crate) awaited: BTreeSet<WorkerId>,
    /// Whether inputs and outputs travel.
    pub(crate) payloads: bool,
    /// Whether the scheduler's turns are recorded.
    pub(crate) record: bool,
    /// Devices of all workers.
    pub(crate) gpus: u32,
}

impl Controller {
    /// A controller without workers.
    pub(crate) fn new(setup: ControllerSetup) -> Self {
        let workers = setup.offsets.len();
        let decider = Decider::new(setup.config.clone(), setup.shards, workers);
        Self {
            scheduler: Recorder::new(decider, setup.record),
            front: Front::new(setup.config, setup.offsets.len(), setup.awaited),
            offsets: setup.offsets,
            requests: Sliding::default(),
            payloads: setup.payloads,
            gpus: setup.gpus,
        }
    }

    /// Takes everything in that has been received, then everything out that has been decided.
    pub(crate) fn turn(&mut self, letters: &mut Vec<Incoming>, turn: &mut Turn<'_>) {
        for letter in letters.drain(..) {
            self.receive(letter, turn);
        }
        while let Some(output) = self.scheduler.poll(turn.now) {
            self.carry_out(output, turn);
        }
        turn.checker.turn_is_over();
        self.scheduler.end_turn();
    }

    /// When the scheduler wants to be asked again.
    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        self.scheduler.next_wakeup()
    }

    /// The scheduler with what was recorded of it.
    pub(crate) fn into_recorder(self) -> Recorder {
        self.scheduler
    }

    fn receive(&mut self, letter: Incoming, turn: &mut Turn<'_>) {
        match letter {
            Incoming::Asked(client, ask) => self.receive_client(client, ask, turn),
            Incoming::Reported(worker, session, report) => {
                self.receive_worker(worker, session, report, turn);
            }
            Incoming::NotSent(worker, result) => {
                self.feed([Input::Result { worker, result: *result }], turn);
            }
        }
    }

    fn receive_client(&mut self, client: ClientId, ask: Ask, turn: &mut Turn<'_>) {
        match ask {
            Ask::Load(load) => self.front.load(client, load, turn.outbox),
            Ask::List => turn.send(Letter::Client(client, Tell::Listed { gpus: self.gpus }).into()),
            Ask::Infer(request) => self.infer(client, &request, turn),
            Ask::Disconnected => self.withdraw(client, turn),
        }
    }

    fn receive_worker(
        &mut self,
        worker: WorkerId,
        session: u32,
        report: Report,
        turn: &mut Turn<'_>,
    ) {
        let current = self.front.sessions[worker.index()] == Some(session);
        match report {
            Report::Connected(state) => {
                turn.checker.worker_up(worker, &state);
                let inputs = self.front.connected(worker, session, *state, turn.outbox);
                self.feed(inputs, turn);
            }
            // What comes over a connection that has ended is nothing to anybody.
            _ if !current => {}
            Report::Result(result) => {
                let offset = self.offsets[worker.index()];
                let result = Foreign::into_local(*result, offset);
                turn.checker.result_arrives(turn.now, &result, offset);
                self.feed([Input::Result { worker, result }], turn);
            }
            Report::ModelLoaded(loaded) => {
                let inputs = self.front.loaded(worker, &loaded, turn.outbox);
                self.feed(inputs, turn);
            }
            Report::Disconnected => {
                self.front.disconnected(worker, turn.outbox);
                self.feed([Input::WorkerDown { worker }], turn);
            }
        }
    }

    fn infer(&mut self, client: ClientId, request: &InferRequest, turn: &mut Turn<'_>) {
        let (input_size, _) = self.front.payload_sizes(request.model);
        let number = self.requests.push(Asked {
            client,
            id: request.id,
            model: request.model,
            user: request.user,
            slo_factor: request.slo_factor,
        });
        let id = RequestId::new(number);
        let request = Request {
            id,
            model: request.model,
            slo_factor: request.slo_factor,
            slo: request.slo,
            arrival: turn.now,
            input_len: if self.payloads { input_size } else { 0 },
        };
        self.feed([Input::Request(request)], turn);
    }

    /// Nobody waits for the requests of a client that is gone.
    fn withdraw(&mut self, client: ClientId, turn: &mut Turn<'_>) {
        let open = self.requests.entries().filter(|(_, asked)| asked.client == client);
        let withdrawn: Vec<_> = open
            .map(|(number, asked)| Input::Withdraw {
                request: RequestId::new(number),
                model: asked.model,
            })
            .collect();
        self.feed(withdrawn, turn);
    }

    fn feed(&mut self, inputs: impl IntoIterator<Item = Input>, turn: &mut Turn<'_>) {
        for input in inputs {
            turn.checker.input(turn.now, &input);
            self.scheduler.handle(turn.now, input);
        }
    }

    fn carry_out(&mut self, output: Output, turn: &mut Turn<'_>) {
        turn.checker.output(turn.now, &output);
        match output {
            Output::Action(order) => self.send(&order, turn),
            Output::Respond(response) => self.respond(&response, turn),
            Output::Record(record) => {
                turn.tally.record(&record);
                turn.observer.closed(&record);
            }
        }
    }

    fn send(&self, order: &Order, turn: &mut Turn<'_>) {
        let Some(session) = self.front.sessions[order.worker.index()] else { return };
        let inputs = u64::try_from(order.requests.len()).expect("a batch fits u64");
        let (input_size, _) = self.front.payload_sizes(order.action.model);
        let command = Command::Action(Foreign::new(order.action));
        turn.send(Draft {
            letter: Letter::Worker(order.worker, session, command),
            body: if self.payloads { inputs * u64::from(input_size) } else { 0 },
            send_by: order.send_by,
        });
    }

    fn respond(&mut self, response: &Response, turn: &mut Turn<'_>) {
        // A second answer to the same request is reported by the checker; it goes to nobody.
        let Some(asked) = self.requests.take(response.request.get()) else { return };
        turn.observer.answered(&asked.answered(response));
        let (_, output_size) = self.front.payload_sizes(response.model);
        let carries = self.payloads && response.status.has_output();
        let tell = Tell::Answer {
            id: asked.id,
            status: response.status,
            cold: response.copies_at_arrival == 0,
        };
        let body = if carries { output_size } else { 0 };
        turn.send(Draft::with_body(Letter::Client(asked.client, tell), body.into()));
    }
}
