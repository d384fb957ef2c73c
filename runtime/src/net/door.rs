//! One listener for the hubs of many cores.
//!
//! A connection says hello to the core with the listener; then it is known whether it begins a link
//! or completes one, and it moves to the core of that link before anything else is read from it.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;

use clockwork_wire::codec::Limits;
use clockwork_wire::{Hello, LinkKind, SessionId};

use super::handshake::{self, HandshakeError, Heard};
use super::meeting::{accept_each, log_greeting};
use super::reader::FrameReader;
use super::settings::Settings;
use crate::rt::{self, Listener, Stream, Task};

/// A connection that has said hello, on its way to the core that will
/// [serve](super::Hub::welcome) it.
#[derive(Debug)]
pub struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) heard: Heard,
    /// What came behind hello.
    pub(super) unread: Vec<u8>,
    pub(super) seat: Option<Seat>,
}

/// A link's place at a core; the core has one link less when it is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Seat(#[expect(dead_code, reason = "only counted")] Arc<()>);

/// Accepts connections until the returned task is cancelled, hears who they are, and gives each to
/// `sort` with the core, from 0 to `cores`, that is to serve it.
pub fn attend(
    listener: Listener,
    settings: Settings,
    cores: usize,
    sort: impl FnMut(usize, Arrival) + 'static,
) -> Task<()> {
    let seating = Seating::new(cores);
    let porter = Rc::new(Porter { settings, greeting: Cell::new(0), sort: (seating, sort).into() });
    accept_each(listener, move |stream| Rc::clone(&porter).receive(stream))
}

/// Greets at the door.
struct Porter<S> {
    settings: Settings,
    /// Connections that have not said hello yet.
    greeting: Cell<usize>,
    sort: RefCell<(Seating, S)>,
}

impl<S: FnMut(usize, Arrival) + 'static> Porter<S> {
    fn receive(self: Rc<Self>, stream: TcpStream) {
        let max = self.settings.connections_max;
        if self.greeting.get() >= max {
            tracing::warn!("more than {max} connections say nothing; closing a new one");
            return;
        }
        self.greeting.set(self.greeting.get() + 1);
        // Ends by itself: a handshake has a time limit.
        rt::spawn(async move {
            let heard = rt::guarded(self.hear(stream)).await;
            self.greeting.set(self.greeting.get() - 1);
            log_greeting(heard);
        })
        .detach();
    }

    async fn hear(&self, stream: TcpStream) -> Result<(), HandshakeError> {
        let stream = Stream::adopt(stream).map_err(HandshakeError::Gone)?;
        let ip = stream.peer().ip();
        let mut reader = FrameReader::new(stream.clone(), Limits::HELLO);
        let heard = handshake::hear(&stream, &mut reader, self.settings.handshake).await?;
        let unread = reader.unread().to_vec();
        let stream = stream.release().map_err(HandshakeError::Gone)?;
        let mut sort = self.sort.borrow_mut();
        let (seating, sort) = &mut *sort;
        let (core, seat) = seating.place(&heard.hello, ip);
        sort(core, Arrival { stream, heard, unread, seat });
        Ok(())
    }
}

/// Decides to which core a connection goes: the first of a link to the core with the fewest links,
/// its second to where the first one is.
#[derive(Debug)]
struct Seating {
    cores: Vec<Arc<()>>,
    /// Links whose second connection is due, the oldest first.
    due: Vec<(SessionId, IpAddr, usize)>,
}

impl Seating {
    /// Nobody is seated at any core.
    fn new(cores: usize) -> Self {
        Self { cores: (0..cores).map(|_| Arc::default()).collect(), due: Vec::new() }
    }

    /// The core for this connection. One that completes a link that nobody knows goes to the first,
    /// which refuses it.
    fn place(&mut self, hello: &Hello, ip: IpAddr) -> (usize, Option<Seat>) {
        let key = (hello.session, ip);
        if hello.link == LinkKind::Bulk {
            let at = self.due.iter().rposition(|&(session, ip, _)| (session, ip) == key);
            return (at.map_or(0, |at| self.due.remove(at).2), None);
        }
        let core = self.emptiest();
        if self.due.len() >= DUE_MOST {
            self.due.remove(0);
        }
        self.due.push((hello.session, ip, core));
        (core, Some(Seat(Arc::clone(&self.cores[core]))))
    }

    fn emptiest(&self) -> usize {
        let taken = |core: &usize| Arc::strong_count(&self.cores[*core]);
        (0..self.cores.len()).min_by_key(taken).unwrap_or(0)
    }
}

/// Second connections that may be due at a time. Links whose second connection comes later than so
/// many others' first do without.
const DUE_MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use clockwork_wire::Role;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn says(link: LinkKind, session: u64) -> Hello {
        Hello { link, session: SessionId::new(session), ..handshake::hello(Role::Client) }
    }

    #[test]
    fn a_link_goes_to_the_core_with_the_fewest_and_both_of_its_connections_do() {
        let mut seating = Seating::new(2);
        let (first, seat) = seating.place(&says(LinkKind::Control, 1), HERE);
        let (second, _kept) = seating.place(&says(LinkKind::Control, 2), HERE);
        assert_eq!((first, second), (0, 1));
        assert_eq!(seating.place(&says(LinkKind::Bulk, 2), HERE).0, 1);
        assert_eq!(seating.place(&says(LinkKind::Bulk, 1), HERE).0, 0);
        drop(seat);
        assert_eq!(seating.place(&says(LinkKind::Control, 3), HERE).0, 0);
        assert!(seating.due.len() == 1, "what is paired is forgotten");
    }

    #[test]
    fn links_of_one_session_are_told_apart_by_their_order() {
        let mut seating = Seating::new(2);
        let seats: Vec<_> = (0..2)
            .map(|_| {
                let (control, seat) = seating.place(&says(LinkKind::Control, 7), HERE);
                assert_eq!(seating.place(&says(LinkKind::Bulk, 7), HERE).0, control);
                (control, seat)
            })
            .collect();
        assert_eq!(seats.iter().map(|(core, _)| *core).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn second_connections_that_never_come_are_forgotten() {
        let mut seating = Seating::new(1);
        for session in 0..2 * u64::try_from(DUE_MOST).unwrap() {
            seating.place(&says(LinkKind::Control, session), HERE);
        }
        assert_eq!(seating.due.len(), DUE_MOST);
    }
}
