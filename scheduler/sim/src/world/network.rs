//! Links between processes: delay, jitter, bandwidth, and messages in order.

use clockwork_wire::{Nanos, Span};
use rand_distr::{Distribution, Exp1};

use super::crowd::Crowd;
use crate::calibration::Link;
use crate::streams::Random;

/// One direction between two processes: a control connection for headers and a bulk connection for
/// bodies, so that a large body delays no header. A message has arrived when both parts have.
#[derive(Debug)]
pub(crate) struct Path {
    link: Link,
    control: Pipe,
    bulk: Pipe,
    random: Random,
    /// What else goes this way.
    crowd: Crowd,
}

/// One connection.
#[derive(Clone, Copy, Debug, Default)]
struct Pipe {
    /// When the last byte so far will have left.
    free_at: Nanos,
    /// When the last message so far arrives: nothing overtakes it.
    last_arrival: Nanos,
}

impl Path {
    /// An idle path.
    pub(crate) fn new(link: Link, random: Random) -> Self {
        let crowd = Crowd::default();
        Self { link, control: Pipe::default(), bulk: Pipe::default(), random, crowd }
    }

    /// From now on it is shared with this traffic.
    pub(crate) fn share(&mut self, crowd: Crowd) {
        self.crowd = crowd;
    }

    /// Sends a message with `body` bytes of payload at `now`; returns when it arrives, or `None`
    /// if its body could not begin to leave by `send_by`.
    pub(crate) fn send(&mut self, now: Nanos, body: u64, send_by: Nanos) -> Option<Nanos> {
        if self.bulk.free_at.max(now) > send_by {
            return None;
        }
        let delay = self.delay();
        let header = self.control.carry(now, self.time(HEADER_BYTES), delay, &self.crowd);
        if body == 0 {
            return Some(header);
        }
        let delay = self.delay();
        Some(header.max(self.bulk.carry(now, self.time(body), delay, &self.crowd)))
    }

    /// Nothing that was sent before is in the way any longer: the connection is a new one.
    pub(crate) fn reset(&mut self) {
        self.control = Pipe::default();
        self.bulk = Pipe::default();
    }

    fn delay(&mut self) -> Span {
        if self.link.jitter.is_zero() {
            return self.link.delay;
        }
        let factor: f64 = Exp1.sample(&mut self.random);
        self.link.delay + self.link.jitter.scale(factor)
    }

    fn time(&self, bytes: u64) -> Span {
        if self.link.bandwidth == 0 {
            return Span::ZERO;
        }
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(self.link.bandwidth);
        Span::new(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

impl Pipe {
    fn carry(&mut self, now: Nanos, time: Span, delay: Span, crowd: &Crowd) -> Nanos {
        self.free_at = crowd.end(self.free_at.max(now), time);
        self.last_arrival = self.last_arrival.max(self.free_at + delay);
        self.last_arrival
    }
}

/// A preamble and the header of a typical message.
const HEADER_BYTES: u64 = 160;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn path(link: Link) -> Path {
        Path::new(link, Random::seed_from_u64(1))
    }

    #[test]
    fn messages_never_overtake_each_other() {
        let link = Link { delay: Span::new(10), jitter: Span::new(1_000), bandwidth: 0 };
        let mut path = path(link);
        let send = |at| path.send(Nanos::new(at), 0, Nanos::MAX).unwrap();
        let arrivals: Vec<_> = (0..100).map(send).collect();
        assert!(arrivals.is_sorted());
        assert!(arrivals.iter().any(|&at| at > Nanos::new(500)), "jitter was drawn");
    }

    #[test]
    fn a_body_takes_its_time_and_delays_no_header() {
        let link = Link { delay: Span::new(10), jitter: Span::ZERO, bandwidth: 1_000_000_000 };
        let mut path = path(link);
        let mut send = |body, send_by| path.send(Nanos::new(1_000), body, Nanos::new(send_by));
        assert_eq!(send(5_000, u64::MAX), Some(Nanos::new(6_010)));
        assert_eq!(send(5_000, u64::MAX), Some(Nanos::new(11_010)));
        assert_eq!(send(5_000, 5_000), None, "the bulk connection is busy until 11,000");
        assert_eq!(send(0, u64::MAX), Some(Nanos::new(1_490)));
    }

    #[test]
    fn a_shared_link_is_slower_while_others_are_there() {
        let link = Link { delay: Span::new(10), jitter: Span::ZERO, bandwidth: 1_000_000_000 };
        let mut path = path(link);
        let mut crowd = Crowd::default();
        crowd.note(Nanos::new(2_000), 1);
        crowd.note(Nanos::new(6_000), 0);
        path.share(crowd);
        let mut send = |at, body| path.send(Nanos::new(at), body, Nanos::MAX);
        assert_eq!(send(1_000, 2_000), Some(Nanos::new(4_010)), "half of it at half the pace");
        assert_eq!(send(3_000, 3_000), Some(Nanos::new(8_010)), "1,000 behind it at half the pace");
        assert_eq!(send(5_000, 0), Some(Nanos::new(5_330)), "headers share, too");
    }
}
