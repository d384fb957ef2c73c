//! One listener for the hubs of many cores.
//!
//! A connection says hello to the core with the listener; then it is known whether it begins a link
//! or completes one, and it moves to the core of that link before anything else is read from it.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::sync::{Arc, Weak};

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

/// Decides to which core a connection goes: the first of a link to the core that has the fewest links
/// of its session, and of these to the one that has the fewest at all; its second to where the first
/// one is. So a client that opens as many links as there are cores has one to each.
#[derive(Debug)]
struct Seating {
    cores: usize,
    links: Vec<Seated>,
}

/// A link, while its seat is taken.
#[derive(Debug)]
struct Seated {
    session: SessionId,
    ip: IpAddr,
    core: usize,
    seat: Weak<()>,
    /// Whether its second connection has not come yet.
    bulk_due: bool,
}

impl Seating {
    /// Nobody is seated at any core.
    const fn new(cores: usize) -> Self {
        Self { cores, links: Vec::new() }
    }

    /// The core for this connection. One that completes a link that nobody knows goes to the first,
    /// which refuses it.
    fn place(&mut self, hello: &Hello, ip: IpAddr) -> (usize, Option<Seat>) {
        self.links.retain(|link| link.seat.strong_count() > 0);
        let session = hello.session;
        let of_session = |link: &Seated| link.session == session && link.ip == ip;
        if hello.link == LinkKind::Bulk {
            let due = |link: &&mut Seated| link.bulk_due && of_session(link);
            let link = self.links.iter_mut().rev().find(due);
            return (link.map_or(0, Seated::pair), None);
        }
        let mut counts = vec![(0, 0); self.cores];
        for link in &self.links {
            let (ours, all) = &mut counts[link.core];
            *ours += usize::from(of_session(link));
            *all += 1;
        }
        let core = (0..self.cores).min_by_key(|&core| counts[core]).unwrap_or(0);
        let seat = Arc::default();
        let taken = Arc::downgrade(&seat);
        self.links.push(Seated { session, ip, core, seat: taken, bulk_due: true });
        (core, Some(Seat(seat)))
    }
}

impl Seated {
    /// Its second connection is here.
    const fn pair(&mut self) -> usize {
        self.bulk_due = false;
        self.core
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use clockwork_wire::Role;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn place(seating: &mut Seating, link: LinkKind, session: u64) -> (usize, Option<Seat>) {
        let session = SessionId::new(session);
        let hello = Hello { link, session, ..handshake::hello(Role::Client) };
        seating.place(&hello, HERE)
    }

    #[test]
    fn a_link_goes_to_the_core_with_the_fewest_and_both_of_its_connections_do() {
        let mut seating = Seating::new(2);
        let (first, seat) = place(&mut seating, LinkKind::Control, 1);
        let (second, _kept) = place(&mut seating, LinkKind::Control, 2);
        assert_eq!((first, second), (0, 1));
        assert_eq!(place(&mut seating, LinkKind::Bulk, 2).0, 1);
        assert_eq!(place(&mut seating, LinkKind::Bulk, 1).0, 0);
        drop(seat);
        let (third, _kept) = place(&mut seating, LinkKind::Control, 3);
        assert_eq!((third, seating.links.len()), (0, 2), "a link that has ended is forgotten");
    }

    #[test]
    fn a_session_gets_a_link_to_every_core_also_between_others() {
        let mut seating = Seating::new(3);
        let mut seats = Vec::new();
        for session in [1, 2, 1, 2, 2, 1] {
            let (core, seat) = place(&mut seating, LinkKind::Control, session);
            assert_eq!(place(&mut seating, LinkKind::Bulk, session).0, core);
            seats.push((session, core, seat));
        }
        let mut cores: Vec<_> = seats.iter().map(|&(session, core, _)| (session, core)).collect();
        cores.sort_unstable();
        assert_eq!(cores, [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]);
    }

    #[test]
    fn a_second_connection_without_a_first_has_no_place_of_its_own() {
        let mut seating = Seating::new(2);
        assert!(matches!(place(&mut seating, LinkKind::Bulk, 1), (0, None)));
    }
}
