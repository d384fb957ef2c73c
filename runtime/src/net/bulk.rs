//! Bodies on their way out: ordered by urgency, written part by part, dropped when too late.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::task::{Context, Poll, ready};

use clockwork_wire::Nanos;
use clockwork_wire::codec::{BodyId, Chain, Sink, body_prefix, stamp};

use super::counters::Counters;
use super::dialect::Parcel;
use super::pump::{Pump, Source, poll_write};
use crate::clock;
use crate::rt::Stream;

/// The outgoing side of a bulk connection.
#[derive(Debug)]
pub(super) struct BulkOutbox {
    /// `None` until the peer has opened it.
    stream: RefCell<Option<Stream>>,
    waiting: RefCell<BTreeMap<(Nanos, u64), Parcel>>,
    waiting_bytes: Cell<u64>,
    /// How many parcels were pushed; makes the order of equal urgencies that of their arrival.
    pushed: Cell<u64>,
    /// How many were begun: the sequence number of the next.
    begun: Cell<u32>,
    /// The parcel that has begun; it is finished before another begins.
    under_way: RefCell<Chain>,
    dropped: RefCell<Vec<BodyId>>,
    pub(super) pump: Pump,
    counters: Counters,
}

impl BulkOutbox {
    pub(super) fn new(counters: Counters) -> Self {
        Self {
            stream: RefCell::default(),
            waiting: RefCell::default(),
            waiting_bytes: Cell::default(),
            pushed: Cell::default(),
            begun: Cell::default(),
            under_way: RefCell::default(),
            dropped: RefCell::default(),
            pump: Pump::default(),
            counters,
        }
    }

    /// The peer has opened its bulk connection.
    pub(super) fn attach(&self, stream: Stream) {
        *self.stream.borrow_mut() = Some(stream);
    }

    pub(super) fn is_attached(&self) -> bool {
        self.stream.borrow().is_some()
    }

    /// Whether every parcel has been written.
    pub(super) fn is_drained(&self) -> bool {
        self.waiting_bytes.get() == 0 && self.under_way.borrow().is_empty()
    }

    pub(super) fn push(&self, parcel: Parcel) {
        self.waiting_bytes.set(self.waiting_bytes.get() + u64::from(parcel.len()));
        let order = self.pushed.get();
        self.pushed.set(order + 1);
        self.waiting.borrow_mut().insert((parcel.latest, order), parcel);
    }

    /// Bytes that have not begun to be written.
    pub(super) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes.get()
    }

    /// The parcels that were dropped since the last call because their time was over.
    pub(super) fn take_dropped(&self) -> Vec<BodyId> {
        self.dropped.take()
    }

    /// Puts the most urgent parcel into `chain`, dropping those whose time is over.
    fn begin(&self, now: Nanos, chain: &mut Chain) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some((_, parcel)) = waiting.pop_first() {
            let len = parcel.len();
            self.waiting_bytes.set(self.waiting_bytes.get() - u64::from(len));
            if parcel.send_by < now {
                self.dropped.borrow_mut().push(parcel.id);
                continue;
            }
            let sequence = self.begun.get().wrapping_add(1);
            self.begun.set(sequence);
            let mut prefix = body_prefix(parcel.id, len);
            stamp(&mut prefix, now, sequence, 0);
            chain.put(&prefix);
            parcel.parts.into_iter().for_each(|part| chain.splice(part));
            return;
        }
    }
}

impl Source for BulkOutbox {
    fn pump(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.stream.borrow();
        let Some(stream) = stream.as_ref() else { return Poll::Ready(Ok(())) };
        let mut under_way = self.under_way.borrow_mut();
        loop {
            ready!(poll_write(&mut under_way, stream, &self.counters, cx))?;
            if self.waiting.borrow().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let now = clock::now();
            while under_way.len() < TOGETHER && !self.waiting.borrow().is_empty() {
                self.begin(now, &mut under_way);
            }
        }
    }
}

/// Parcels are begun together, for one write, up to so many bytes: what has begun does not give way to
/// what is more urgent.
const TOGETHER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use clockwork_wire::codec::{BODY_PREFIX_BYTES, Limits, Preamble};
    use clockwork_wire::{Payload, RequestId};

    use super::*;

    const LEN: usize = 20_000;

    fn parcel(id: u64, latest: u64, send_by: u64) -> Parcel {
        Parcel {
            id: BodyId::Request(RequestId::new(id)),
            parts: vec![Payload::new(vec![0; LEN])],
            latest: Nanos::new(latest),
            send_by: Nanos::new(send_by),
        }
    }

    /// The id of the parcel that is begun.
    fn begin(outbox: &BulkOutbox, now: u64) -> Option<BodyId> {
        let mut chain = Chain::default();
        outbox.begin(Nanos::new(now), &mut chain);
        let mut bytes = Vec::new();
        bytes.take_in(&mut chain);
        let prefix = bytes.first_chunk::<BODY_PREFIX_BYTES>()?;
        let (preamble, header) = prefix.split_first_chunk().unwrap();
        let preamble = Preamble::decode(preamble, &Limits::default()).unwrap();
        Some(BodyId::decode(header, preamble.body_len, &Limits::default()).unwrap())
    }

    fn id(id: u64) -> BodyId {
        BodyId::Request(RequestId::new(id))
    }

    #[test]
    fn the_most_urgent_parcel_goes_first_and_equals_go_in_order() {
        let outbox = BulkOutbox::new(Counters::default());
        outbox.push(parcel(1, 20, 100));
        outbox.push(parcel(2, 10, 100));
        outbox.push(parcel(3, 20, 100));
        assert_eq!(outbox.waiting_bytes(), 60_000);
        assert_eq!(begin(&outbox, 0), Some(id(2)));
        assert_eq!(begin(&outbox, 0), Some(id(1)));
        assert_eq!(begin(&outbox, 0), Some(id(3)));
        assert_eq!(begin(&outbox, 0), None);
        assert_eq!(outbox.waiting_bytes(), 0);
    }

    #[test]
    fn a_parcel_is_sent_at_its_last_moment_and_dropped_one_later() {
        let outbox = BulkOutbox::new(Counters::default());
        outbox.push(parcel(1, 10, 50));
        outbox.push(parcel(2, 20, 51));
        assert_eq!(begin(&outbox, 51), Some(id(2)));
        assert_eq!(outbox.take_dropped(), [id(1)]);
        outbox.push(parcel(3, 10, 50));
        assert_eq!(begin(&outbox, 50), Some(id(3)));
    }
}
