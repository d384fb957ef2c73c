//! How links begin: dialling a peer, and greeting one that dials.

use std::cell::RefCell;
use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;

use clockwork_wire::codec::Limits;
use clockwork_wire::{Hello, LinkKind, Span};

use super::dialect::Dialect;
use super::door::{Arrival, Seat};
use super::event::LinkId;
use super::handshake::{self, HandshakeError, Heard};
use super::hub::Hub;
use super::link::Link;
use super::reader::FrameReader;
use crate::rt::{self, Listener, Panicked, Stream, Task};

/// Decides on a new peer: our hello, or in words why not.
type Admit = dyn FnMut(&Hello, SocketAddr) -> Result<Hello, String>;

/// A connection whose two sides have greeted each other.
struct Greeted {
    stream: Stream,
    reader: FrameReader,
    heard: Heard,
}

/// What an accepted connection becomes.
enum Place<D: Dialect> {
    /// A new link.
    Control(Hello),
    /// The second connection of this one.
    Bulk(Hello, Rc<Link<D>>),
}

impl<D: Dialect> Hub<D> {
    /// Connects to a peer and agrees with it; [`Event::Up`](super::Event::Up) follows. `hello` says who we are; its
    /// session names both connections.
    ///
    /// # Errors
    /// If the peer is not there, is something else, or refuses.
    pub async fn dial(&self, address: SocketAddr, hello: Hello) -> Result<LinkId, HandshakeError> {
        let control = Hello { link: LinkKind::Control, ..hello.clone() };
        let control = self.dial_one(address, &control).await?;
        let bulk = Hello { link: LinkKind::Bulk, ..hello };
        let bulk = self.dial_one(address, &bulk).await?;
        let link = self.open(control.stream, control.reader, &control.heard);
        link.attach_bulk(bulk.stream, bulk.reader);
        Ok(link.id)
    }

    async fn dial_one(
        &self,
        address: SocketAddr,
        hello: &Hello,
    ) -> Result<Greeted, HandshakeError> {
        let within = self.0.settings.handshake;
        let failed = |source| HandshakeError::Connect { address, source };
        let stream = rt::connect(address, within).await.map_err(failed)?;
        handshake::say(&stream, hello).await.map_err(failed)?;
        let mut reader = FrameReader::new(stream.clone(), Limits::HELLO);
        let heard = handshake::hear(&stream, &mut reader, within).await?;
        if !heard.hello.refusal.is_empty() {
            let reason = heard.hello.refusal;
            return Err(HandshakeError::Refused { address, reason });
        }
        if heard.hello.role != D::THEIRS {
            let (found, wanted) = (heard.hello.role, D::THEIRS);
            return Err(HandshakeError::Role { address, found, wanted });
        }
        reader.set_limits(self.0.settings.limits);
        Ok(Greeted { stream, reader, heard })
    }

    /// Accepts connections until the returned task is cancelled. `admit` decides on every new
    /// peer: our hello, or in words why not, which the peer is told.
    pub fn accept(
        &self,
        listener: Listener,
        admit: impl FnMut(&Hello, SocketAddr) -> Result<Hello, String> + 'static,
    ) -> Task<()> {
        let hub = self.clone();
        let admit: Rc<RefCell<Admit>> = Rc::new(RefCell::new(admit));
        accept_each(listener, move |stream| {
            let (greeter, admit) = (hub.clone(), Rc::clone(&admit));
            hub.take_in(async move { greeter.greet(stream, &admit).await });
        })
    }

    /// Takes in a connection that was [heard](super::attend) by another core. `admit` decides as in
    /// [`Hub::accept`].
    pub fn welcome(
        &self,
        arrival: Arrival,
        admit: impl FnMut(&Hello, SocketAddr) -> Result<Hello, String> + 'static,
    ) {
        let hub = self.clone();
        self.take_in(async move { hub.greet_arrival(arrival, &RefCell::new(admit)).await });
    }

    /// Greets an accepted connection in a task of its own.
    fn take_in(&self, greeted: impl Future<Output = Result<(), HandshakeError>> + 'static) {
        let max = self.0.settings.connections_max;
        if self.connections() >= max {
            tracing::warn!("more than {max} connections; closing a new one");
            return;
        }
        let hub = self.clone();
        let greeting = &self.0.greeting;
        greeting.set(greeting.get() + 1);
        // Ends by itself: a handshake has a time limit.
        rt::spawn(async move {
            let greeted = rt::guarded(greeted).await;
            hub.0.greeting.set(hub.0.greeting.get() - 1);
            log_greeting(greeted);
        })
        .detach();
    }

    async fn greet(&self, stream: TcpStream, admit: &RefCell<Admit>) -> Result<(), HandshakeError> {
        let stream = Stream::adopt(stream).map_err(HandshakeError::Gone)?;
        let mut reader = FrameReader::new(stream.clone(), Limits::HELLO);
        let heard = handshake::hear(&stream, &mut reader, self.0.settings.handshake).await?;
        self.settle(stream, reader, &heard, None, admit).await
    }

    async fn greet_arrival(
        &self,
        arrival: Arrival,
        admit: &RefCell<Admit>,
    ) -> Result<(), HandshakeError> {
        let stream = Stream::adopt(arrival.stream).map_err(HandshakeError::Gone)?;
        let reader = FrameReader::resume(stream.clone(), Limits::HELLO, &arrival.unread);
        self.settle(stream, reader, &arrival.heard, arrival.seat, admit).await
    }

    /// Answers a hello, and makes the connection what it says.
    async fn settle(
        &self,
        stream: Stream,
        mut reader: FrameReader,
        heard: &Heard,
        seat: Option<Seat>,
        admit: &RefCell<Admit>,
    ) -> Result<(), HandshakeError> {
        let address = stream.peer();
        let say = async |hello: &Hello| {
            handshake::say(&stream, hello).await.map_err(HandshakeError::Gone)
        };
        let place = match self.place(&heard.hello, address, admit) {
            Ok(place) => place,
            Err(reason) => {
                say(&Hello { refusal: reason.clone(), ..handshake::hello(D::OURS) }).await?;
                stream.shutdown();
                return Err(HandshakeError::Unwanted { address, reason });
            }
        };
        reader.set_limits(self.0.settings.limits);
        match place {
            Place::Control(hello) => {
                say(&hello).await?;
                self.open(stream.clone(), reader, heard).take_seat(seat);
            }
            Place::Bulk(hello, link) => {
                say(&hello).await?;
                link.attach_bulk(stream.clone(), reader);
            }
        }
        Ok(())
    }

    /// Where a connection belongs that said `hello`, or in words why nowhere.
    fn place(
        &self,
        hello: &Hello,
        address: SocketAddr,
        admit: &RefCell<Admit>,
    ) -> Result<Place<D>, String> {
        if hello.role != D::THEIRS {
            let (found, wanted) = (hello.role, D::THEIRS);
            return Err(format!("this port serves a {wanted:?}, not a {found:?}"));
        }
        match hello.link {
            LinkKind::Control => Ok(Place::Control(admit.borrow_mut()(hello, address)?)),
            LinkKind::Bulk => {
                let link = self.of_session(hello.session, address);
                let link =
                    link.ok_or("no control connection of this session is open from there")?;
                let ours = Hello { session: hello.session, ..handshake::hello(D::OURS) };
                Ok(Place::Bulk(Hello { link: LinkKind::Bulk, ..ours }, link))
            }
        }
    }
}

/// Hands every connection that comes to `take`, until the task is cancelled.
pub(super) fn accept_each(
    listener: Listener,
    mut take: impl FnMut(TcpStream) + 'static,
) -> Task<()> {
    rt::spawn(async move {
        loop {
            match listener.accept().await {
                Ok(stream) => take(stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    rt::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// Says how greeting a connection went, if it went wrong.
pub(super) fn log_greeting(greeted: Result<Result<(), HandshakeError>, Panicked>) {
    match greeted {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("{error}"),
        Err(panicked) => tracing::error!("a handshake {panicked}"),
    }
}

/// Out of descriptors, most likely: wait for some to come back.
const ACCEPT_PAUSE: Span = Span::from_millis(10);
