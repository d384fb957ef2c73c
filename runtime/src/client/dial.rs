//! How a session's connections are made, and made again.

use std::cell::RefCell;
use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use clockwork_config::NetworkConfig;
use clockwork_wire::{Hello, Role, SessionId};

use super::ClientError;
use super::lines::{Line, Lines};
use crate::clock;
use crate::net::{ClientSide, Event, Hub, LinkId, hello};
use crate::rt::{self, TurnBell};

/// Connects to one controller.
#[derive(Clone, Debug)]
pub(super) struct Dialler {
    hub: Hub<ClientSide>,
    bell: TurnBell,
    socket: SocketAddr,
    network: Rc<NetworkConfig>,
    /// Links that were dialled again and are not up yet.
    coming: Rc<RefCell<Vec<LinkId>>>,
}

impl Dialler {
    /// Dials the controller at `socket` for the owner of `hub`, which `bell` wakes.
    pub(super) fn new(
        hub: Hub<ClientSide>,
        bell: TurnBell,
        socket: SocketAddr,
        network: &NetworkConfig,
    ) -> Self {
        let network = Rc::new(network.clone());
        Self { hub, bell, socket, network, coming: Rc::default() }
    }

    /// Connects to every core of the controller; again and again with growing pauses until the
    /// first connection is there, and `tell` hears why not yet. A core that cannot be reached
    /// afterwards is done without.
    pub(super) async fn connect(&self, mut tell: impl FnMut(String)) -> Lines {
        let mut back_off = self.hub.backoff();
        loop {
            match self.open().await {
                Ok((link, hello)) => return self.open_others(link, &hello).await,
                Err(reason) => {
                    let wait = back_off.wait();
                    tell(format!("{reason}; trying again in {wait}"));
                    rt::sleep(wait).await;
                }
            }
        }
    }

    /// Makes a new connection in place of a lost one, however long it takes. [`Event::Up`] says
    /// that it is there, and [`Dialler::has_come`] that it is one of these.
    pub(super) async fn redial(self) {
        let mut back_off = self.hub.backoff();
        loop {
            if let Ok(link) = self.hub.dial(self.socket, self.greeting()).await {
                self.coming.borrow_mut().push(link);
                rt::sleep(self.network.handshake).await;
                if !self.has_come(link) {
                    return;
                }
                self.hub.close(link, "the clocks did not agree in time");
            }
            rt::sleep(back_off.wait()).await;
        }
    }

    /// Whether a link that is up was dialled again. Says so once.
    pub(super) fn has_come(&self, link: LinkId) -> bool {
        let mut coming = self.coming.borrow_mut();
        let place = coming.iter().position(|&known| known == link);
        place.map(|place| coming.swap_remove(place)).is_some()
    }

    /// A controller that spreads connections over its cores gives a session that asks once more
    /// another core; when many clients come at once it may give one twice.
    async fn open_others(&self, first: LinkId, greeting: &Hello) -> Lines {
        let cores = usize::try_from(greeting.cores).map_or(CORES_MAX, |n| n.clamp(1, CORES_MAX));
        let mut lines: Vec<_> = (0..cores).map(|_| Line::absent()).collect();
        let mut spare = Vec::new();
        place(&mut lines, &mut spare, first, greeting);
        for _ in 0..2 * cores {
            if lines.iter().all(|line| line.link.is_some()) {
                break;
            }
            match self.open().await {
                Ok((link, greeting)) => place(&mut lines, &mut spare, link, &greeting),
                Err(reason) => tracing::warn!("a core of the controller is out of reach: {reason}"),
            }
        }
        if lines.iter().all(|line| line.link.is_none()) {
            // A controller that does not number its cores as it counts them has one for us.
            lines = vec![Line::new(spare.remove(0), greeting.credits)];
        }
        for link in spare {
            self.hub.close(link, "this core of the controller has a connection already");
        }
        Lines::new(lines)
    }

    /// One attempt; in words why it failed.
    async fn open(&self) -> Result<(LinkId, Hello), String> {
        let Self { hub, socket, .. } = self;
        let link = hub.dial(*socket, self.greeting()).await.map_err(|error| error.to_string())?;
        let until = clock::now() + self.network.handshake;
        loop {
            match hub.next() {
                Some(Event::Up { link: up, peer }) if up == link => return Ok((link, peer.hello)),
                Some(Event::Down { link: down, reason, .. }) if down == link => {
                    return Err(reason.to_string());
                }
                Some(_) => {}
                None if clock::now() >= until => {
                    hub.close(link, "the clocks did not agree in time");
                    return Err(format!("{socket} did not agree on the time"));
                }
                None => self.bell.wait(Some(until)).await,
            }
        }
    }

    /// Every connection is a session of its own, so that its two halves find each other.
    fn greeting(&self) -> Hello {
        static DIALLED: AtomicU64 = AtomicU64::new(0);
        let number = DIALLED.fetch_add(1, Ordering::Relaxed);
        let session = SessionId::new(clock::now().get().wrapping_add(number));
        Hello { session, token: self.network.token.clone(), ..hello(Role::Client) }
    }
}

/// Puts a link to its core's line, or to the spare ones.
fn place(lines: &mut [Line], spare: &mut Vec<LinkId>, link: LinkId, greeting: &Hello) {
    let core = usize::try_from(greeting.core).ok();
    match core.and_then(|core| lines.get_mut(core)).filter(|line| line.link.is_none()) {
        Some(line) => *line = Line::new(link, greeting.credits),
        None => spare.push(link),
    }
}

/// Looks the host up on a thread of its own: name servers may be slow.
pub(super) async fn resolve(address: &str) -> Result<SocketAddr, ClientError> {
    let wrong = |cause: String| ClientError::Address { address: address.into(), cause };
    let name = address.to_owned();
    let looked_up = rt::blocking("resolve", move || name.to_socket_addrs())?.finish().await;
    let found = looked_up.map_err(|panicked| wrong(panicked.to_string()))?;
    let mut found = found.map_err(|error| wrong(error.to_string()))?;
    found.next().ok_or_else(|| wrong("the host has no address".into()))
}

/// No controller has more cores than this that a client would have to know.
const CORES_MAX: usize = 256;
