//! A client's connection to a controller: the client library.

use std::collections::{HashMap, VecDeque};
use std::net::{SocketAddr, ToSocketAddrs};

use clockwork_config::NetworkConfig;
use clockwork_wire::codec::{Listing, NAME_MAX};
use clockwork_wire::{
    Credits, InferRequest, InferResponse, LoadRequest, LoadResponse, ModelId, Nanos, Payload,
    RequestId, Role, SessionId, Span, Status, UnloadRequest, UnloadResponse, UserId,
};

use super::ClientError;
use crate::net::{Answer, Ask, ClientSide, Counters, Event, Hub, LinkId, Part, Settings, hello};
use crate::rt::{self, TurnBell};
use crate::{clock, telemetry::Carried};

/// An open connection to a controller, on the core that opened it.
///
/// Inferences are asynchronous: [`submit`](Session::submit) any number, [`flush`](Session::flush)
/// once per turn, take out [answers](Session::answer) when the [bell](Session::wait) rings.
#[derive(Debug)]
pub struct Session {
    hub: Hub<ClientSide>,
    link: LinkId,
    bell: TurnBell,
    credits: Credits,
    /// Bytes of input of each unanswered inference.
    unanswered: HashMap<RequestId, u32>,
    unanswered_bytes: u64,
    /// Numbers loads and lists.
    asked: u64,
    answers: VecDeque<Answered>,
    lost: Option<String>,
}

/// The answer to an inference.
#[derive(Debug)]
pub struct Answered {
    /// The controller's response.
    pub response: InferResponse,
    /// The output; empty if there is none.
    pub output: Payload,
    /// When it was received.
    pub received: Nanos,
}

/// What an answer to a load or a list was.
enum Reply {
    Load(LoadResponse),
    Unload(UnloadResponse),
    List(Listing),
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
        mut tell: impl FnMut(String),
    ) -> Result<Self, ClientError> {
        let socket = resolve(address).await?;
        let bell = TurnBell::new();
        let hub = Hub::new(bell.local(), Settings::from(network));
        let mut back_off = hub.backoff();
        loop {
            match Self::open(&hub, socket, network, &bell).await {
                Ok(session) => return Ok(session),
                Err(reason) => {
                    let wait = back_off.wait();
                    tell(format!("{reason}; trying again in {wait}"));
                    rt::sleep(wait).await;
                }
            }
        }
    }

    /// One attempt; in words why it failed.
    async fn open(
        hub: &Hub<ClientSide>,
        socket: SocketAddr,
        network: &NetworkConfig,
        bell: &TurnBell,
    ) -> Result<Self, String> {
        let mut hello = hello(Role::Client);
        hello.session = SessionId::new(clock::now().get());
        hello.token.clone_from(&network.token);
        let link = hub.dial(socket, hello).await.map_err(|error| error.to_string())?;
        let until = clock::now() + network.handshake;
        loop {
            match hub.next() {
                Some(Event::Up { link: up, peer }) if up == link => {
                    return Ok(Self::new(hub.clone(), link, bell.clone(), peer.hello.credits));
                }
                Some(Event::Down { link: down, reason, .. }) if down == link => {
                    return Err(reason.to_string());
                }
                Some(_) => {}
                None if clock::now() >= until => {
                    hub.close(link, "the clocks did not agree in time");
                    return Err(format!("{socket} did not agree on the time"));
                }
                None => bell.wait(Some(until)).await,
            }
        }
    }

    fn new(hub: Hub<ClientSide>, link: LinkId, bell: TurnBell, credits: Credits) -> Self {
        Self {
            hub,
            link,
            bell,
            credits,
            unanswered: HashMap::new(),
            unanswered_bytes: 0,
            asked: 0,
            answers: VecDeque::new(),
            lost: None,
        }
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
        self.ask(Ask::Load(LoadRequest { id, user, name: name.into(), copies }));
        loop {
            match self.reply().await? {
                Reply::Load(response) if response.id == id => {
                    return checked(name, copies, response);
                }
                Reply::Load(_) | Reply::Unload(_) | Reply::List(_) => {}
            }
        }
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
        self.ask(Ask::Unload(UnloadRequest { id, user, model: first, copies }));
        loop {
            match self.reply().await? {
                Reply::Unload(UnloadResponse { id: answered, status, message })
                    if answered == id =>
                {
                    if status.is_ok() {
                        return Ok(());
                    }
                    return Err(ClientError::Unload { first, copies, status, message });
                }
                Reply::Load(_) | Reply::Unload(_) | Reply::List(_) => {}
            }
        }
    }

    /// Asks once for the list of models. Its status says whether the controller serves yet.
    ///
    /// # Errors
    /// If the controller is lost.
    pub async fn list(&mut self) -> Result<Listing, ClientError> {
        let id = self.next_id();
        self.ask(Ask::List(id));
        loop {
            match self.reply().await? {
                Reply::List(listing) if listing.id == id => return Ok(listing),
                Reply::Load(_) | Reply::Unload(_) | Reply::List(_) => {}
            }
        }
    }

    /// Puts an inference into this turn. The caller chooses its id, unique among the unanswered
    /// ones.
    ///
    /// # Errors
    /// The status that counts as its answer, without having been sent: [`Status::OVERLOADED`]
    /// beyond the credits that the controller granted, [`Status::INVALID_REQUEST`] for an id that
    /// is still unanswered.
    pub fn submit(&mut self, request: InferRequest, input: Part) -> Result<(), Status> {
        let bytes = self.unanswered_bytes + u64::from(request.input.len);
        let requests = u32::try_from(self.unanswered.len()).unwrap_or(u32::MAX);
        if requests >= self.credits.requests || bytes > self.credits.bytes {
            return Err(Status::OVERLOADED);
        }
        if self.unanswered.contains_key(&request.id) {
            return Err(Status::INVALID_REQUEST);
        }
        self.unanswered.insert(request.id, request.input.len);
        self.unanswered_bytes = bytes;
        self.ask(Ask::Infer { request, input });
        Ok(())
    }

    /// The next answer that has come, if there is one.
    ///
    /// # Errors
    /// If the controller is lost: nothing more will come.
    pub fn answer(&mut self) -> Result<Option<Answered>, ClientError> {
        while self.answers.is_empty()
            && let Some(event) = self.hub.next()
        {
            // A reply that nobody waits for any more.
            drop(self.take_in(event));
        }
        match (self.answers.pop_front(), &self.lost) {
            (None, Some(reason)) => Err(ClientError::Lost(reason.clone())),
            (answer, _) => Ok(answer),
        }
    }

    /// Sends what was put into this turn.
    pub fn flush(&self) {
        self.hub.flush();
    }

    /// Waits for something to happen, until `until` at the latest.
    pub async fn wait(&self, until: Option<Nanos>) {
        self.bell.wait(until).await;
    }

    /// What makes the session's owner stop waiting.
    pub fn bell(&self) -> TurnBell {
        self.bell.clone()
    }

    /// What the connection has carried since it was opened.
    pub fn carried(&self) -> Carried {
        let counters: Counters = self.hub.counters();
        Carried::from(&counters)
    }

    /// Ends the connection; what is unanswered stays so.
    pub async fn close(self) {
        self.hub.shutdown(CLOSE_WITHIN).await;
    }

    fn next_id(&mut self) -> RequestId {
        let id = RequestId::new(self.asked);
        self.asked += 1;
        id
    }

    /// If the link is gone, an event says so.
    fn ask(&self, ask: Ask<Part>) {
        self.hub.send(self.link, ask);
    }

    /// Waits for the answer to a load or a list.
    async fn reply(&mut self) -> Result<Reply, ClientError> {
        self.hub.flush();
        loop {
            while let Some(event) = self.hub.next() {
                if let Some(reply) = self.take_in(event) {
                    return Ok(reply);
                }
            }
            if let Some(reason) = &self.lost {
                return Err(ClientError::Lost(reason.clone()));
            }
            self.bell.wait(None).await;
        }
    }

    fn take_in(&mut self, event: Event<Answer<Payload>>) -> Option<Reply> {
        match event {
            Event::Heard { message, received, .. } => self.heard(message, received),
            Event::Down { reason, .. } => {
                self.lost = Some(reason.to_string());
                None
            }
            Event::Up { .. } | Event::Dropped { .. } => None,
        }
    }

    fn heard(&mut self, message: Answer<Payload>, received: Nanos) -> Option<Reply> {
        match message {
            Answer::Infer { response, output } => {
                if let Some(bytes) = self.unanswered.remove(&response.id) {
                    self.unanswered_bytes -= u64::from(bytes);
                    self.answers.push_back(Answered { response, output, received });
                } else {
                    tracing::warn!(id = response.id.get(), "an answer that nobody waits for");
                }
                None
            }
            Answer::Load(response) => Some(Reply::Load(response)),
            Answer::Unload(response) => Some(Reply::Unload(response)),
            Answer::Listing(listing) => Some(Reply::List(listing)),
            Answer::Credits(credits) => {
                self.credits = credits;
                None
            }
        }
    }
}

/// A load's answer, if it is the one that was asked for.
fn checked(name: &str, copies: u32, response: LoadResponse) -> Result<LoadResponse, ClientError> {
    let LoadResponse { status, message, .. } = response.clone();
    if !status.is_ok() {
        return Err(ClientError::Load { name: name.into(), copies, status, message });
    }
    if response.copies != copies {
        let made = response.copies;
        let words = format!("{made} copies of `{name}` were made instead of {copies}");
        return Err(ClientError::Protocol(words));
    }
    Ok(response)
}

/// Looks the host up on a thread of its own: name servers may be slow.
async fn resolve(address: &str) -> Result<SocketAddr, ClientError> {
    let wrong = |cause: String| ClientError::Address { address: address.into(), cause };
    let name = address.to_owned();
    let looked_up = rt::blocking("resolve", move || name.to_socket_addrs())?.finish().await;
    let found = looked_up.map_err(|panicked| wrong(panicked.to_string()))?;
    let mut found = found.map_err(|error| wrong(error.to_string()))?;
    found.next().ok_or_else(|| wrong("the host has no address".into()))
}

/// How long closing waits for what was sent to be written.
const CLOSE_WITHIN: Span = Span::from_millis(100);
