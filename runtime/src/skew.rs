//! How far a peer's clock is ahead of ours, from what its messages say.

use std::collections::VecDeque;

use clockwork_wire::{ClockOffset, Foreign, Nanos, Span};

/// Estimates a peer's clock from the smallest one-way deltas of the last ten seconds.
///
/// A message that the peer stamped `sent` and that we received at `received` gives the inward
/// delta `received - sent`: the true delay minus how far the peer is ahead. The peer sees the
/// outward delta of our messages and tells us its smallest. With the smallest of both, the offset
/// is half of their difference, and it is wrong by at most half of their sum.
#[derive(Clone, Debug)]
pub struct Skew {
    same_boot: bool,
    inward: Minimum,
    outward: Option<i64>,
}

impl Skew {
    /// Nothing is known yet; `same_boot` if both ends have the same boot id.
    pub const fn new(same_boot: bool) -> Self {
        Self { same_boot, inward: Minimum::new(), outward: None }
    }

    /// A message that the peer stamped `sent` on its clock was received at `received` on ours.
    pub fn received(&mut self, received: Nanos, sent: Foreign<Nanos>) {
        // No step between the clocks: that step is what is being measured.
        let sent = sent.into_local(ClockOffset::SAME);
        self.inward.add(received, difference(received, sent));
    }

    /// The peer's smallest delta of our messages, as it told us.
    pub fn told(&mut self, outward: i64) {
        self.outward = Some(outward);
    }

    /// Our smallest delta of the peer's messages, to be told to it; `None` before the first.
    pub fn inward(&self) -> Option<i64> {
        self.inward.get()
    }

    /// The sum of both smallest one-way deltas: the smallest round trip. Zero while unknown.
    pub fn round_trip(&self) -> Span {
        match (self.inward.get(), self.outward) {
            (Some(inward), Some(outward)) => span(inward.saturating_add(outward)),
            _ => Span::ZERO,
        }
    }

    /// The peer's clock against ours, once it is known.
    ///
    /// One boot means one clock, unless a delta below zero says otherwise: then somebody set the
    /// wall clock between the starts of the two processes.
    pub fn offset(&self) -> Option<ClockOffset> {
        let negative = |delta: Option<i64>| delta.is_some_and(|d| d < -SAME_CLOCK_NOISE);
        if self.same_boot && !negative(self.inward.get()) && !negative(self.outward) {
            return Some(ClockOffset::SAME);
        }
        let (inward, outward) = (self.inward.get()?, self.outward?);
        Some(ClockOffset {
            ahead: outward.saturating_sub(inward) / 2,
            error: span(inward.saturating_add(outward).saturating_add(1) / 2),
        })
    }
}

/// The smallest value of the last [`WINDOW`], in bounded memory: one entry per tenth of it.
#[derive(Clone, Debug)]
struct Minimum(VecDeque<(Nanos, i64)>);

impl Minimum {
    const fn new() -> Self {
        Self(VecDeque::new())
    }

    fn add(&mut self, now: Nanos, value: i64) {
        match self.0.back_mut() {
            Some((begin, least)) if now.since(*begin) < SLOT => *least = (*least).min(value),
            _ => self.0.push_back((now, value)),
        }
        // The newest slot always stays, so that a quiet peer keeps its last estimate.
        while self.0.len() > 1
            && self.0.front().is_some_and(|(begin, _)| now.since(*begin) > WINDOW)
        {
            self.0.pop_front();
        }
    }

    fn get(&self) -> Option<i64> {
        self.0.iter().map(|(_, least)| *least).min()
    }
}

/// `a - b` in nanoseconds, with its sign; saturates.
fn difference(a: Nanos, b: Nanos) -> i64 {
    let clamp = |span: Span| i64::try_from(span.get()).unwrap_or(i64::MAX);
    if a >= b { clamp(a - b) } else { -clamp(b - a) }
}

fn span(ns: i64) -> Span {
    Span::new(u64::try_from(ns).unwrap_or(0))
}

/// How far back minima reach: long enough to find a quiet moment, short enough to follow a drift
/// (10 s at 20 ppm is 200 us).
const WINDOW: Span = Span::from_secs(10);
const SLOT: Span = Span::from_secs(1);
/// Two processes that read one clock sample its epoch up to this far apart, in nanoseconds.
const SAME_CLOCK_NOISE: i64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const AHEAD: u64 = 5_000_000;

    /// A peer whose clock is 5 ms ahead, with these true delays.
    fn skewed(inward_delay: u64, outward_delay: u64) -> Skew {
        let mut skew = Skew::new(false);
        let sent = Nanos::new(1_000_000_000);
        skew.received(sent + Span::new(inward_delay), Foreign::new(sent + Span::new(AHEAD)));
        skew.told(i64::try_from(outward_delay + AHEAD).unwrap());
        skew
    }

    #[test]
    fn equal_delays_give_the_exact_offset() {
        let offset = skewed(40_000, 40_000).offset().unwrap();
        assert_eq!(offset, ClockOffset { ahead: 5_000_000, error: Span::new(40_000) });
    }

    #[test]
    fn unequal_delays_stay_within_the_error_bound() {
        let skew = skewed(10_000, 90_000);
        let offset = skew.offset().unwrap();
        assert_eq!(skew.round_trip(), Span::new(100_000));
        assert!(offset.ahead.abs_diff(5_000_000) <= offset.error.get());
    }

    #[test]
    fn nothing_is_known_before_both_ends_spoke() {
        let mut skew = Skew::new(false);
        assert_eq!(skew.offset(), None);
        skew.received(Nanos::new(10), Foreign::new(Nanos::new(5)));
        assert_eq!((skew.offset(), skew.inward()), (None, Some(5)));
    }

    #[test]
    fn one_boot_is_one_clock_until_a_delta_denies_it() {
        let mut skew = Skew::new(true);
        assert_eq!(skew.offset(), Some(ClockOffset::SAME));
        skew.received(Nanos::new(1_000_040_000), Foreign::new(Nanos::new(1_000_000_000)));
        skew.told(30_000);
        assert_eq!(skew.offset(), Some(ClockOffset::SAME));
        skew.told(-2_000_000);
        assert_eq!(skew.offset().map(|o| o.ahead), Some(-1_020_000));
    }

    #[test]
    fn an_old_minimum_is_forgotten_after_ten_seconds() {
        let mut skew = Skew::new(false);
        let receive = |skew: &mut Skew, second: u64, delta: u64| {
            let received = Nanos::ZERO + Span::from_secs(second);
            skew.received(received, Foreign::new(received - Span::new(delta)));
        };
        receive(&mut skew, 100, 10);
        for second in 101..=110 {
            receive(&mut skew, second, 50);
        }
        assert_eq!(skew.inward(), Some(10));
        receive(&mut skew, 111, 50);
        assert_eq!(skew.inward(), Some(50));
        assert!(skew.inward.0.len() <= 12);
    }
}
