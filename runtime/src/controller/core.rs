//! One core of the controller at work.
//!
//! A controller of one core hands what arrives to its machine, and what the machine decides to its
//! links. With many cores the machine of a message, or the link, may be another core's; then the
//! message crosses by [`Exchange`].

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use clockwork_config::{ControllerConfig, NetworkConfig, SchedulerConfig};
use clockwork_scheduler::shard::ShardIndex;
use clockwork_wire::{ActionId, ClientId, Credits, Hello, Nanos, Role, SessionId, Span, WorkerId};

use super::credit::Credit;
use super::ending::Ending;
use super::exchange::{Exchange, Letter, Sent};
use super::layout::Layout;
use super::links::Links;
use super::machine::{self, Controller};
use super::router::Router;
use super::workers::Dialler;
use crate::clock;
use crate::foresight::Foresight;
use crate::net::{self, ControllerSide, Hub, LinkId, ServiceSide, Settings, hello};
use crate::rt::{self, Doorbell, Listener, Task, TurnBell};
use crate::telemetry::{Carried, Recorder};

/// Shows lines to people.
pub(super) type Tell = Box<dyn FnMut(&str)>;

/// What all cores of a controller are told alike.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) layout: Layout,
    pub(super) scheduler: SchedulerConfig,
    pub(super) controller: ControllerConfig,
    pub(super) network: NetworkConfig,
    pub(super) workers: Vec<SocketAddr>,
    /// This start of the controller: higher than any earlier one.
    pub(super) epoch: u32,
    pub(super) session: SessionId,
}

/// What one core begins with; it crosses to the core's thread.
#[derive(Debug)]
pub(super) struct Start {
    /// The core's number.
    pub(super) number: usize,
    pub(super) setting: Arc<Setting>,
    pub(super) exchange: Exchange,
    pub(super) bell: Doorbell,
    pub(super) ending: Ending,
    pub(super) recorder: Recorder,
    /// The door for clients, on the first core with links.
    pub(super) listener: Option<TcpListener>,
}

/// A core at work.
pub(super) struct Core {
    pub(super) number: usize,
    pub(super) setting: Arc<Setting>,
    /// On a core with a shard.
    pub(super) machine: Option<Controller>,
    pub(super) router: Router,
    pub(super) exchange: Exchange,
    /// Requests that came before the news that their senders had heard.
    pub(super) early: VecDeque<Sent>,
    /// The link of each worker that commands are to name; on a core with a shard.
    pub(super) lines: Vec<Option<LinkId>>,
    /// Where each worker's link is.
    pub(super) worker_cores: Vec<usize>,
    pub(super) clients: Hub<ServiceSide>,
    pub(super) client_links: Links<ClientId>,
    pub(super) clients_seen: u32,
    pub(super) credit: Credit,
    pub(super) workers: Hub<ControllerSide>,
    pub(super) worker_links: Links<WorkerId>,
    pub(super) dialler: Rc<Dialler>,
    pub(super) recorder: Recorder,
    /// When the workers whose links are here will have carried out what they were sent.
    pub(super) foresight: Foresight<ActionId>,
    /// Shows lines to people; on the first core.
    pub(super) tell: Option<Tell>,
    bell: TurnBell,
    ending: Ending,
    tasks: Vec<Task<()>>,
    /// New connections for other cores, and for this one.
    arrivals: Arrivals,
}

/// Connections that have said hello, with the core that each is for.
type Arrivals = Rc<RefCell<VecDeque<(usize, net::Arrival)>>>;

/// Runs a core until the process is to end and, as far as patience goes, all is answered. `tell`
/// shows lines to people, on the first core.
///
/// # Errors
/// If the listener cannot be used.
pub(super) async fn run(start: Start, tell: Option<Tell>) -> io::Result<()> {
    let mut core = Core::start(start, tell)?;
    core.serve().await;
    core.stop().await;
    Ok(())
}

impl Core {
    fn start(start: Start, tell: Option<Tell>) -> io::Result<Self> {
        let Start { number, setting, exchange, bell, ending, recorder, listener } = start;
        let bell = TurnBell::rung_by(bell);
        let settings = Settings::from(&setting.network);
        let workers = Hub::new(bell.local(), settings.clone());
        let greeting = Hello {
            epoch: setting.epoch,
            session: setting.session,
            token: setting.network.token.clone(),
            ..hello(Role::Controller)
        };
        let addresses = setting.workers.clone();
        let layout = setting.layout;
        let mut core = Self {
            number,
            machine: layout
                .shard(number)
                .map(|shard| Controller::new(setting.machine(shard, recorder.is_wanted()))),
            router: Router::new(layout, number),
            exchange,
            early: VecDeque::new(),
            lines: vec![None; addresses.len()],
            worker_cores: layout.of_workers(addresses.len()),
            clients: Hub::new(bell.local(), settings),
            client_links: Links::default(),
            clients_seen: 0,
            credit: Credit::new(setting.network.credit_delay, setting.network.credit_requests),
            dialler: Rc::new(Dialler::new(workers.clone(), addresses, greeting, bell.local())),
            workers,
            worker_links: Links::default(),
            recorder,
            foresight: Foresight::new(rt::margin()),
            tell,
            bell,
            ending,
            tasks: Vec::new(),
            arrivals: Rc::default(),
            setting,
        };
        core.tasks = core.dialler.start(|at| core.worker_cores[at] == number);
        if let Some(listener) = listener {
            let accepting = core.accept(Listener::adopt(listener)?);
            core.tasks.push(accepting);
        }
        Ok(core)
    }

    /// Opens the door: for itself, or for all cores with links.
    fn accept(&self, listener: Listener) -> Task<()> {
        let doors = self.setting.layout.doors();
        if doors.len() == 1 {
            return self.clients.accept(listener, self.setting.admit(0));
        }
        let settings = Settings::from(&self.setting.network);
        let (arrivals, bell) = (Rc::clone(&self.arrivals), self.bell.local());
        net::attend(listener, settings, doors.len(), move |door, arrival| {
            arrivals.borrow_mut().push_back((doors.start + door, arrival));
            bell.notify();
        })
    }

    async fn serve(&mut self) {
        let bell = self.bell.local();
        let wish = self.ending.shutdown().wait();
        self.tasks.push(rt::spawn(async move {
            wish.await;
            bell.notify();
        }));
        let mut give_up = None;
        loop {
            // What other cores posted before it was over is delivered in a last turn.
            let over = self.ending.is_over();
            self.turn();
            if self.ending.shutdown().is_wanted() {
                let until = *give_up.get_or_insert_with(|| self.begin_end());
                if over || clock::now() >= until {
                    return;
                }
                if self.is_done() {
                    self.ending.done();
                    if self.ending.is_over() {
                        continue;
                    }
                }
            }
            let due = self.machine.as_ref().and_then(Controller::next_wakeup);
            let flush = self.exchange.next_flush();
            let until = [due, give_up, flush].into_iter().flatten().min();
            self.bell.wait_foreseeing(until, self.foresight.next(clock::now())).await;
            // After a pause of the machine the timer and the sockets are due at once: what has
            // arrived is read first, so that no result in hand counts as lost.
            rt::yield_now().await;
        }
    }

    /// Refuses what comes from now on; gives the time until which the rest may be answered.
    fn begin_end(&mut self) -> Nanos {
        if let Some(signal) = self.ending.shutdown().signal()
            && let Some(tell) = &mut self.tell
        {
            tell(&format!("Interrupt signal ({signal}) received."));
        }
        if let Some(machine) = &mut self.machine {
            machine.drain();
        }
        clock::now() + DRAIN
    }

    /// Whether everything that was accepted is answered, and the answers are on their way.
    fn is_done(&self) -> bool {
        self.machine.as_ref().is_none_or(|machine| machine.unanswered() == 0)
            && self.early.is_empty()
            && self.exchange.is_flushed()
    }

    /// One turn: everything that arrived goes in, everything that is decided comes out, other cores
    /// are woken once, and every link is written once.
    fn turn(&mut self) {
        self.exchange.mark();
        let now = clock::now();
        self.take_in(now);
        while let Some(output) = self.machine.as_mut().and_then(|machine| machine.poll(now)) {
            self.carry_out(output);
        }
        if self.credit.is_due(now) {
            self.adapt_credit(now);
        }
        self.exchange.flush();
        self.workers.flush();
        self.clients.flush();
        self.recorder.traffic(Carried::from(&self.workers.counters()));
    }

    fn take_in(&mut self, now: Nanos) {
        while let Some(letter) = self.exchange.next() {
            self.open(now, letter);
        }
        while let Some((core, arrival)) = self.next_arrival() {
            if core == self.number {
                self.welcome(arrival);
            } else {
                self.exchange.post(core, Letter::Arrival(Box::new(arrival)));
            }
        }
        while let Some(line) = self.dialler.news() {
            self.say(line);
        }
        while let Some(event) = self.workers.next() {
            self.worker_event(now, event);
        }
        // While another core does not take what crosses, requests wait in their clients' sockets, which
        // the clients notice, and not in between, which nobody does.
        while self.exchange.is_flushed()
            && let Some(event) = self.clients.next()
        {
            self.client_event(now, event);
        }
    }

    fn next_arrival(&self) -> Option<(usize, net::Arrival)> {
        self.arrivals.borrow_mut().pop_front()
    }

    /// A client's connection that has said hello to another core.
    pub(super) fn welcome(&self, arrival: net::Arrival) {
        let door = self.number - self.setting.layout.doors().start;
        self.clients.welcome(arrival, self.setting.admit(door));
    }

    /// Says goodbye: what was decided is written, then everything closes.
    async fn stop(mut self) {
        if let Some(tell) = &mut self.tell {
            tell("Clockwork Controller Exiting");
        }
        for task in self.tasks {
            task.cancel().await;
        }
        self.clients.shutdown(DRAIN).await;
        self.workers.shutdown(DRAIN).await;
        self.ending.complete();
    }
}

impl Setting {
    /// What a shard's machine must know.
    fn machine(&self, shard: ShardIndex, records: bool) -> machine::Options {
        machine::Options {
            scheduler: self.scheduler.clone(),
            controller: self.controller.clone(),
            workers: self.workers.len(),
            epoch: self.epoch,
            credits: self.credits(),
            shard,
            shards: self.layout.shards(),
            records,
        }
    }

    const fn credits(&self) -> Credits {
        Credits { requests: self.network.credit_requests, bytes: self.network.credit_bytes }
    }

    /// Decides on clients of the core with this door: the token must be right.
    fn admit(
        &self,
        door: usize,
    ) -> impl FnMut(&Hello, SocketAddr) -> Result<Hello, String> + use<> {
        let narrow = |n: usize| u32::try_from(n).expect("the configuration bounds the cores");
        let token = self.network.token.clone();
        let greeting = Hello {
            epoch: self.epoch,
            credits: self.credits(),
            cores: narrow(self.layout.doors().len()),
            core: narrow(door),
            ..hello(Role::Controller)
        };
        move |theirs, _| {
            if theirs.token != token {
                return Err("the token is wrong: set network.token to the controller's".into());
            }
            Ok(Hello { session: theirs.session, ..greeting.clone() })
        }
    }
}

/// How long requests may take to be answered, and frames to be written, at the end.
const DRAIN: Span = Span::from_millis(500);
