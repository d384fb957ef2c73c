//! How much went over the connections: the source of the `... MB/s (n msgs)` lines.

use std::cell::Cell;
use std::rc::Rc;

/// Running totals of a hub's connections. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counters(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sent: Cell<Traffic>,
    received: Cell<Traffic>,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes on the connections, framing included.
    pub bytes: u64,
    /// Messages; a frame may carry many.
    pub messages: u64,
}

impl Counters {
    /// What was sent since the start.
    pub fn sent(&self) -> Traffic {
        self.0.sent.get()
    }

    /// What was received since the start.
    pub fn received(&self) -> Traffic {
        self.0.received.get()
    }

    pub(super) fn add_sent(&self, bytes: usize, messages: usize) {
        add(&self.0.sent, bytes, messages);
    }

    pub(super) fn add_received(&self, bytes: usize, messages: usize) {
        add(&self.0.received, bytes, messages);
    }
}

impl std::ops::Sub for Traffic {
    type Output = Self;
    /// The traffic between two readings of the same totals, the earlier one on the right.
    fn sub(self, earlier: Self) -> Self {
        Self { bytes: self.bytes - earlier.bytes, messages: self.messages - earlier.messages }
    }
}

fn add(cell: &Cell<Traffic>, bytes: usize, messages: usize) {
    let widen = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let Traffic { bytes: b, messages: m } = cell.get();
    cell.set(Traffic { bytes: b + widen(bytes), messages: m + widen(messages) });
}
