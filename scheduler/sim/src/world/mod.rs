//! The world: processes, the links between them, and what happens next.
//!
//! One process runs the controller, one each worker and each client. Every process takes *turns*
//! as its counterpart in production does: it reads the clock once, takes in everything that has
//! arrived by then, and says everything that there is to say. Time jumps from event to event.

mod agenda;
mod build;
mod client;
mod clock;
mod controller;
mod cpu;
mod crowd;
mod decider;
mod front;
mod incidents;
mod letter;
mod network;
mod process;
mod shuffles;
mod worker;

use clockwork_scheduler::shard::Moved;
use clockwork_wire::{ActionResult, ClientId, ClockOffset, Nanos, Span, Status, WorkerId};
use rand::RngExt;

pub(crate) use self::clock::Clock;
pub(crate) use self::decider::Decider;

use self::agenda::{Agenda, Event};
use self::client::Client;
use self::controller::Controller;
use self::cpu::Cores;
use self::letter::{Command, Draft, Incoming, Letter, Tell};
use self::network::Path;
use self::process::{Process, Taken};
use self::worker::WorkerProcess;
use crate::Observer;
use crate::checker::Checker;
use crate::recording::Recording;
use crate::scenario::Faults;
use crate::streams::Random;
use crate::tally::Tally;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// The controller.
    Controller,
    /// A worker.
    Worker(WorkerId),
    /// A client.
    Client(ClientId),
}

/// What a process sees and fills during a turn.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// The world's time.
    pub(crate) now: Nanos,
    /// What it says; sent when the turn is over.
    pub(crate) outbox: &'a mut Vec<Draft>,
    /// Watches.
    pub(crate) checker: &'a mut Checker,
    /// Counts.
    pub(crate) tally: &'a mut Tally,
    /// Is told.
    pub(crate) observer: &'a mut dyn Observer,
}

impl Turn<'_> {
    fn send(&mut self, draft: Draft) {
        self.outbox.push(draft);
    }
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    now: Nanos,
    agenda: Agenda,
    letters: Vec<Option<Letter>>,
    free: Vec<u32>,
    controller: Process<Controller, Incoming>,
    workers: Vec<Process<WorkerProcess, Command>>,
    clients: Vec<Process<Client, Tell>>,
    /// To and from each worker, then to and from each client.
    worker_paths: Vec<(Path, Path)>,
    client_paths: Vec<(Path, Path)>,
    faults: Faults,
    lost: Random,
    late: Random,
    repeated: Random,
    checker: Checker,
    tally: Tally,
    outbox: Vec<Draft>,
    cores: Cores,
    events: u64,
    /// Turns in a row at one instant, to notice a process that never rests.
    restless: u32,
}

/// What is left when everything is over.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) violations: Vec<String>,
    pub(crate) recording: Option<Recording>,
    pub(crate) events: u64,
    /// What was moved between shards.
    pub(crate) moved: Moved,
    /// CPU time of the controller.
    pub(crate) controller_busy: Span,
    /// How long everything took, in the world's time.
    pub(crate) elapsed: Span,
}

impl World {
    /// Runs until nothing is left to happen, or the observer has seen enough.
    pub(crate) fn run(mut self, observer: &mut dyn Observer) -> Outcome {
        let limit = self.tally.end() + PATIENCE;
        while let Some((at, event)) = self.agenda.pop() {
            if at > limit {
                self.checker.object(self.now, format_args!("the world does not come to rest"));
                break;
            }
            assert!(at >= self.now, "the agenda is in order");
            self.restless = if at == self.now { self.restless + 1 } else { 0 };
            self.now = at;
            self.events += 1;
            match event {
                Event::Arrive(slot) => self.arrive(slot),
                Event::Incident(index) => self.incident(index),
                Event::Return(worker) => self.bring_back(worker),
                Event::Turn(node) => self.turn(node, observer),
            }
            if self.restless > RESTLESS {
                self.checker.object(at, format_args!("{event:?} again and again at one instant"));
                break;
            }
            if self.events.is_multiple_of(GLANCE) && !observer.goes_on(at) {
                return self.outcome();
            }
        }
        self.finish()
    }

    fn finish(mut self) -> Outcome {
        for (id, worker) in (0..).map(WorkerId::new).zip(&self.workers) {
            if let Some(state) = worker.body.state() {
                self.checker.at_rest_worker(self.now, id, &state, worker.body.pending());
            }
        }
        for (id, client) in (0..).map(ClientId::new).zip(&self.clients) {
            self.checker.at_rest_client(self.now, id, client.body.unanswered());
        }
        self.checker.at_rest(self.now);
        self.outcome()
    }

    fn outcome(self) -> Outcome {
        let recorder = self.controller.body.into_recorder();
        Outcome {
            moved: recorder.decider().moved(),
            controller_busy: self.controller.cpu.busy,
            tally: self.tally,
            violations: self.checker.into_violations(),
            recording: recorder.into_recording(),
            events: self.events,
            elapsed: self.now - START,
        }
    }

    fn turn(&mut self, node: Node, observer: &mut dyn Observer) {
        let now = self.now;
        let mut outbox = std::mem::take(&mut self.outbox);
        let (checker, tally, cores) = (&mut self.checker, &mut self.tally, &mut self.cores);
        let mut turn = Turn { now, outbox: &mut outbox, checker, tally, observer };
        let taken = match node {
            Node::Controller => {
                self.controller.turn(&mut turn, cores, Controller::turn, Controller::next_wakeup)
            }
            Node::Worker(id) => self.workers[id.index()].turn(
                &mut turn,
                cores,
                WorkerProcess::turn,
                WorkerProcess::next_wakeup,
            ),
            Node::Client(id) => {
                self.clients[id.index()].turn(&mut turn, cores, Client::turn, Client::next_wakeup)
            }
        };
        let next = match taken {
            Taken::Turn { over, next } => {
                for draft in outbox.drain(..) {
                    self.send(node, over, draft);
                }
                next
            }
            Taken::PutOff { next } => next,
            Taken::Nothing => None,
        };
        if let Some(next) = next {
            self.agenda.push(next, Event::Turn(node));
        }
        self.outbox = outbox;
    }

    /// Puts a message on its way at `now`.
    fn send(&mut self, from: Node, now: Nanos, draft: Draft) {
        let Draft { letter, body, send_by } = draft;
        let result = letter.is_result();
        if result && chance(&mut self.lost, self.faults.lost_results) {
            return;
        }
        let Some(mut arrival) = self.path(from, letter.to()).send(now, body, send_by) else {
            return self.not_sent(now, &letter);
        };
        if result && chance(&mut self.late, self.faults.late_results) {
            arrival += self.faults.lateness.scale(self.late.random::<f64>());
        }
        if result && chance(&mut self.repeated, self.faults.repeated_results) {
            self.post(arrival, letter.clone());
        }
        self.post(arrival, letter);
    }

    /// The network gives an action up: its sender says so to the scheduler.
    fn not_sent(&mut self, now: Nanos, letter: &Letter) {
        let &Letter::Worker(worker, _, Command::Action(action)) = letter else {
            unreachable!("only actions have a send-by time");
        };
        let action = action.into_local(ClockOffset::SAME);
        let result = ActionResult::refused(&action, Status::SEND_LATE, now);
        self.post(now, Letter::Controller(Incoming::NotSent(worker, Box::new(result))));
    }

    fn path(&mut self, from: Node, to: Node) -> &mut Path {
        match (from, to) {
            (_, Node::Worker(id)) => &mut self.worker_paths[id.index()].0,
            (Node::Worker(id), _) => &mut self.worker_paths[id.index()].1,
            (_, Node::Client(id)) => &mut self.client_paths[id.index()].0,
            (Node::Client(id), _) => &mut self.client_paths[id.index()].1,
            (Node::Controller, Node::Controller) => unreachable!("no link leads home"),
        }
    }

    fn post(&mut self, at: Nanos, letter: Letter) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.letters.push(None);
            u32::try_from(self.letters.len() - 1).expect("fewer than 2^32 letters are on their way")
        });
        self.letters[index(slot)] = Some(letter);
        self.agenda.push(at, Event::Arrive(slot));
    }

    fn arrive(&mut self, slot: u32) {
        let letter = self.letters[index(slot)].take().expect("a letter arrives once");
        self.free.push(slot);
        let to = letter.to();
        match letter {
            Letter::Controller(incoming) => self.controller.inbox.push(incoming),
            Letter::Worker(id, session, command) => {
                let worker = &mut self.workers[id.index()];
                if !worker.body.accepts(session) {
                    return;
                }
                worker.inbox.push(command);
            }
            Letter::Client(id, tell) => self.clients[id.index()].inbox.push(tell),
        }
        self.ask(to, self.now);
    }

    /// Asks for a turn of a process.
    fn ask(&mut self, node: Node, at: Nanos) {
        let cpu = match node {
            Node::Controller => &mut self.controller.cpu,
            Node::Worker(id) => &mut self.workers[id.index()].cpu,
            Node::Client(id) => &mut self.clients[id.index()].cpu,
        };
        if let Some(turn) = cpu.ask(at) {
            self.agenda.push(turn, Event::Turn(node));
        }
    }
}

/// The start of a controller that all actions name.
pub(crate) const EPOCH: u32 = 1;

/// The instant at which a run starts: far from the beginning of time, so that differences to instants do not saturate.
pub const START: Nanos = Nanos::new(1_000_000_000_000);

/// Events between two questions to the observer whether to go on.
const GLANCE: u64 = 1 << 12;

/// How long after the clients stop the world may take to come to rest.
const PATIENCE: Span = Span::from_secs(60);

/// Events at one instant after which somebody surely spins.
const RESTLESS: u32 = 1_000_000;

fn chance(random: &mut Random, probability: f64) -> bool {
    probability > 0.0 && random.random::<f64>() < probability
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).expect("a slot fits usize")
}
