//! Messages on their way out on a control connection: one frame and one write per turn.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll, ready};

use clockwork_wire::codec::{Chain, Sink, stamp};

use super::counters::Counters;
use super::dialect::{Dialect, Parcel};
use super::pump::{Pump, Source, poll_write};
use crate::clock;
use crate::rt::Stream;

/// The outgoing side of a control connection.
pub(super) struct Outbox<D: Dialect> {
    stream: Stream,
    encoder: RefCell<D::Encoder>,
    /// Messages in the encoder.
    messages: Cell<usize>,
    /// Frames that are not written yet.
    encoded: RefCell<Chain>,
    /// The last frame that was encoded.
    sequence: Cell<u32>,
    /// The last frame of the peer that was taken in whole.
    acknowledge: Cell<u32>,
    pub(super) pump: Pump,
    counters: Counters,
}

impl<D: Dialect> Outbox<D> {
    pub(super) fn new(stream: Stream, counters: Counters) -> Self {
        Self {
            stream,
            encoder: RefCell::default(),
            messages: Cell::default(),
            encoded: RefCell::default(),
            sequence: Cell::default(),
            acknowledge: Cell::default(),
            pump: Pump::default(),
            counters,
        }
    }

    pub(super) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Puts a message into the frame of this turn; gives the body if it travels apart.
    pub(super) fn push(&self, message: D::Say) -> Option<Parcel> {
        if D::is_full(&self.encoder.borrow()) {
            self.encode(&mut self.encoded.borrow_mut());
        }
        self.messages.set(self.messages.get() + 1);
        D::encode(&mut self.encoder.borrow_mut(), message)
    }

    /// Puts a frame that is no message behind everything pushed so far.
    pub(super) fn push_frame(&self, frame: &[u8]) {
        let mut encoded = self.encoded.borrow_mut();
        self.encode(&mut encoded);
        self.append(&mut encoded, |out| out.put(frame));
    }

    /// The number of the frame that will carry what is pushed now.
    pub(super) const fn sequence(&self) -> u32 {
        self.sequence.get().wrapping_add(1)
    }

    /// Acknowledges the peer's frames up to this one, with whatever is sent next.
    pub(super) fn acknowledge(&self, sequence: u32) {
        self.acknowledge.set(sequence);
    }

    /// Writes this turn's frame. While the peer takes nothing, messages gather in one frame, so
    /// that send times stay true, until there are many.
    pub(super) fn flush(&self) {
        if !self.pump.is_blocked() {
            self.pump.flush(self);
        } else if self.messages.get() >= MESSAGES_GATHERED {
            self.encode(&mut self.encoded.borrow_mut());
        }
    }

    /// Bytes that are encoded and not written.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.encoded.borrow().len()
    }

    /// Whether everything pushed is written.
    pub(super) fn is_drained(&self) -> bool {
        self.messages.get() == 0 && self.waiting_bytes() == 0
    }

    fn encode(&self, encoded: &mut Chain) {
        let messages = self.messages.take();
        if messages > 0 {
            self.counters.add_sent(0, messages);
            self.append(encoded, |out| D::finish(&mut self.encoder.borrow_mut(), out));
        }
    }

    /// Appends one frame and stamps it.
    fn append(&self, encoded: &mut Chain, write: impl FnOnce(&mut Chain)) {
        let begin = encoded.written();
        write(encoded);
        let sequence = self.sequence();
        self.sequence.set(sequence);
        stamp(encoded.written_from(begin), clock::now(), sequence, self.acknowledge.get());
    }
}

impl<D: Dialect> Source for Outbox<D> {
    fn pump(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut encoded = self.encoded.borrow_mut();
        loop {
            if encoded.is_empty() {
                self.encode(&mut encoded);
            }
            if encoded.is_empty() {
                return Poll::Ready(Ok(()));
            }
            ready!(poll_write(&mut encoded, &self.stream, &self.counters, cx))?;
        }
    }
}

impl<D: Dialect> std::fmt::Debug for Outbox<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({:?}, {} B)", self.stream, self.waiting_bytes())
    }
}

/// Messages that may gather for a peer that takes nothing, before they are encoded and counted
/// against its limit.
const MESSAGES_GATHERED: usize = 1024;
