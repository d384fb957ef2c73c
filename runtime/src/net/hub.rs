//! A core's links of one kind: the owner's only door to the network.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use clockwork_wire::{SessionId, Span};

use super::backoff::Backoff;
use super::counters::Counters;
use super::dialect::{Dialect, name};
use super::event::{Event, LinkEnd, LinkId, Peer};
use super::handshake::Heard;
use super::inbox::Inbox;
use super::link::Link;
use super::reader::FrameReader;
use super::settings::Settings;
use crate::clock;
use crate::rt::{self, Notify, Stream, Task};
use crate::skew::Skew;

/// The links of one core that speak one [`Dialect`]. Clones are the same hub.
///
/// The owner takes out [events](Hub::next), [sends](Hub::send) messages, and
/// [flushes](Hub::flush) once per turn.
pub struct Hub<D: Dialect>(pub(super) Rc<Shared<D>>);

/// What the links of a hub share.
pub(super) struct Shared<D: Dialect> {
    pub(super) settings: Settings,
    pub(super) counters: Counters,
    pub(super) notify: Notify,
    /// Links with something to flush.
    pub(super) dirty: RefCell<Vec<Rc<Link<D>>>>,
    pub(super) inbox: Inbox<Event<D::Hear>>,
    /// The shortest time that a frame took to us since somebody asked.
    delay: Cell<Option<Span>>,
    links: RefCell<BTreeMap<LinkId, Rc<Link<D>>>>,
    /// The task of every link; a link that has ended leaves its finished task until its owner
    /// hears of it.
    tasks: RefCell<BTreeMap<LinkId, Task<()>>>,
    /// Links that ended before they were up, of which no owner hears.
    stillborn: RefCell<Vec<LinkId>>,
    next_id: Cell<u64>,
    /// Connections that have not said hello yet.
    pub(super) greeting: Cell<usize>,
}

impl<D: Dialect> Shared<D> {
    /// Puts an event into the owner's inbox; the caller notifies.
    pub(super) fn tell(&self, event: Event<D::Hear>) {
        self.inbox.push(event);
    }

    /// A frame with messages took so long from its sender's memory to ours.
    pub(super) fn delayed(&self, delay: Span) {
        self.delay.set(Some(self.delay.get().map_or(delay, |least| least.min(delay))));
    }
}

impl<D: Dialect> Hub<D> {
    /// A hub without links. `notify` is rung when there is an event; it may serve many hubs.
    pub fn new(notify: Notify, settings: Settings) -> Self {
        Self(Rc::new(Shared {
            inbox: Inbox::new(settings.inbox_events),
            delay: Cell::default(),
            settings,
            counters: Counters::default(),
            notify,
            dirty: RefCell::default(),
            links: RefCell::default(),
            tasks: RefCell::default(),
            stillborn: RefCell::default(),
            next_id: Cell::default(),
            greeting: Cell::default(),
        }))
    }

    /// The next event, if there is one.
    pub fn next(&self) -> Option<Event<D::Hear>> {
        let event = self.0.inbox.pop()?;
        if let Event::Down { link, .. } = &event {
            self.0.tasks.borrow_mut().remove(link);
        }
        Some(event)
    }

    /// Puts a message into this turn's frame for a link; gives the number of that frame, to be
    /// compared with what [`Hub::acknowledged`] gives later. `None` if the link is gone, and the
    /// message with it.
    pub fn send(&self, link: LinkId, message: D::Say) -> Option<u32> {
        self.link(link).map(|link| link.send(message))
    }

    /// Writes everything that was sent since the last flush: one write per link.
    pub fn flush(&self) {
        let dirty = self.0.dirty.take();
        for link in &dirty {
            link.flush();
        }
        // The list keeps its memory, unless flushing made links dirty anew.
        let mut list = self.0.dirty.borrow_mut();
        if list.is_empty() {
            *list = dirty;
            list.clear();
        }
    }

    /// The last of our frames that the peer has taken in whole. Compare with
    /// [`is_acknowledged`].
    pub fn acknowledged(&self, link: LinkId) -> Option<u32> {
        self.link(link).map(|link| link.acknowledged())
    }

    /// Bytes that wait for the peer to take them. Whoever can say less should, before they reach
    /// [`Settings::outbox_bytes`] or [`Settings::bulk_bytes`] and end the link.
    pub fn backlog(&self, link: LinkId) -> Option<u64> {
        self.link(link).map(|link| link.backlog())
    }

    /// The shortest time that a frame with messages took from its sender's memory to ours since the
    /// last call; `None` if there was no such frame. If even the shortest is long, this core does not
    /// keep up with its peers.
    pub fn take_delay(&self) -> Option<Span> {
        self.0.delay.take()
    }

    /// What is known of the peer's clock.
    pub fn skew(&self, link: LinkId) -> Option<Skew> {
        self.link(link).map(|link| link.skew())
    }

    /// Ends a link, for a reason that will be logged.
    pub fn close(&self, link: LinkId, reason: impl Into<String>) {
        if let Some(link) = self.link(link) {
            link.finish(LinkEnd::Ours(reason.into()));
        }
    }

    /// The waits between attempts to [dial](Hub::dial) one peer.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(self.0.settings.reconnect_min, self.0.settings.reconnect_max)
    }

    /// Running totals over all links.
    pub fn counters(&self) -> Counters {
        self.0.counters.clone()
    }

    /// The open link of a session whose bulk connection is still due. It must come from the same
    /// host, so that nobody else can join it.
    pub(super) fn of_session(
        &self,
        session: SessionId,
        address: SocketAddr,
    ) -> Option<Rc<Link<D>>> {
        let links = self.0.links.borrow();
        let mut newest_first = links.values().rev();
        newest_first
            .find(|link| {
                let peer = &link.peer;
                peer.hello.session == session
                    && peer.address.ip() == address.ip()
                    && !link.bulk.is_attached()
            })
            .cloned()
    }

    /// Starts a link whose sides have greeted each other.
    pub(super) fn open(&self, stream: Stream, reader: FrameReader, heard: &Heard) -> Rc<Link<D>> {
        for id in self.0.stillborn.take() {
            self.0.tasks.borrow_mut().remove(&id);
        }
        let id = LinkId::new(self.0.next_id.get());
        self.0.next_id.set(self.0.next_id.get() + 1);
        let peer = Peer { address: stream.peer(), hello: heard.hello.clone() };
        let link = Link::new(Rc::clone(&self.0), id, peer, stream, heard);
        self.0.links.borrow_mut().insert(id, Rc::clone(&link));
        let (shared, running) = (Rc::clone(&self.0), Rc::clone(&link));
        let task = rt::spawn(async move {
            let reason = Rc::clone(&running).run(reader).await;
            shared.links.borrow_mut().remove(&id);
            log_end(&name::<D>(running.peer.address), &reason);
            if running.is_up() {
                let last_applied = running.applied();
                shared.tell(Event::Down { link: id, reason, last_applied });
                shared.notify.notify();
            } else {
                // A task must not drop itself: the next link does.
                shared.stillborn.borrow_mut().push(id);
            }
        });
        self.0.tasks.borrow_mut().insert(id, task);
        link
    }

    /// Ends all links: first gives them up to `within` to write what was sent.
    pub async fn shutdown(&self, within: Span) {
        self.flush();
        let until = clock::now() + within;
        let drained = |hub: &Self| hub.0.links.borrow().values().all(|link| link.is_drained());
        while !drained(self) && clock::now() < until {
            rt::sleep(DRAIN_PAUSE).await;
        }
        for link in self.0.links.borrow().values() {
            link.finish(LinkEnd::Ours("this process is shutting down".into()));
        }
        let tasks = self.0.tasks.take();
        for task in tasks.into_values() {
            task.await;
        }
    }

    /// Open connections of both kinds.
    pub(super) fn connections(&self) -> usize {
        self.0.greeting.get() + 2 * self.0.links.borrow().len()
    }

    fn link(&self, id: LinkId) -> Option<Rc<Link<D>>> {
        self.0.links.borrow().get(&id).cloned()
    }
}

impl<D: Dialect> Clone for Hub<D> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<D: Dialect> fmt::Debug for Hub<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hub({} links)", self.0.links.borrow().len())
    }
}

/// Whether a frame that carried one of our messages is among those that the peer has taken in up
/// to `acknowledged`. Numbers wrap around.
pub const fn is_acknowledged(frame: u32, acknowledged: u32) -> bool {
    acknowledged.wrapping_sub(frame) < 1 << 31
}

fn log_end(peer: &str, reason: &LinkEnd) {
    if reason.is_normal() {
        tracing::info!("connection to {peer} closed: {reason}");
    } else {
        tracing::warn!("connection to {peer} closed: {reason}");
    }
}

const DRAIN_PAUSE: Span = Span::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_wrap_around() {
        assert!(is_acknowledged(5, 5) && is_acknowledged(5, 6) && !is_acknowledged(6, 5));
        assert!(is_acknowledged(u32::MAX, 0) && !is_acknowledged(0, u32::MAX));
    }
}
