//! Drives the controller's machine on one core: sockets, clock, logs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use clockwork_config::{Config, SchedulerKind};
use clockwork_wire::codec::BodyId;
use clockwork_wire::{ClientId, Credits, Hello, Nanos, Role, SessionId, Span, WorkerId};

use super::machine::{self, Controller};
use super::message::{Input, Output};
use super::workers::Dialler;
use crate::clock;
use crate::net::{ControllerSide, Event, Hub, LinkId, ServiceSide, Settings, hello};
use crate::rt::{self, ListenError, Listener, Task, TurnBell};
use crate::shutdown::Shutdown;
use crate::telemetry::describe::SchedulerText;
use crate::telemetry::{Carried, LogDir, LogError, LogFiles, Recorder, Telemetry};

/// What a controller serves with.
#[derive(Debug)]
pub struct ServeOptions {
    /// The configuration, checked.
    pub config: Config,
    /// The workers as the command line names them, each `host:port`.
    pub workers: Vec<String>,
    /// What ends it.
    pub shutdown: Shutdown,
    /// Told of the port that clients may use, once it is open.
    pub listening: Option<std::sync::mpsc::Sender<SocketAddr>>,
}

/// Why a controller cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A worker's address cannot be understood or found.
    #[error("worker `{worker}` is no `host:port` that can be reached: {source}")]
    Worker {
        /// The address as it was given.
        worker: String,
        /// Why.
        source: io::Error,
    },
    /// No worker was named.
    #[error("no worker was named: give at least one `host:port`")]
    NoWorkers,
    /// The address to listen on makes no sense.
    #[error("controller.address `{address}` is no IP address: {source}")]
    Address {
        /// The address as it was given.
        address: String,
        /// Why.
        source: std::net::AddrParseError,
    },
    /// The port for clients cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system refuses something else.
    #[error("the controller cannot start: {0}")]
    Io(#[from] io::Error),
}

/// Serves until it is shut down. `tell` shows lines to people; `summary` gets the interval summary.
///
/// # Errors
/// If an address, a port or a log is unusable. Once it serves it does not fail.
pub async fn serve(
    options: ServeOptions,
    mut tell: impl FnMut(&str) + 'static,
    summary: Box<dyn Write + Send>,
) -> Result<(), ServeError> {
    tell("Starting Clockwork Controller");
    let workers = resolve(&options.workers)?;
    let (telemetry, recorder) = open_logs(&options.config, &mut tell, summary)?;
    tell(&SchedulerText(&options.config.scheduler).to_string());
    if options.config.scheduler.kind == SchedulerKind::Infer4 {
        tell("INFER4 is served by the INFER5 scheduler");
    }
    let listener = open_port(&options.config)?;
    tell(&format!("IO service thread listening for clients on {}", listener.address()));
    if let Some(listening) = &options.listening {
        // Whoever wanted to know may be gone; that is its own affair.
        let _ = listening.send(listener.address());
    }
    let mut serving = Serving::start(&options, workers, listener, recorder, Box::new(tell));
    serving.run(&options.shutdown).await;
    serving.stop().await;
    let totals = telemetry.finish();
    if totals.dropped > 0 {
        tracing::warn!(dropped = totals.dropped, "records are missing from the logs");
    }
    Ok(())
}

fn resolve(workers: &[String]) -> Result<Vec<SocketAddr>, ServeError> {
    if workers.is_empty() {
        return Err(ServeError::NoWorkers);
    }
    let one = |worker: &String| {
        let failed = |source| ServeError::Worker { worker: worker.clone(), source };
        let mut found = std::net::ToSocketAddrs::to_socket_addrs(worker).map_err(failed)?;
        found.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    };
    workers.iter().map(one).collect()
}

fn open_logs(
    config: &Config,
    tell: &mut impl FnMut(&str),
    summary: Box<dyn Write + Send>,
) -> Result<(Telemetry, Recorder), ServeError> {
    let dir = LogDir::choose(&config.log)?;
    if dir.is_created() {
        tell(&format!("Created {} for the logs", dir.path().display()));
    }
    let files = LogFiles::create(&dir)?;
    tell(&format!("Logging requests to {}", files.request_path().display()));
    tell(&format!("Logging actions to {}", files.action_path().display()));
    let (telemetry, mut recorders) = Telemetry::start(crate::telemetry::Options {
        logs: Some(files),
        cores: 1,
        capacity: usize::try_from(config.log.ring).expect("a ring's size fits usize"),
        interval: config.controller.report_interval,
        clock: clock::now,
        console: summary,
    })?;
    Ok((telemetry, recorders.pop().expect("one core has one recorder")))
}

fn open_port(config: &Config) -> Result<Listener, ServeError> {
    let text = &config.controller.address;
    let address =
        text.parse().map_err(|source| ServeError::Address { address: text.clone(), source })?;
    Ok(Listener::adopt(rt::listen(SocketAddr::new(address, config.controller.port))?)?)
}

/// A controller at work.
struct Serving {
    machine: Controller,
    bell: TurnBell,
    clients: Hub<ServiceSide>,
    client_links: Links<ClientId>,
    workers: Hub<ControllerSide>,
    worker_links: Links<WorkerId>,
    dialler: Rc<Dialler>,
    recorder: Recorder,
    tell: Box<dyn FnMut(&str)>,
    clients_seen: u32,
    tasks: Vec<Task<()>>,
}

impl Serving {
    fn start(
        options: &ServeOptions,
        workers: Vec<SocketAddr>,
        listener: Listener,
        recorder: Recorder,
        tell: Box<dyn FnMut(&str)>,
    ) -> Self {
        let config = &options.config;
        let bell = TurnBell::new();
        let settings = Settings::from(&config.network);
        let epoch = epoch(clock::now());
        let credits = Credits {
            requests: config.network.credit_requests,
            bytes: config.network.credit_bytes,
        };
        let machine = Controller::new(machine::Options {
            scheduler: config.scheduler.clone(),
            controller: config.controller.clone(),
            workers: workers.len(),
            epoch,
            credits,
        });
        let clients = Hub::new(bell.local(), settings.clone());
        let token = config.network.token.clone();
        let greeting = Hello { epoch, credits, ..hello(Role::Controller) };
        let accepting = clients.accept(listener, admit(token.clone(), greeting));
        let hubs = Hub::new(bell.local(), settings);
        let session = SessionId::new(clock::now().get());
        let greeting = Hello { epoch, session, token, ..hello(Role::Controller) };
        let dialler = Rc::new(Dialler::new(hubs.clone(), workers, greeting, bell.local()));
        let tasks = dialler.start().into_iter().chain([accepting]).collect();
        Self {
            machine,
            bell,
            clients,
            client_links: Links::default(),
            workers: hubs,
            worker_links: Links::default(),
            dialler,
            recorder,
            tell,
            clients_seen: 0,
            tasks,
        }
    }

    /// Makes turns until the process is to end and, as far as patience goes, all is answered.
    async fn run(&mut self, shutdown: &Shutdown) {
        let bell = self.bell.local();
        let wish = shutdown.clone();
        self.tasks.push(rt::spawn(async move {
            wish.wait().await;
            bell.notify();
        }));
        let mut give_up = None;
        loop {
            self.turn(clock::now());
            if shutdown.is_wanted() {
                let now = clock::now();
                let until = *give_up.get_or_insert_with(|| {
                    self.announce_end(shutdown);
                    now + DRAIN
                });
                if self.machine.unanswered() == 0 || now >= until {
                    return;
                }
            }
            let due = self.machine.next_wakeup();
            let wake = [due, give_up].into_iter().flatten().min();
            self.bell.wait(wake).await;
            // After a pause of the machine the timer and the sockets are due at once: what has
            // arrived is read first, so that no result in hand counts as lost.
            rt::yield_now().await;
        }
    }

    fn announce_end(&mut self, shutdown: &Shutdown) {
        if let Some(signal) = shutdown.signal() {
            (self.tell)(&format!("Interrupt signal ({signal}) received."));
        }
        self.machine.drain();
    }

    /// One turn: everything that arrived goes in, everything that is decided comes out, and every
    /// link is written once.
    fn turn(&mut self, now: Nanos) {
        while let Some(line) = self.dialler.news() {
            (self.tell)(&line);
        }
        while let Some(event) = self.workers.next() {
            self.worker_event(now, event);
        }
        while let Some(event) = self.clients.next() {
            self.client_event(now, event);
        }
        while let Some(output) = self.machine.poll(now) {
            self.carry_out(output);
        }
        self.workers.flush();
        self.clients.flush();
        self.recorder.traffic(Carried::from(&self.workers.counters()));
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Answer(client, answer) => {
                if let Some(link) = self.client_links.link(client) {
                    self.clients.send(link, answer);
                }
            }
            Output::Command(worker, command) => {
                if let Some(link) = self.worker_links.link(worker) {
                    self.workers.send(link, command);
                }
            }
            Output::Print(line) => (self.tell)(&line),
            Output::Request(record) => self.recorder.request(record),
            Output::Action(row) => self.recorder.action(row),
        }
    }

    fn worker_event(
        &mut self,
        now: Nanos,
        event: Event<crate::net::Report<clockwork_wire::Payload>>,
    ) {
        match event {
            Event::Up { link, peer } => {
                if let Some(worker) = self.dialler.worker_at(peer.address) {
                    self.worker_links.insert(link, worker);
                    self.machine.handle(now, Input::WorkerUp(worker));
                }
            }
            Event::Heard { link, message, received } => {
                if let Some(worker) = self.worker_links.owner(link) {
                    let input = Input::Report { worker, report: message, received };
                    self.machine.handle(now, input);
                }
            }
            Event::Dropped { link, id } => {
                let worker = self.worker_links.owner(link);
                if let (Some(worker), BodyId::Action(id)) = (worker, id) {
                    self.machine.handle(now, Input::Unsent(worker, id));
                }
            }
            Event::Down { link, reason, last_applied } => {
                if let Some(worker) = self.worker_links.remove(link) {
                    let address = self.dialler.address(worker);
                    (self.tell)(&format!("Lost worker {address}: {reason}; reconnecting"));
                    self.machine.handle(now, Input::WorkerDown(worker));
                    self.dialler.redial(worker, last_applied);
                }
            }
        }
    }

    fn client_event(&mut self, now: Nanos, event: Event<crate::net::Ask<clockwork_wire::Payload>>) {
        match event {
            Event::Up { link, .. } => {
                let client = ClientId::new(self.clients_seen);
                self.clients_seen = self.clients_seen.wrapping_add(1);
                self.client_links.insert(link, client);
                self.machine.handle(now, Input::ClientUp(client));
            }
            Event::Heard { link, message: ask, received } => {
                if let Some(client) = self.client_links.owner(link) {
                    self.machine.handle(now, Input::Ask { client, ask, received });
                }
            }
            Event::Dropped { .. } => {}
            Event::Down { link, .. } => {
                if let Some(client) = self.client_links.remove(link) {
                    self.machine.handle(now, Input::ClientDown(client));
                }
            }
        }
    }

    /// Says goodbye: what was decided is written, then everything closes.
    async fn stop(mut self) {
        (self.tell)("Clockwork Controller Exiting");
        for task in self.tasks {
            task.cancel().await;
        }
        self.clients.shutdown(DRAIN).await;
        self.workers.shutdown(DRAIN).await;
    }
}

/// Decides on clients: the token must be right.
fn admit(
    token: String,
    greeting: Hello,
) -> impl FnMut(&Hello, SocketAddr) -> Result<Hello, String> {
    move |theirs, _| {
        if theirs.token != token {
            return Err("the token is wrong: set network.token to the controller's".into());
        }
        Ok(Hello { session: theirs.session, ..greeting.clone() })
    }
}

/// This start of the controller: seconds since the Unix epoch, so that a later start has a higher one.
fn epoch(now: Nanos) -> u32 {
    u32::try_from(now.get() / Span::from_secs(1).get()).unwrap_or(u32::MAX)
}

/// Which link belongs to whom.
#[derive(Debug)]
struct Links<T> {
    by_link: BTreeMap<LinkId, T>,
    by_owner: BTreeMap<T, LinkId>,
}

impl<T: Copy + Ord> Links<T> {
    fn insert(&mut self, link: LinkId, owner: T) {
        self.by_link.insert(link, owner);
        self.by_owner.insert(owner, link);
    }

    fn remove(&mut self, link: LinkId) -> Option<T> {
        let owner = self.by_link.remove(&link)?;
        if self.by_owner.get(&owner) == Some(&link) {
            self.by_owner.remove(&owner);
        }
        Some(owner)
    }

    fn owner(&self, link: LinkId) -> Option<T> {
        self.by_link.get(&link).copied()
    }

    fn link(&self, owner: T) -> Option<LinkId> {
        self.by_owner.get(&owner).copied()
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Self { by_link: BTreeMap::new(), by_owner: BTreeMap::new() }
    }
}

/// How long requests may take to be answered, and frames to be written, at the end.
const DRAIN: Span = Span::from_millis(500);
