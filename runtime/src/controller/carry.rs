//! Brings messages from links to machines and back, across cores where they are not on the same.

use std::cmp::Ordering;
use std::sync::Arc;

use clockwork_scheduler::shard::ShardIndex;
use clockwork_wire::codec::BodyId;
use clockwork_wire::{ActionId, ActionKind, ClientId, Credits, Nanos, Payload, WorkerId};

use super::core::Core;
use super::exchange::{Letter, Sent};
use super::machine::Controller;
use super::message::{Input, News, Output};
use crate::clock;
use crate::net::{Answer, Ask, Batch, Command, Event, LinkId, Part, Report};

impl Core {
    /// A client's link came, spoke or went.
    pub(super) fn client_event(&mut self, now: Nanos, event: Event<Ask<Payload>>) {
        match event {
            Event::Up { link, .. } => {
                let client = self.setting.layout.client(self.number, self.clients_seen);
                self.clients_seen = self.clients_seen.wrapping_add(1);
                self.client_links.insert(link, client);
                self.give_all(now, || Input::ClientUp(client));
            }
            Event::Heard { link, message: ask, received } => {
                if let Some(client) = self.client_links.owner(link) {
                    self.ask(now, client, ask, received);
                }
            }
            Event::Dropped { .. } => {}
            Event::Down { link, .. } => {
                if let Some(client) = self.client_links.remove(link) {
                    self.give_all(now, || Input::ClientDown(client));
                }
            }
        }
    }

    /// Inferences go to the home of their model, all else to the first shard.
    fn ask(&mut self, now: Nanos, client: ClientId, ask: Ask<Payload>, received: Nanos) {
        match ask {
            Ask::Infer { request, input } => {
                let heard = self.router.heard();
                self.request(now, Sent { client, request, input, received, heard });
            }
            ask @ (Ask::Load(_)
            | Ask::Unload(_)
            | Ask::Replace(_)
            | Ask::Upload(_)
            | Ask::List(_)) => {
                self.give(now, ShardIndex::FIRST, Input::Ask { client, ask, received });
            }
        }
    }

    /// Serves a request here, or sends it where its model is at home.
    fn request(&mut self, now: Nanos, sent: Sent) {
        let shard = self.router.shard(sent.request.model);
        if shard.index() == self.number {
            self.serve_here(now, sent);
        } else {
            let heard = self.router.heard();
            self.exchange.post(shard.index(), Letter::Request(Sent { heard, ..sent }));
        }
    }

    /// A request that another core sent here.
    fn request_sent(&mut self, now: Nanos, sent: Sent) {
        match sent.heard.cmp(&self.router.heard()) {
            // What its sender knew of the model is still on its way here.
            Ordering::Greater => self.early.push_back(sent),
            Ordering::Equal => self.serve_here(now, sent),
            // Its sender may not have known the model yet, or not its home.
            Ordering::Less => self.request(now, sent),
        }
    }

    fn serve_here(&mut self, now: Nanos, sent: Sent) {
        let Sent { client, request, input, received, .. } = sent;
        self.handle(now, Input::Ask { client, ask: Ask::Infer { request, input }, received });
    }

    /// A worker's link came, spoke or went.
    pub(super) fn worker_event(&mut self, now: Nanos, event: Event<Report<Payload>>) {
        match event {
            Event::Up { link, peer } => {
                if let Some(worker) = self.dialler.worker_at(peer.address) {
                    self.worker_links.insert(link, worker);
                    self.worker_up(now, worker, link);
                }
            }
            Event::Heard { link, message, received } => {
                if let Some(worker) = self.worker_links.owner(link) {
                    if let Report::Result { result, .. } = &message {
                        self.foresight.came(&result.id, received);
                    }
                    let shard = self.decider(&message);
                    self.give(now, shard, Input::Report { worker, report: message, received });
                }
            }
            Event::Dropped { link, id } => {
                let worker = self.worker_links.owner(link);
                if let (Some(worker), BodyId::Action(id)) = (worker, id) {
                    self.give(now, self.shard_of(id), Input::Unsent(worker, id));
                }
            }
            Event::Down { link, reason, last_applied } => {
                if let Some(worker) = self.worker_links.remove(link) {
                    let address = self.dialler.address(worker);
                    self.say(format!("Lost worker {address}: {reason}; reconnecting"));
                    self.give(now, ShardIndex::FIRST, Input::WorkerDown(worker));
                    self.dialler.redial(worker, last_applied);
                }
            }
        }
    }

    fn worker_up(&mut self, now: Nanos, worker: WorkerId, link: LinkId) {
        if self.number == ShardIndex::FIRST.index() {
            self.lines[worker.index()] = Some(link);
            self.handle(now, Input::WorkerUp(worker));
        } else {
            self.exchange.post(ShardIndex::FIRST.index(), Letter::WorkerUp(worker, link));
        }
    }

    /// The shard that waits for a report: the one that decided the action, else the first.
    fn decider(&self, report: &Report<Payload>) -> ShardIndex {
        match report {
            Report::Result { result, .. } => self.shard_of(result.id),
            Report::CancelReply { id, .. } => self.shard_of(*id),
            Report::ModelLoaded(_)
            | Report::ModelUnloaded(_)
            | Report::Uploaded(_)
            | Report::State { .. } => ShardIndex::FIRST,
        }
    }

    fn shard_of(&self, id: ActionId) -> ShardIndex {
        let number = usize::try_from(id.shard).ok();
        number.and_then(|number| self.setting.layout.shard(number)).unwrap_or(ShardIndex::FIRST)
    }

    /// Gives an input to a shard's machine, on whichever core that is.
    fn give(&mut self, now: Nanos, shard: ShardIndex, input: Input) {
        if shard.index() == self.number {
            self.handle(now, input);
        } else {
            self.exchange.post(shard.index(), Letter::Input(input));
        }
    }

    fn give_all(&mut self, now: Nanos, input: impl Fn() -> Input) {
        for shard in ShardIndex::all(self.setting.layout.shards()) {
            self.give(now, shard, input());
        }
    }

    /// Gives an input to this core's machine.
    fn handle(&mut self, now: Nanos, input: Input) {
        let machine = self.machine.as_mut().expect("inputs come to cores with shards");
        machine.handle(now, input);
    }

    /// Does what this core's machine decided.
    pub(super) fn carry_out(&mut self, output: Output) {
        match output {
            Output::Answer(client, answer) => {
                let core = self.setting.layout.of_client(client);
                if core == self.number {
                    self.answer(client, answer);
                } else {
                    self.exchange.post(core, Letter::Answer(client, answer));
                }
            }
            Output::Command(worker, command) => self.command(worker, command),
            Output::Print(line) => self.say(line),
            Output::Request(record) => self.recorder.request(record),
            Output::Action(row) => self.recorder.action(row),
            Output::News(news) => self.spread(&Arc::new(news)),
            Output::ToFirst(input) => {
                self.exchange.post(ShardIndex::FIRST.index(), Letter::Input(input));
            }
        }
    }

    /// Grants the clients of this core more or less, if it has changed.
    pub(super) fn adapt_credit(&mut self, now: Nanos) {
        let (delay, clients) = (self.clients.take_delay(), self.client_links.len());
        // A core with sockets only does not see what is unanswered, but what its clients may have.
        let unanswered = self.machine.as_ref().map_or(usize::MAX, Controller::unanswered);
        if let Some(requests) = self.credit.adapt(now, delay, unanswered, clients) {
            let credits = Credits { requests, bytes: self.setting.network.credit_bytes };
            for link in self.client_links.links() {
                self.clients.send(link, Answer::Credits(credits));
            }
        }
    }

    /// Answers a client of this core, if it is still there.
    fn answer(&mut self, client: ClientId, mut answer: Answer<Part>) {
        let Some(link) = self.client_links.link(client) else { return };
        if let Answer::Infer { response, .. } = &mut answer {
            response.home = self.router.hint(response.model);
        }
        self.clients.send(link, answer);
    }

    fn command(&mut self, worker: WorkerId, command: Command<Batch>) {
        let Some(link) = self.lines[worker.index()] else { return };
        let core = self.worker_cores[worker.index()];
        if core == self.number {
            self.send(link, command);
        } else {
            self.exchange.post(core, Letter::Command(link, command));
        }
    }

    /// Sends a command over a link of this core.
    fn send(&mut self, link: LinkId, command: Command<Batch>) {
        if let Command::Action { action, .. } = &command
            && matches!(action.kind, ActionKind::Infer { .. })
            && self.foresight.is_on()
        {
            let begin = action.window.earliest.max(clock::now());
            self.foresight.await_one(action.id, begin + action.expected);
        }
        self.workers.send(link, command);
    }

    /// Shows a line to people.
    pub(super) fn say(&mut self, line: String) {
        match &mut self.tell {
            Some(tell) => tell(&line),
            None => self.exchange.post(ShardIndex::FIRST.index(), Letter::Say(line)),
        }
    }

    /// Tells all other cores what this one's machine, the first, has to say.
    fn spread(&mut self, news: &Arc<News>) {
        let others = 1..self.setting.layout.cores();
        if let News::WorkerUp { worker, .. } = &**news
            && let Some(link) = self.lines[worker.index()]
        {
            for core in others.clone() {
                self.exchange.post(core, Letter::Line(*worker, link));
            }
        }
        for core in others {
            self.exchange.post(core, Letter::News(Arc::clone(news)));
        }
        self.router.hear(news);
    }

    /// Does what another core asks for.
    pub(super) fn open(&mut self, now: Nanos, letter: Letter) {
        match letter {
            Letter::Arrival(arrival) => self.welcome(*arrival),
            Letter::Input(input) => self.handle(now, input),
            Letter::Request(sent) => self.request_sent(now, sent),
            Letter::WorkerUp(worker, link) => self.worker_up(now, worker, link),
            Letter::Answer(client, answer) => self.answer(client, answer),
            Letter::Command(link, command) => self.send(link, command),
            Letter::Line(worker, link) => self.lines[worker.index()] = Some(link),
            Letter::News(news) => self.hear(now, news),
            Letter::Say(line) => self.say(line),
        }
    }

    /// What the first shard says.
    fn hear(&mut self, now: Nanos, news: Arc<News>) {
        self.router.hear(&news);
        if let News::WorkerDown(worker) = &*news {
            self.lines[worker.index()] = None;
        }
        if self.machine.is_some() {
            self.handle(now, Input::News(news));
        }
        while let Some(sent) = self.early.pop_front_if(|sent| sent.heard <= self.router.heard()) {
            self.request_sent(now, sent);
        }
    }
}
