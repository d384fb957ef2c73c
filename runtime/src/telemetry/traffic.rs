//! How much a kind of link carried.

use std::fmt;
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

use clockwork_wire::Span;

use crate::net::{Counters, Traffic};

/// What was carried in both directions: since the start, or between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Outward.
    pub sent: Traffic,
    /// Inward.
    pub received: Traffic,
}

impl Carried {
    /// What two cores carried together.
    pub(crate) fn plus(self, other: Self) -> Self {
        let add = |a: Traffic, b: Traffic| Traffic {
            bytes: a.bytes + b.bytes,
            messages: a.messages + b.messages,
        };
        Self { sent: add(self.sent, other.sent), received: add(self.received, other.received) }
    }
}

/// The running totals of a core's connections.
impl From<&Counters> for Carried {
    fn from(counters: &Counters) -> Self {
        Self { sent: counters.sent(), received: counters.received() }
    }
}

/// What was carried since the earlier reading on the right.
impl Sub for Carried {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        Self { sent: self.sent - earlier.sent, received: self.received - earlier.received }
    }
}

/// Running totals that one core publishes and the writer reads. The four numbers need no order
/// between them: nothing is decided by them.
#[derive(Debug, Default)]
pub(super) struct Published {
    bytes_sent: AtomicU64,
    messages_sent: AtomicU64,
    bytes_received: AtomicU64,
    messages_received: AtomicU64,
}

impl Published {
    /// Replaces what was published before.
    pub(super) fn store(&self, totals: Carried) {
        self.bytes_sent.store(totals.sent.bytes, Ordering::Relaxed);
        self.messages_sent.store(totals.sent.messages, Ordering::Relaxed);
        self.bytes_received.store(totals.received.bytes, Ordering::Relaxed);
        self.messages_received.store(totals.received.messages, Ordering::Relaxed);
    }

    /// What was published last.
    pub(super) fn load(&self) -> Carried {
        let traffic = |bytes: &AtomicU64, messages: &AtomicU64| Traffic {
            bytes: bytes.load(Ordering::Relaxed),
            messages: messages.load(Ordering::Relaxed),
        };
        Carried {
            sent: traffic(&self.bytes_sent, &self.messages_sent),
            received: traffic(&self.bytes_received, &self.messages_received),
        }
    }
}

/// The line of a link, per second: `Network->Workers: 34.8MB/s (402 msgs) snd, 1.6MB/s (402 msgs)
/// rcv, `, with the original's trailing comma and space. `MB` is 2^20 bytes.
#[derive(Clone, Copy, Debug)]
pub struct TrafficText<'a> {
    /// The link: `Network->Workers` or `Client->Controller`.
    pub link: &'a str,
    /// What it carried in the interval.
    pub carried: Carried,
    /// The length of the interval; not zero.
    pub interval: Span,
}

impl fmt::Display for TrafficText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_second = |count: u64| Span::new(count).as_f64() / self.interval.as_secs_f64();
        let megabytes = |bytes: u64| per_second(bytes) / f64::from(1_u32 << 20);
        write!(
            f,
            "{}: {:.1}MB/s ({:.0} msgs) snd, {:.1}MB/s ({:.0} msgs) rcv, ",
            self.link,
            megabytes(self.carried.sent.bytes),
            per_second(self.carried.sent.messages),
            megabytes(self.carried.received.bytes),
            per_second(self.carried.received.messages)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_prints_the_documented_line_per_second() {
        let carried = Carried {
            sent: Traffic { bytes: 364_904_448, messages: 4_020 },
            received: Traffic { bytes: 16_777_216, messages: 4_020 },
        };
        let text = TrafficText { link: "Network->Workers", carried, interval: Span::from_secs(10) };
        assert_eq!(
            text.to_string(),
            "Network->Workers: 34.8MB/s (402 msgs) snd, 1.6MB/s (402 msgs) rcv, "
        );
    }

    #[test]
    fn what_is_published_is_what_was_stored_last() {
        let published = Published::default();
        let totals = Carried {
            sent: Traffic { bytes: 1, messages: 2 },
            received: Traffic { bytes: 3, messages: 4 },
        };
        published.store(Carried::default());
        published.store(totals);
        assert_eq!(published.load(), totals);
        assert_eq!(published.load() - totals, Carried::default());
        assert_eq!(totals.plus(totals) - totals, totals);
    }
}
