//! The worker's core: its turns.

use std::cell::RefCell;
use std::rc::Rc;

use clockwork_executor::upload::Intake;
use clockwork_executor::{Input, Inputs, Output, Worker, WorkerConfig};
use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, ClockOffset, Nanos, Span, Status,
};

use super::console::Console;
use super::gate::{Entry, Gate, busy};
use super::kept::{Kept, Outcome};
use super::resolver::{Found, Resolver};
use super::{Options, WorkerError};
use crate::clock;
use crate::foresight::Foresight;
use crate::net::{Command, Event, Hub, LinkId, Part, Peer, Report, Settings, WorkerSide};
use crate::rt::{self, Listener, TurnBell};
use crate::shutdown::Shutdown;

/// Everything that one core of a worker owns.
struct Core {
    /// Dropped before the devices that it prepares models for.
    resolver: Resolver,
    worker: Worker,
    hub: Hub<WorkerSide>,
    gate: Rc<RefCell<Gate>>,
    kept: Kept,
    console: Console,
    /// When devices will be done.
    foresight: Foresight<ActionId>,
}

/// Serves controllers until `shutdown`; what is slow runs on the CPUs `aside`.
pub(super) async fn serve(
    options: Options,
    aside: Vec<usize>,
    shutdown: Shutdown,
) -> Result<(), WorkerError> {
    let bell = TurnBell::new();
    let listener = Listener::adopt(options.listener).map_err(WorkerError::Listener)?;
    let network = &options.config.network;
    let mut devices = (options.devices)(bell.foreign().ringer()).map_err(WorkerError::Devices)?;
    let ahead = devices.iter_mut().filter_map(|device| device.ahead()).collect();
    let mut console = Console::new(options.console, options.config.worker.report_interval);
    devices.iter().flat_map(|device| device.notes()).for_each(|note| console.note(note));
    let intake = intake(&options.config.worker);
    let resolver = Resolver::start(options.catalogue, intake, ahead, aside, bell.foreign());
    let mut core = Core {
        worker: Worker::new(rules(&options.config.executor), devices),
        hub: Hub::new(bell.local(), Settings::from(network)),
        gate: Rc::new(RefCell::new(Gate::new(&network.token))),
        kept: Kept::new(count(options.config.worker.results_kept)),
        resolver: resolver.map_err(WorkerError::Resolver)?,
        console,
        foresight: Foresight::new(rt::margin()),
    };
    core.console.listening(listener.address());
    let gate = Rc::clone(&core.gate);
    let accepting =
        core.hub.accept(listener, move |hello, address| gate.borrow().admit(hello, address));
    let (wish, wake) = (shutdown.wait(), bell.local());
    let watching = rt::spawn(async move {
        wish.await;
        wake.notify();
    });
    while !shutdown.is_wanted() {
        let foreseen = core.foresight.next(clock::now());
        bell.wait_foreseeing(core.next_wakeup(), foreseen).await;
        core.turn(clock::now());
    }
    accepting.cancel().await;
    watching.cancel().await;
    core.stop(&bell).await;
    Ok(())
}

impl Core {
    /// One turn: everything that has arrived, everything that is due, one write.
    fn turn(&mut self, now: Nanos) {
        while let Some(event) = self.hub.next() {
            self.take_in(now, event);
        }
        if let Some(acknowledged) = self.holder().and_then(|link| self.hub.acknowledged(link)) {
            self.kept.acknowledge(acknowledged);
        }
        while let Some(found) = self.resolver.next() {
            self.found(now, found);
        }
        while let Some(output) = self.worker.poll(now) {
            self.give_out(now, output);
        }
        self.summarise(now);
        self.hub.flush();
        for (id, at) in self.worker.foreseen() {
            self.foresight.await_one(id, at);
        }
    }

    fn found(&mut self, now: Nanos, found: Found) {
        match found {
            Found::Model(id, source) => self.worker.handle(now, Input::Resolved { id, source }),
            // A controller that lost its connection counts its uploads as failed: nobody waits.
            Found::Uploaded(uploaded) => {
                if let Some(link) = self.holder() {
                    self.hub.send(link, Report::Uploaded(uploaded));
                }
            }
        }
    }

    fn take_in(&mut self, now: Nanos, event: Event<Command<Inputs>>) {
        match event {
            Event::Up { link, peer } => self.come(now, link, &peer),
            Event::Heard { link, message, .. } if self.holder() == Some(link) => {
                self.obey(now, link, message);
            }
            // From a controller that has been replaced meanwhile; outputs have no time limit.
            Event::Heard { .. } | Event::Dropped { .. } => {}
            Event::Down { link, .. } => {
                if self.gate.borrow_mut().leave(link) {
                    self.console.controller_left();
                    self.resolver.drop_uploads();
                }
            }
        }
    }

    fn come(&mut self, now: Nanos, link: LinkId, peer: &Peer) {
        let entry = self.gate.borrow_mut().enter(link, peer);
        match entry {
            Entry::Busy(holder) => return self.hub.close(link, busy(holder)),
            Entry::Replaces(old) => self.hub.close(old, "its controller has connected anew"),
            Entry::Granted => {}
        }
        self.resolver.drop_uploads();
        self.console.controller_came(self.worker.counters());
        if self.kept.is_new(peer.hello.session) {
            self.worker.handle(now, Input::NewController);
        }
        for outcome in self.kept.resume(peer.hello.session, peer.hello.last_applied) {
            self.send_result(outcome);
        }
    }

    fn obey(&mut self, now: Nanos, link: LinkId, command: Command<Inputs>) {
        match command {
            Command::LoadModel(load) => {
                self.console.load_received(&load);
                self.worker.handle(now, Input::LoadModel(load));
            }
            Command::Action { action, inputs } => self.act(now, action, inputs),
            Command::UnloadModel(unload) => {
                self.worker.handle(now, Input::UnloadModel(unload));
            }
            Command::Upload(upload) => self.resolver.upload(upload),
            Command::Cancel(id) => self.worker.handle(now, Input::Cancel { id }),
            Command::Query(query) => self.tell_state(now, link, query),
        }
    }

    fn act(&mut self, now: Nanos, action: Action, inputs: Inputs) {
        let announced = inputs.sizes.iter().any(|size| *size > 0);
        if matches!(action.kind, ActionKind::Infer { .. }) {
            self.console.infer_received(announced);
        }
        if announced && inputs.body.is_empty() {
            // The controller gave up sending the inputs, because it was too late for them.
            let result = ActionResult::refused(&action, Status::SEND_LATE, now);
            return self.send_result(Outcome::Action(result, Part::empty()));
        }
        self.worker.handle(now, Input::Action { action, inputs });
    }

    fn tell_state(&mut self, now: Nanos, link: LinkId, query: ActionId) {
        let state = self.worker.introduce();
        self.console.queried(now, query, &state);
        self.hub.send(link, Report::State { query, state });
    }

    fn give_out(&mut self, now: Nanos, output: Output) {
        match output {
            Output::Result { result, output } => {
                self.foresight.came(&result.id, now);
                self.send_result(Outcome::Action(result, output));
            }
            Output::ModelLoaded(loaded) => {
                self.console.load_done(&loaded);
                self.send_result(Outcome::Model(loaded));
            }
            Output::ModelUnloaded(unloaded) => self.send_result(Outcome::Unloaded(unloaded)),
            Output::Resolve { id, name, copies, wanted } => {
                self.resolver.ask(id, name, copies, wanted);
            }
            Output::CancelReply { id, cancelled } => {
                if let Some(link) = self.holder() {
                    self.hub.send(link, Report::CancelReply { id, cancelled });
                }
            }
        }
    }

    /// Sends a result to whoever holds the worker, and keeps it until it is acknowledged.
    fn send_result(&mut self, outcome: Outcome) {
        let frame = self.holder().and_then(|link| self.hub.send(link, outcome.clone().into()));
        self.kept.keep(frame, outcome);
    }

    fn summarise(&mut self, now: Nanos) {
        let skew = self.holder().and_then(|link| self.hub.skew(link));
        let offset = skew.and_then(|skew| skew.offset()).unwrap_or(ClockOffset::SAME);
        self.console.summarise(now, self.worker.counters(), offset);
    }

    fn holder(&self) -> Option<LinkId> {
        self.gate.borrow().holder()
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        [self.worker.next_wakeup(), self.console.next_summary()].into_iter().flatten().min()
    }

    /// Lets what is under way end, cancels what waits, and sends the results.
    async fn stop(mut self, bell: &TurnBell) {
        self.gate.borrow_mut().close();
        let until = clock::now() + STOP_WITHIN;
        self.worker.shutdown(clock::now());
        self.turn(clock::now());
        while self.worker.counters().pending() > 0 && clock::now() < until {
            bell.wait(Some(self.next_wakeup().map_or(until, |at| at.min(until)))).await;
            self.turn(clock::now());
        }
        self.hub.shutdown(STOP_WITHIN).await;
    }
}

/// Takes in uploaded models as the configuration says.
fn intake(config: &clockwork_config::WorkerConfig) -> impl FnOnce() -> Intake + Send + 'static {
    let (folder, limit) = (config.model_dir.clone(), config.upload_max);
    move || Intake::new((!folder.is_empty()).then(|| folder.into()), limit)
}

/// What the configuration allows a worker.
fn rules(config: &clockwork_config::ExecutorConfig) -> WorkerConfig {
    WorkerConfig {
        host_io_pool: config.host_io_pool_size,
        allow_zero_size_inputs: config.allow_zero_size_inputs,
        queue_max: count(config.max_actions),
        models_max: count(config.max_models),
    }
}

fn count(count: u32) -> usize {
    usize::try_from(count).expect("a count fits the address space")
}

/// How long a worker that was asked to end waits for its devices, and then for its controller to
/// take the results.
const STOP_WITHIN: Span = Span::from_secs(2);
