//! Keeps connections to the workers: dials, and dials again when one is lost.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use clockwork_wire::{Hello, WorkerId};

use crate::net::{ControllerSide, Hub};
use crate::rt::{self, Notify, Task};

/// Dials every worker until it answers, and again whenever it is lost.
#[derive(Debug)]
pub(super) struct Dialler {
    hub: Hub<ControllerSide>,
    lines: Vec<Line>,
    greeting: Hello,
    bell: Notify,
    news: RefCell<VecDeque<String>>,
}

/// The connection to one worker.
#[derive(Debug)]
struct Line {
    address: SocketAddr,
    wanted: Notify,
    last_applied: Cell<u32>,
}

impl Dialler {
    /// A dialler that has not begun. `bell` is rung when it has news.
    pub(super) fn new(
        hub: Hub<ControllerSide>,
        workers: Vec<SocketAddr>,
        greeting: Hello,
        bell: Notify,
    ) -> Self {
        let line = |address| Line { address, wanted: Notify::new(), last_applied: Cell::new(0) };
        let lines = workers.into_iter().map(line).collect();
        Self { hub, lines, greeting, bell, news: RefCell::default() }
    }

    /// Dials the workers of which `ours` says so, by their number; one task for each.
    pub(super) fn start(self: &Rc<Self>, ours: impl Fn(usize) -> bool) -> Vec<Task<()>> {
        let keep = |at| {
            let dialler = Rc::clone(self);
            rt::spawn(async move { dialler.keep(at).await })
        };
        (0..self.lines.len()).filter(|&at| ours(at)).map(keep).collect()
    }

    /// The next line for people.
    pub(super) fn news(&self) -> Option<String> {
        self.news.borrow_mut().pop_front()
    }

    /// The worker at this address.
    pub(super) fn worker_at(&self, address: SocketAddr) -> Option<WorkerId> {
        self.lines.iter().position(|line| line.address == address).map(WorkerId::from_index)
    }

    /// A worker's address.
    pub(super) fn address(&self, worker: WorkerId) -> SocketAddr {
        self.lines[worker.index()].address
    }

    /// Dials a worker again, whose last frame taken in was `last_applied`.
    pub(super) fn redial(&self, worker: WorkerId, last_applied: u32) {
        let line = &self.lines[worker.index()];
        line.last_applied.set(last_applied);
        line.wanted.notify();
    }

    async fn keep(&self, at: usize) {
        loop {
            self.dial(at).await;
            self.lines[at].wanted.wait().await;
        }
    }

    async fn dial(&self, at: usize) {
        let line = &self.lines[at];
        let mut backoff = self.hub.backoff();
        self.tell(format!("Connecting to worker {}", line.address));
        loop {
            let hello = Hello { last_applied: line.last_applied.get(), ..self.greeting.clone() };
            match self.hub.dial(line.address, hello).await {
                Ok(_) => {
                    self.tell("Connection established".to_owned());
                    return;
                }
                Err(error) => {
                    let wait = backoff.wait();
                    self.tell(format!("{error}; trying again in {wait}"));
                    rt::sleep(wait).await;
                }
            }
        }
    }

    fn tell(&self, line: String) {
        self.news.borrow_mut().push_back(line);
        self.bell.notify();
    }
}
