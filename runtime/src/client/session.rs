//! A client's connections to a controller: the client library.

use std::collections::{BTreeMap, VecDeque};

use clockwork_config::NetworkConfig;
use clockwork_wire::codec::{Listing, NAME_MAX};
use clockwork_wire::{
    InferRequest, InferResponse, LoadRequest, LoadResponse, ModelId, Nanos, Payload,
    ReplaceRequest, ReplaceResponse, RequestId, Span, Status, UnloadRequest, UnloadResponse,
    UserId,
};

use super::ClientError;
use super::dial::{Dialler, resolve};
use super::lines::Lines;
use super::reply::{Reply, checked, confused};
use super::slab::Slab;
use crate::clock;
use crate::foresight::{Delay, Foresight};
use crate::net::{Answer, Ask, ClientSide, Counters, Event, Hub, LinkId, Part, Peer, Settings};
use crate::rt::{self, Task, TurnBell};
use crate::telemetry::Carried;

/// The open connections to a controller, one per core of it, on the core that opened them.
///
/// Inferences are asynchronous: [`submit`](Session::submit) any number, [`flush`](Session::flush)
/// once per turn, take out [answers](Session::answer) when the [bell](Session::wait) rings. They go
/// to the core that is home to their model as far as the controller has said which that is.
#[derive(Debug)]
pub struct Session {
    hub: Hub<ClientSide>,
    bell: TurnBell,
    dialler: Dialler,
    lines: Lines,
    unanswered: Slab<Unanswered>,
    /// Bytes that may wait for the controller to take them.
    backlog_most: u64,
    /// Numbers loads and lists.
    asked: u64,
    answers: VecDeque<Answered>,
    /// Why the last of the connections was lost.
    lost: Option<String>,
    /// Whether lost connections are made again; and the tasks that do, by line.
    reconnects: bool,
    redialling: BTreeMap<usize, Task<()>>,
    /// When answers will come.
    foresight: Foresight<RequestId>,
    /// How long those of each model take; of some models only.
    latencies: BTreeMap<ModelId, Delay>,
}

/// The answer to an inference.
#[derive(Debug)]
pub struct Answered {
    /// The controller's response; its id is the one that the caller chose.
    pub response: InferResponse,
    /// The output; empty if there is none.
    pub output: Payload,
    /// When it was received.
    pub received: Nanos,
    /// The id under which the request travelled, and which the controller's log shows.
    pub sent_as: RequestId,
}

/// An inference under way.
#[derive(Debug)]
struct Unanswered {
    /// The caller's id.
    id: RequestId,
    model: ModelId,
    /// Bytes of its input.
    len: u32,
    /// On which line.
    line: usize,
    sent: Nanos,
}

impl Session {
    /// Connects to `host:port`, again and again with growing pauses until the controller is there;
    /// `tell` hears of every attempt that failed.
    ///
    /// # Errors
    /// If the address makes no sense, or names no host.
    pub async fn connect(
        address: &str,
        network: &NetworkConfig,
        tell: impl FnMut(String),
    ) -> Result<Self, ClientError> {
        let socket = resolve(address).await?;
        let bell = TurnBell::new();
        let hub = Hub::new(bell.local(), Settings::from(network));
        let dialler = Dialler::new(hub.clone(), bell.clone(), socket, network);
        Ok(Self {
            lines: dialler.connect(tell).await,
            hub,
            bell,
            dialler,
            unanswered: Slab::new(),
            // Half of what the link is given up for: the other half is for what is sent in one turn.
            backlog_most: network.max_waiting / 2,
            asked: 0,
            answers: VecDeque::new(),
            lost: None,
            reconnects: false,
            redialling: BTreeMap::new(),
            foresight: Foresight::new(rt::margin()),
            latencies: BTreeMap::new(),
        })
    }

    /// Lost connections are made again from now on. What was under way on one is answered with
    /// [`Status::DISCONNECTED`], and so is what cannot be sent meanwhile.
    pub fn keep_connected(&mut self) {
        self.reconnects = true;
    }

    /// Loads copies of a model and waits for them.
    ///
    /// # Errors
    /// If the controller cannot, answers with something else, or is lost.
    pub async fn load(
        &mut self,
        name: &str,
        copies: u32,
        user: UserId,
    ) -> Result<LoadResponse, ClientError> {
        if name.len() > NAME_MAX {
            return Err(ClientError::Name(name.into()));
        }
        let id = self.next_id();
        let request = LoadRequest { id, user, name: name.into(), copies };
        let Reply::Load(response) = self.ask(id, Ask::Load(request)).await? else {
            return Err(confused());
        };
        checked(name, copies, response)
    }

    /// Has `copies` models from `first` on removed, and waits until no worker has them any more.
    /// Their requests that wait are answered with [`Status::UNKNOWN_MODEL`]; those that run are
    /// answered as ever.
    ///
    /// # Errors
    /// If the controller cannot, because there are no such models for example, or is lost.
    pub async fn unload(
        &mut self,
        first: ModelId,
        copies: u32,
        user: UserId,
    ) -> Result<(), ClientError> {
        let id = self.next_id();
        let request = UnloadRequest { id, user, model: first, copies };
        let Reply::Unload(response) = self.ask(id, Ask::Unload(request)).await? else {
            return Err(confused());
        };
        let UnloadResponse { status, message, .. } = response;
        let failed = || ClientError::Unload { first, copies, status, message };
        if status.is_ok() { Ok(()) } else { Err(failed()) }
    }

    /// Has every id that serves `name` serve a new version of it: what the workers find under that
    /// name now. Gives how many ids do. What is asked afterwards gets the new version, and nothing is
    /// lost; the ids stay.
    ///
    /// # Errors
    /// If the controller cannot, because the new version's inputs have another size for example, or is
    /// lost. If it cannot, all is as it was.
    pub async fn replace(&mut self, name: &str, user: UserId) -> Result<u32, ClientError> {
        if name.len() > NAME_MAX {
            return Err(ClientError::Name(name.into()));
        }
        let id = self.next_id();
        let request = ReplaceRequest { id, user, name: name.into() };
        let Reply::Replace(response) = self.ask(id, Ask::Replace(request)).await? else {
            return Err(confused());
        };
        let ReplaceResponse { status, message, models, .. } = response;
        let failed = || ClientError::Replace { name: name.into(), status, message };
        if status.is_ok() { Ok(models) } else { Err(failed()) }
    }

    /// Asks once for the list of models. Its status says whether the controller serves yet.
    ///
    /// # Errors
    /// If the controller is lost.
    pub async fn list(&mut self) -> Result<Listing, ClientError> {
        let id = self.next_id();
        let Reply::List(listing) = self.ask(id, Ask::List(id)).await? else {
            return Err(confused());
        };
        Ok(listing)
    }

    /// Puts an inference into this turn. The caller chooses its id, which comes back with the answer.
    ///
    /// # Errors
    /// The status that counts as its answer, without having been sent: [`Status::OVERLOADED`]
    /// beyond the credits that the controller granted or what it takes, [`Status::DISCONNECTED`] without a
    /// connection.
    pub fn submit(&mut self, mut request: InferRequest, input: Part) -> Result<(), Status> {
        let line = self.lines.route(request.model).ok_or(Status::DISCONNECTED)?;
        let len = request.input.len;
        if self.is_clogged(line) || !self.unanswered.has_room() || !self.lines.at(line).take(len) {
            return Err(Status::OVERLOADED);
        }
        let InferRequest { id, model, .. } = request;
        let sent = clock::now();
        request.id = self.unanswered.insert(Unanswered { id, model, len, line, sent });
        if let Some(latency) = self.latencies.get(&model) {
            self.foresight.await_one(request.id, sent + latency.median());
        }
        if let Some(link) = self.lines.at(line).link {
            self.hub.send(link, Ask::Infer { request, input });
        }
        Ok(())
    }

    /// Whether the controller takes so little that a further request would end the connection soon.
    fn is_clogged(&mut self, line: usize) -> bool {
        let backlog = self.lines.at(line).link.and_then(|link| self.hub.backlog(link));
        backlog.is_some_and(|bytes| bytes > self.backlog_most)
    }

    /// The next answer that has come, if there is one.
    ///
    /// # Errors
    /// If the controller is lost and [not to be found again](Session::keep_connected): nothing
    /// more will come.
    pub fn answer(&mut self) -> Result<Option<Answered>, ClientError> {
        while self.answers.is_empty()
            && let Some(event) = self.hub.next()
        {
            // A reply that nobody waits for any more.
            drop(self.take_in(event));
        }
        match (self.answers.pop_front(), &self.lost) {
            (None, Some(reason)) if !self.reconnects => Err(ClientError::Lost(reason.clone())),
            (answer, _) => Ok(answer),
        }
    }

    /// Sends what was put into this turn.
    pub fn flush(&self) {
        self.hub.flush();
    }

    /// Waits for something to happen, until `until` at the latest.
    pub async fn wait(&self, until: Option<Nanos>) {
        self.bell.wait_foreseeing(until, self.foresight.next(clock::now())).await;
    }

    /// What makes the session's owner stop waiting.
    pub fn bell(&self) -> TurnBell {
        self.bell.clone()
    }

    /// What the connections have carried since they were opened.
    pub fn carried(&self) -> Carried {
        let counters: Counters = self.hub.counters();
        Carried::from(&counters)
    }

    /// Ends the connections; what is unanswered stays so.
    pub async fn close(self) {
        for task in self.redialling.into_values() {
            task.cancel().await;
        }
        self.hub.shutdown(CLOSE_WITHIN).await;
    }

    pub(super) fn next_id(&mut self) -> RequestId {
        let id = RequestId::new(self.asked);
        self.asked += 1;
        id
    }

    /// Asks something that is no inference, and waits for the answer.
    pub(super) async fn ask(
        &mut self,
        id: RequestId,
        ask: Ask<Part>,
    ) -> Result<Reply, ClientError> {
        let Some(link) = self.lines.any() else { return Err(self.no_connection()) };
        self.hub.send(link, ask);
        self.hub.flush();
        loop {
            let reply = self.reply().await?;
            if reply.id() == id {
                return Ok(reply);
            }
        }
    }

    async fn reply(&mut self) -> Result<Reply, ClientError> {
        loop {
            while let Some(event) = self.hub.next() {
                let lost = matches!(event, Event::Down { link, .. } if self.lines.is_used(link));
                if let Some(reply) = self.take_in(event) {
                    return Ok(reply);
                }
                if lost {
                    // The answer may have been lost with it.
                    return Err(self.no_connection());
                }
            }
            self.bell.wait(None).await;
        }
    }

    fn no_connection(&self) -> ClientError {
        let reason = self.lost.clone();
        ClientError::Lost(reason.unwrap_or_else(|| "one of its cores has left".into()))
    }

    fn take_in(&mut self, event: Event<Answer<Payload>>) -> Option<Reply> {
        match event {
            Event::Heard { link, message, received } => return self.heard(link, message, received),
            Event::Up { link, peer } => self.came(link, &peer),
            Event::Down { link, reason, .. } => {
                if let Some(line) = self.lines.lose(link) {
                    self.lost_line(line, &reason.to_string());
                }
            }
            Event::Dropped { .. } => {}
        }
        None
    }

    fn heard(&mut self, link: LinkId, message: Answer<Payload>, received: Nanos) -> Option<Reply> {
        match message {
            Answer::Infer { response, output } => self.answered(response, output, received),
            Answer::Load(response) => return Some(Reply::Load(response)),
            Answer::Unload(response) => return Some(Reply::Unload(response)),
            Answer::Replace(response) => return Some(Reply::Replace(response)),
            Answer::Upload(response) => return Some(Reply::Upload(response)),
            Answer::Listing(listing) => return Some(Reply::List(listing)),
            Answer::Credits(credits) => self.lines.grant(link, credits),
        }
        None
    }

    fn answered(&mut self, mut response: InferResponse, output: Payload, received: Nanos) {
        let sent_as = response.id;
        let Some(Unanswered { id, model, len, line, sent }) = self.unanswered.remove(sent_as)
        else {
            tracing::warn!(id = sent_as.get(), "an answer that nobody waits for");
            return;
        };
        self.lines.at(line).give_back(len);
        self.lines.learn(model, response.home);
        if response.status.is_ok() {
            self.learn(sent_as, model, sent, received);
        }
        response.id = id;
        self.answers.push_back(Answered { response, output, received, sent_as });
    }

    /// Learns from an answer when the next ones will come.
    fn learn(&mut self, sent_as: RequestId, model: ModelId, sent: Nanos, received: Nanos) {
        self.foresight.came(&sent_as, received);
        let foresees = self.foresight.is_on();
        if foresees && (self.latencies.len() < MODELS_MOST || self.latencies.contains_key(&model)) {
            self.latencies.entry(model).or_default().observe(received - sent);
        }
    }

    /// A link that was dialled again is up; only such links come up in an open session.
    fn came(&mut self, link: LinkId, peer: &Peer) {
        if self.dialler.has_come(link) {
            self.lines.restore(link, &peer.hello);
            self.lost = None;
        }
    }

    /// Answers what was under way on a lost line.
    fn lost_line(&mut self, lost: usize, reason: &str) {
        let received = clock::now();
        for sent_as in self.unanswered.ids_where(|request| request.line == lost) {
            let response = InferResponse {
                id: sent_as,
                status: Status::DISCONNECTED,
                ..InferResponse::default()
            };
            self.answered(response, Payload::EMPTY, received);
        }
        if self.lines.any().is_none() {
            self.lost = Some(reason.to_owned());
        }
        if self.reconnects {
            // The task before, if there was one, has done its work.
            self.redialling.insert(lost, rt::spawn(self.dialler.clone().redial()));
        }
    }
}

/// Models whose latencies are followed: with more of them, hardly any comes often.
const MODELS_MOST: usize = 1_024;
/// How long closing waits for what was sent to be written.
const CLOSE_WITHIN: Span = Span::from_millis(100);
