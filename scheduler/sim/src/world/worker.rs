//! A worker's process: the executor's worker over emulated devices, and its connection.

use clockwork_executor::emulated::{Deviation, Emulated};
use clockwork_executor::{Device, Fault, Input, Inputs, ModelSource, Output, Worker, WorkerConfig};
use clockwork_wire::{
    Action, ActionKind, ActionResult, Foreign, GpuId, ModelId, ModelLoaded, Nanos, Payload,
    WorkerId, WorkerState,
};

use super::Turn;
use super::clock::Clock;
use super::letter::{Command, Draft, Incoming, Letter, Report};
use crate::scenario::WorkerSetup;
use crate::streams::{Purpose, Streams};

/// A worker.
#[derive(Debug)]
pub(crate) struct WorkerProcess {
    id: WorkerId,
    setup: WorkerSetup,
    streams: Streams,
    pub(crate) clock: Clock,
    worker: Worker,
    /// How often the process has been started.
    starts: usize,
    alive: bool,
    connection: Connection,
    /// Connections so far.
    sessions: u32,
    payloads: bool,
    /// Bytes of one input and of one output, by model.
    sizes: Vec<[u32; 2]>,
    /// What all inputs are views of.
    zeros: Payload,
    /// The last outage ends here; earlier ends of overlapping outages mean nothing.
    back_at: Nanos,
}

impl WorkerProcess {
    /// A process that has not started yet.
    pub(crate) fn new(id: WorkerId, setup: WorkerSetup, streams: Streams, payloads: bool) -> Self {
        let clock = Clock::new(setup.skew, &mut streams.stream(Purpose::Clock, id.index()));
        let worker = build(id, &setup, streams, 0);
        Self {
            id,
            setup,
            streams,
            clock,
            worker,
            starts: 1,
            alive: false,
            connection: Connection::Closed,
            sessions: 0,
            payloads,
            sizes: Vec::new(),
            zeros: Payload::EMPTY,
            back_at: Nanos::ZERO,
        }
    }

    /// Whether a letter of this connection reaches it.
    pub(crate) fn accepts(&self, session: u32) -> bool {
        self.alive && self.connection == Connection::Open(session)
    }

    /// Takes everything in that has been received, then reports everything that is over.
    pub(crate) fn turn(&mut self, letters: &mut Vec<Command>, turn: &mut Turn<'_>) {
        if !self.alive {
            letters.clear();
            return;
        }
        let local = self.clock.read(turn.now);
        for letter in letters.drain(..) {
            self.receive(local, letter, turn);
        }
        while let Some(output) = self.worker.poll(local) {
            self.say(local, output, turn);
        }
        if turn.checker.watches() {
            self.show_free_pages(turn);
        }
        if self.connection == Connection::Greeting && self.worker.counters().pending() == 0 {
            self.greet(turn);
        }
    }

    /// When, in the world's time, the worker wants to be asked again.
    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        let local = self.worker.next_wakeup().filter(|_| self.alive)?;
        Some(self.clock.world(local))
    }

    /// The process starts, or its connection can be made again.
    pub(crate) fn start(&mut self, now: Nanos) {
        if now >= self.back_at {
            self.alive = true;
            if self.connection == Connection::Closed {
                self.connection = Connection::Greeting;
            }
        }
    }

    /// The process dies; everything in it is lost. Returns the session that ends with it.
    pub(crate) fn crash(&mut self, back_at: Nanos) -> Option<u32> {
        self.alive = false;
        self.worker = build(self.id, &self.setup, self.streams, self.starts);
        self.starts += 1;
        self.disconnect(back_at)
    }

    /// The connection breaks. Returns its session, if there was one.
    pub(crate) fn disconnect(&mut self, back_at: Nanos) -> Option<u32> {
        self.back_at = self.back_at.max(back_at);
        match std::mem::replace(&mut self.connection, Connection::Closed) {
            Connection::Open(session) => Some(session),
            Connection::Closed | Connection::Greeting => None,
        }
    }

    /// Makes a device misbehave.
    pub(crate) fn inject(&mut self, now: Nanos, gpu: GpuId, fault: Fault) {
        if self.alive {
            self.worker.inject(self.clock.read(now), gpu, fault);
        }
    }

    /// What the worker says of itself, if it runs.
    pub(crate) fn state(&self) -> Option<WorkerState> {
        self.alive.then(|| self.worker.state())
    }

    /// Actions that owe a result.
    pub(crate) const fn pending(&self) -> u64 {
        self.worker.counters().pending()
    }

    fn show_free_pages(&self, turn: &mut Turn<'_>) {
        for index in 0..self.setup.devices.len() {
            let gpu = GpuId::from_index(index);
            let free = self.worker.free_pages(gpu).expect("the device exists");
            turn.checker.free_pages(self.id, gpu, free);
        }
    }

    fn receive(&mut self, local: Nanos, command: Command, turn: &mut Turn<'_>) {
        let input = match command {
            Command::Action(action) => {
                let action = action.into_local(self.clock.controller_seen);
                turn.checker.action_arrives(self.id, &action);
                let inputs = self.inputs(&action);
                Input::Action { action, inputs }
            }
            Command::LoadModel(load) => Input::LoadModel(*load),
        };
        self.worker.handle(local, input);
    }

    fn say(&mut self, local: Nanos, output: Output, turn: &mut Turn<'_>) {
        let (body, report) = match output {
            Output::Result { result, .. } => {
                turn.checker.result_leaves(self.id, &result, self.clock);
                turn.tally.result(self.id, &result, self.clock);
                (self.body(&result), Report::Result(Box::new(Foreign::new(result))))
            }
            Output::Resolve { id, name, .. } => {
                let found = self.setup.catalogue.get(&name).cloned();
                let source = found
                    .map(ModelSource::Profile)
                    .ok_or_else(|| format!("no model `{name}` in the scenario").into());
                self.worker.handle(local, Input::Resolved { id, source });
                return;
            }
            Output::ModelLoaded(loaded) => {
                self.note_sizes(&loaded);
                (0, Report::ModelLoaded(Box::new(loaded)))
            }
            // No scenario cancels or unloads.
            Output::CancelReply { .. } | Output::ModelUnloaded(_) => return,
        };
        if let Connection::Open(session) = self.connection {
            let letter = Letter::Controller(Incoming::Reported(self.id, session, report));
            turn.send(Draft::with_body(letter, body));
        }
    }

    fn greet(&mut self, turn: &mut Turn<'_>) {
        self.sessions += 1;
        self.connection = Connection::Open(self.sessions);
        let hello = Report::Connected(Box::new(self.worker.introduce()));
        let letter = Letter::Controller(Incoming::Reported(self.id, self.sessions, hello));
        turn.send(letter.into());
    }

    fn note_sizes(&mut self, loaded: &ModelLoaded) {
        let Some(profile) = &loaded.profile else { return };
        let end =
            loaded.model.index() + usize::try_from(loaded.copies).expect("a count fits usize");
        if self.sizes.len() < end {
            self.sizes.resize(end, [0; 2]);
        }
        self.sizes[loaded.model.index()..end].fill([profile.input_size, profile.output_size]);
    }

    /// Bytes of one input and of one output of a model.
    fn sizes(&self, model: ModelId) -> [u32; 2] {
        self.sizes.get(model.index()).copied().unwrap_or_default()
    }

    /// What came with an action.
    fn inputs(&mut self, action: &Action) -> Inputs {
        let ActionKind::Infer { batch } = action.kind else { return Inputs::default() };
        let [size, _] = self.sizes(action.model);
        if !self.payloads || size == 0 {
            return Inputs::default();
        }
        let len = usize::try_from(size).expect("an input fits memory") * batch.count();
        if self.zeros.len() < len {
            self.zeros = Payload::new(vec![0; len]);
        }
        let body = self.zeros.slice(0..len).expect("there are as many");
        Inputs { body, sizes: vec![size; batch.count()], ..Inputs::default() }
    }

    /// Bytes that travel with a result.
    fn body(&self, result: &ActionResult) -> u64 {
        let ActionKind::Infer { batch } = result.kind else { return 0 };
        if !self.payloads || !result.status.is_ok() {
            return 0;
        }
        let [_, size] = self.sizes(result.model);
        u64::from(size) * u64::from(batch.get())
    }
}

/// The connection to the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    /// There is none, and none can be made.
    Closed,
    /// It says hello as soon as it owes nothing: only then does its state tell everything.
    Greeting,
    /// The one with this number.
    Open(u32),
}

fn build(id: WorkerId, setup: &WorkerSetup, streams: Streams, starts: usize) -> Worker {
    let device = |(index, device): (usize, &crate::scenario::DeviceSetup)| {
        let salt = (id.index() << 32) | (index << 16) | starts;
        let seed = streams.seed(Purpose::Device, salt);
        let deviation = Deviation { seed, ..device.deviation };
        let device: Box<dyn Device> = Box::new(Emulated::deviating(device.spec.clone(), deviation));
        device
    };
    let devices = setup.devices.iter().enumerate().map(device).collect();
    Worker::new(WorkerConfig::default(), devices)
}
