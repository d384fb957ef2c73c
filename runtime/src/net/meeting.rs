//! How links begin: dialling a peer, and greeting one that dials.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;

use clockwork_wire::codec::Limits;
use clockwork_wire::{Hello, LinkKind, Span};

use super::dialect::Dialect;
use super::event::LinkId;
use super::handshake::{self, HandshakeError, Heard};
use super::hub::Hub;
use super::link::Link;
use super::reader::FrameReader;
use crate::rt::{self, Listener, Stream, Task};

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
        rt::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok(stream) => hub.take_in(stream, &admit),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        rt::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        })
    }

    /// Greets an accepted connection in a task of its own.
    fn take_in(&self, stream: TcpStream, admit: &Rc<RefCell<Admit>>) {
        let max = self.0.settings.connections_max;
        if self.connections() >= max {
            tracing::warn!("more than {max} connections; closing a new one");
            return;
        }
        let (hub, admit) = (self.clone(), Rc::clone(admit));
        let greeting = &self.0.greeting;
        greeting.set(greeting.get() + 1);
        // Ends by itself: a handshake has a time limit.
        rt::spawn(async move {
            let greeted = rt::guarded(hub.greet(stream, &admit)).await;
            hub.0.greeting.set(hub.0.greeting.get() - 1);
            match greeted {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("{error}"),
                Err(panicked) => tracing::error!("a handshake {panicked}"),
            }
        })
        .detach();
    }

    async fn greet(&self, stream: TcpStream, admit: &RefCell<Admit>) -> Result<(), HandshakeError> {
        let stream = Stream::adopt(stream).map_err(HandshakeError::Gone)?;
        let address = stream.peer();
        let mut reader = FrameReader::new(stream.clone(), Limits::HELLO);
        let heard = handshake::hear(&stream, &mut reader, self.0.settings.handshake).await?;
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
                self.open(stream.clone(), reader, &heard);
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

/// Out of descriptors, most likely: wait for some to come back.
const ACCEPT_PAUSE: Span = Span::from_millis(10);
