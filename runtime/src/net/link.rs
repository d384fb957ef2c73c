//! One link: two connections to one peer, and what both sides know of each other.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;

use clockwork_wire::codec::{BodyId, FrameKind, Ping, decode_ping, encode_ping};
use clockwork_wire::{Nanos, Span};

use super::bulk::BulkOutbox;
use super::dialect::{Body, Dialect, Ear};
use super::door::Seat;
use super::event::{Event, LinkEnd, LinkId, Peer};
use super::handshake::Heard;
use super::hub::Shared;
use super::outbox::Outbox;
use super::pairing::Pairing;
use super::reader::{Frame, FrameReader, ReadError};
use crate::clock;
use crate::rt::{self, Notify, Stream, Task};
use crate::skew::Skew;

/// A link of a hub.
pub(super) struct Link<D: Dialect> {
    pub(super) id: LinkId,
    pub(super) peer: Peer,
    pub(super) control: Outbox<D>,
    pub(super) bulk: BulkOutbox,
    shared: Rc<Shared<D>>,
    skew: RefCell<Skew>,
    pairing: RefCell<Pairing<D::Hear>>,
    /// The last frame that was read.
    heard: Cell<u32>,
    /// The last of our frames that the peer has taken in.
    acknowledged: Cell<u32>,
    last_received: Cell<Nanos>,
    up: Cell<bool>,
    dirty: Cell<bool>,
    tasks: RefCell<Vec<Task<()>>>,
    end: RefCell<Option<LinkEnd>>,
    ended: Notify,
    /// Its place among the links of many cores.
    seat: RefCell<Option<Seat>>,
}

impl<D: Dialect> Link<D> {
    /// A link whose two sides have said hello.
    pub(super) fn new(
        shared: Rc<Shared<D>>,
        id: LinkId,
        peer: Peer,
        stream: Stream,
        heard: &Heard,
    ) -> Rc<Self> {
        let counters = shared.counters.clone();
        // Two machines whose kernels tell no boot id have none in common.
        let same_boot = peer.hello.boot == clock::boot_id() && peer.hello.boot.get() != 0;
        let mut skew = Skew::new(same_boot);
        skew.received(heard.received, heard.sent);
        Rc::new(Self {
            id,
            peer,
            control: Outbox::new(stream, counters.clone()),
            bulk: BulkOutbox::new(counters),
            shared,
            skew: RefCell::new(skew),
            pairing: RefCell::new(Pairing::new()),
            heard: Cell::new(0),
            acknowledged: Cell::new(0),
            last_received: Cell::new(heard.received),
            up: Cell::new(false),
            dirty: Cell::new(false),
            tasks: RefCell::default(),
            end: RefCell::default(),
            ended: Notify::new(),
            seat: RefCell::default(),
        })
    }

    /// Runs the link to its end, which it returns when nothing of it is left.
    pub(super) async fn run(self: Rc<Self>, reader: FrameReader) -> LinkEnd {
        self.start(Self::read(Rc::clone(&self), reader));
        let writer = Rc::clone(&self);
        self.start(async move {
            let error = writer.control.pump.run(&writer.control).await;
            broken(error).await
        });
        self.start(Self::keep(Rc::clone(&self)));
        self.ended.wait().await;
        let tasks = self.tasks.take();
        for task in tasks {
            task.cancel().await;
        }
        self.control.stream().shutdown();
        self.end.take().expect("a link that has ended has a reason")
    }

    /// The peer has opened its bulk connection.
    pub(super) fn attach_bulk(self: &Rc<Self>, stream: Stream, reader: FrameReader) {
        self.bulk.attach(stream);
        self.start(Self::read(Rc::clone(self), reader));
        let writer = Rc::clone(self);
        self.start(async move {
            let error = writer.bulk.pump.run(&writer.bulk).await;
            broken(error).await
        });
    }

    /// Holds a place for as long as the link lives.
    pub(super) fn take_seat(&self, seat: Option<Seat>) {
        *self.seat.borrow_mut() = seat;
    }

    /// Ends the link; the first reason counts.
    pub(super) fn finish(&self, reason: LinkEnd) {
        let mut end = self.end.borrow_mut();
        if end.is_none() {
            *end = Some(reason);
            self.ended.notify();
        }
    }

    /// Puts a message into this turn's frame; gives the frame's number.
    pub(super) fn send(self: &Rc<Self>, message: D::Say) -> u32 {
        if let Some(parcel) = self.control.push(message) {
            self.bulk.push(parcel);
        }
        if !self.dirty.replace(true) {
            self.shared.dirty.borrow_mut().push(Rc::clone(self));
        }
        self.control.sequence()
    }

    /// Bytes that wait for the peer to take them.
    pub(super) fn backlog(&self) -> u64 {
        let control = u64::try_from(self.control.waiting_bytes()).unwrap_or(u64::MAX);
        control.saturating_add(self.bulk.waiting_bytes())
    }

    /// Writes what was sent in this turn.
    pub(super) fn flush(&self) {
        self.dirty.set(false);
        self.control.flush();
        self.bulk.pump.flush(&self.bulk);
        self.report_dropped();
        let settings = &self.shared.settings;
        let stuck = self.control.waiting_bytes() > settings.outbox_bytes
            || self.bulk.waiting_bytes() > settings.bulk_bytes;
        if stuck {
            self.finish(LinkEnd::Stuck);
        }
    }

    /// The last of our frames that the peer has taken in.
    pub(super) const fn acknowledged(&self) -> u32 {
        self.acknowledged.get()
    }

    /// The last of the peer's frames of which every message was handed on.
    pub(super) fn applied(&self) -> u32 {
        let waiting = self.pairing.borrow_mut().oldest_sequence();
        waiting.map_or_else(|| self.heard.get(), |sequence| sequence.wrapping_sub(1))
    }

    pub(super) fn skew(&self) -> Skew {
        self.skew.borrow().clone()
    }

    /// Whether everything that was sent has been written.
    pub(super) fn is_drained(&self) -> bool {
        self.control.is_drained() && self.bulk.is_drained()
    }

    pub(super) const fn is_up(&self) -> bool {
        self.up.get()
    }

    /// Starts a task of the link; its end, or its panic, is the link's.
    fn start(self: &Rc<Self>, task: impl Future<Output = LinkEnd> + 'static) {
        let link = Rc::clone(self);
        let task = rt::spawn(async move {
            let end = rt::guarded(task).await;
            link.finish(end.unwrap_or_else(LinkEnd::Panicked));
        });
        self.tasks.borrow_mut().push(task);
    }

    /// Reads one of the connections: everything that has come in one go, then one notification.
    async fn read(self: Rc<Self>, mut reader: FrameReader) -> LinkEnd {
        match self.read_all(&mut reader).await {
            Ok(()) => LinkEnd::Closed,
            Err(error) => error,
        }
    }

    async fn read_all(&self, reader: &mut FrameReader) -> Result<(), LinkEnd> {
        while let Some(frame) = reader.next().await? {
            let now = clock::now();
            self.take_in(frame, now)?;
            while let Some(frame) = reader.try_next()? {
                self.take_in(frame, now)?;
            }
            self.control.acknowledge(self.applied());
            self.shared.counters.add_received(reader.take_count(), 0);
            self.shared.notify.notify();
            rt::yield_if_due().await;
            self.shared.inbox.room().await;
        }
        Ok(())
    }

    fn take_in(&self, frame: Frame, now: Nanos) -> Result<(), LinkEnd> {
        let preamble = &frame.preamble;
        self.last_received.set(now);
        if preamble.kind == FrameKind::Body {
            return self.take_body(frame, now);
        }
        if preamble.sequence != self.heard.get().wrapping_add(1) {
            return Err(LinkEnd::Protocol("frames are missing"));
        }
        self.heard.set(preamble.sequence);
        self.acknowledged.set(preamble.ack);
        self.skew.borrow_mut().received(now, preamble.sent);
        if preamble.kind == FrameKind::Ping {
            return self.take_ping(&frame);
        }
        if preamble.kind == D::HEARS {
            return self.take_messages(frame, now);
        }
        Err(LinkEnd::Protocol("a kind of frame that does not belong on this link"))
    }

    fn take_messages(&self, frame: Frame, now: Nanos) -> Result<(), LinkEnd> {
        let Some(offset) = self.skew.borrow().offset().filter(|_| self.up.get()) else {
            return Err(LinkEnd::Protocol("a message before the clocks agreed"));
        };
        self.shared.delayed(now.since(frame.preamble.sent.into_local(offset)));
        let settings = &self.shared.settings;
        let until = now + settings.pairing;
        let sequence = frame.preamble.sequence;
        let mut hear = |message| self.hear(message, now);
        let mut wait = |id: BodyId, message| {
            let paired = self.pairing.borrow_mut().message(id, message, sequence, until);
            if let Some((message, body)) = paired {
                self.hear(D::with_body(message, body), now);
            }
        };
        let mut ear = Ear { offset, hear: &mut hear, wait: &mut wait };
        let decoded = D::decode(&frame.header, &Body::new(frame.body), &settings.limits, &mut ear);
        decoded.map_err(|e| ReadError::from(e).into())
    }

    fn take_ping(&self, frame: &Frame) -> Result<(), LinkEnd> {
        let ping =
            decode_ping(&frame.header, frame.preamble.body_len, &self.shared.settings.limits)
                .map_err(ReadError::from)?;
        let mut skew = self.skew.borrow_mut();
        if let Some(delta) = ping.delta_min {
            skew.told(delta);
        }
        if skew.offset().is_some() && !self.up.replace(true) {
            self.shared.tell(Event::Up { link: self.id, peer: self.peer.clone() });
        }
        Ok(())
    }

    fn take_body(&self, frame: Frame, now: Nanos) -> Result<(), LinkEnd> {
        let settings = &self.shared.settings;
        let key = BodyId::decode(&frame.header, frame.preamble.body_len, &settings.limits)
            .map_err(ReadError::from)?;
        let body = frame.body.into();
        let until = now + settings.pairing;
        let paired = self.pairing.borrow_mut().body(key, body, until, settings.unclaimed_bytes);
        if let Some((message, body)) = paired {
            self.hear(D::with_body(message, body), now);
        }
        Ok(())
    }

    fn hear(&self, message: D::Hear, received: Nanos) {
        self.shared.counters.add_received(0, 1);
        self.shared.tell(Event::Heard { link: self.id, message, received });
    }

    /// Once a second: a ping, and a look at what has waited too long.
    async fn keep(self: Rc<Self>) -> LinkEnd {
        let settings = &self.shared.settings;
        loop {
            self.ping();
            rt::sleep(settings.ping).await;
            let now = clock::now();
            if now.since(self.last_received.get()) > settings.silence {
                return LinkEnd::Silent(settings.silence);
            }
            let late = self.pairing.borrow_mut().expire(now);
            if !late.is_empty() {
                for message in late {
                    self.hear(message, now);
                }
                self.shared.notify.notify();
            }
            self.report_dropped();
        }
    }

    fn ping(&self) {
        let delta_min = self.skew.borrow().inward();
        let mut frame = Vec::new();
        encode_ping(&Ping { delta_min }, &mut frame);
        self.control.push_frame(&frame);
        self.control.flush();
    }

    fn report_dropped(&self) {
        for id in self.bulk.take_dropped() {
            self.shared.tell(Event::Dropped { link: self.id, id });
            self.shared.notify.notify();
        }
    }
}

/// Writing failed. What the peer sent before it left may still be unread, and says more.
async fn broken(error: io::Error) -> LinkEnd {
    rt::sleep(READ_ON).await;
    LinkEnd::Io(error)
}

/// How long a link whose peer takes nothing is still read.
const READ_ON: Span = Span::from_millis(100);
