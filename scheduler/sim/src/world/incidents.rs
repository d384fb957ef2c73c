//! What breaks, and what comes back.

use clockwork_wire::{Nanos, Span, WorkerId};

use super::agenda::Event;
use super::letter::{Incoming, Letter, Report};
use super::{Node, World, index};
use crate::scenario::Incident;

impl World {
    /// The incident with this number happens.
    pub(super) fn incident(&mut self, number: u32) {
        let (_, incident) = self.faults.incidents[index(number)];
        match incident {
            Incident::Crash { worker, down } => self.crash(worker, down),
            Incident::Disconnect { worker, down } => self.disconnect(worker, down),
            Incident::Device { worker, gpu, fault } => {
                let process = &mut self.workers[worker.index()].body;
                process.inject(self.now, gpu, fault);
                self.ask(Node::Worker(worker), self.now);
            }
            Incident::Stall { worker, pause } => {
                let cpu = &mut self.workers[worker.index()].cpu;
                cpu.stall(self.now + pause);
                cpu.cancel();
                self.ask(Node::Worker(worker), self.now);
            }
            Incident::Leave { client } => {
                let letter = self.clients[client.index()].body.leave();
                self.post(self.now + RESET_DELAY, letter);
            }
            Incident::StallController { pause } => {
                self.controller.cpu.stall(self.now + pause);
                self.controller.cpu.cancel();
                self.ask(Node::Controller, self.now);
            }
        }
    }

    /// A worker starts, or its outage ends.
    pub(super) fn bring_back(&mut self, worker: WorkerId) {
        self.workers[worker.index()].body.start(self.now);
        self.ask(Node::Worker(worker), self.now);
    }

    fn crash(&mut self, worker: WorkerId, down: Span) {
        let back = self.now + down;
        let process = &mut self.workers[worker.index()];
        process.inbox.clear();
        let session = process.body.crash(back);
        self.checker.worker_died(worker);
        self.cut(worker, session, back);
    }

    fn disconnect(&mut self, worker: WorkerId, down: Span) {
        let back = self.now + down;
        let process = &mut self.workers[worker.index()];
        process.inbox.clear();
        let session = process.body.disconnect(back);
        self.cut(worker, session, back);
    }

    /// The connection ends: the controller hears of it, unless it never was.
    fn cut(&mut self, worker: WorkerId, session: Option<u32>, back: Nanos) {
        self.agenda.push(back, Event::Return(worker));
        let (to, from) = &mut self.worker_paths[worker.index()];
        to.reset();
        from.reset();
        if let Some(session) = session {
            let letter = Incoming::Reported(worker, session, Report::Disconnected);
            self.post(self.now + RESET_DELAY, Letter::Controller(letter));
        }
    }
}

/// How soon a peer's kernel reports the end of a connection.
const RESET_DELAY: Span = Span::from_micros(500);
