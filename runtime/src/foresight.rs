//! When something that is under way will be heard of.
//!
//! A core that sleeps when news comes takes some ten microseconds to wake up. Much of what comes has been
//! foretold, though: an execution ends after the time that it takes, and its result is a hop away. What is
//! learned here is how much later than foretold news comes, and how reliably, so that the core can be awake
//! just then.

use clockwork_wire::{Nanos, Span, Window};

/// What is awaited, and how far foretelling can be trusted.
#[derive(Debug)]
pub(crate) struct Foresight<K> {
    /// How much earlier the core wants to be awake; zero: it sleeps through to whatever comes.
    margin: Span,
    /// What was foretold, and for when; some only.
    awaited: Vec<(K, Nanos)>,
    delay: Delay,
}

impl<K: PartialEq> Foresight<K> {
    /// Nothing is awaited. A margin of zero foresees nothing ever.
    pub(crate) fn new(margin: Span) -> Self {
        Self { margin, awaited: Vec::new(), delay: Delay::default() }
    }

    /// Whether anything will be foreseen.
    pub(crate) const fn is_on(&self) -> bool {
        !self.margin.is_zero()
    }

    /// Something should be heard of `key` about then, as is known now. Where much is awaited something
    /// comes all the time, and no more is noted.
    pub(crate) fn await_one(&mut self, key: K, foretold: Nanos) {
        if !self.is_on() {
            return;
        }
        if let Some((_, before)) = self.awaited.iter_mut().find(|(awaited, _)| *awaited == key) {
            *before = foretold;
            return;
        }
        if self.awaited.len() == AWAITED_MOST {
            // What did not come will not be missed.
            self.awaited.retain(|(_, other)| foretold.since(*other) < GIVEN_UP);
        }
        if self.awaited.len() < AWAITED_MOST {
            self.awaited.push((key, foretold));
        }
    }

    /// It came.
    pub(crate) fn came(&mut self, key: &K, at: Nanos) {
        if let Some(place) = self.awaited.iter().position(|(awaited, _)| awaited == key) {
            let (_, foretold) = self.awaited.swap_remove(place);
            self.delay.observe(at - before(foretold));
        }
    }

    /// When the next of what is awaited should come, if that is known well enough: not before the window
    /// and not after it, most of the time.
    pub(crate) fn next(&self, now: Nanos) -> Option<Window> {
        let windows = self.awaited.iter().filter_map(|(_, foretold)| {
            let window = self.delay.window(before(*foretold), self.margin);
            window.filter(|window| now < window.latest)
        });
        windows.min_by_key(|window| window.earliest)
    }
}

/// A running estimate of how long something takes: the median, and the median distance from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delay {
    median: Span,
    spread: Span,
}

impl Delay {
    /// It took so long once more.
    pub(crate) fn observe(&mut self, delay: Span) {
        if self.median.is_zero() {
            *self = Self { median: delay, spread: SPREAD_FIRST };
            return;
        }
        let off = (delay - self.median).max(self.median - delay);
        // Steps that follow the distances find a median far away soon, and rest at a near one.
        let step = self.spread.scale(0.125) + STEP;
        self.median = if delay > self.median { self.median + step } else { self.median - step };
        self.spread = if off > self.spread { self.spread + step } else { self.spread - step };
    }

    /// How long it takes as a rule; zero if that is not known.
    pub(crate) const fn median(&self) -> Span {
        self.median
    }

    /// When it should be over if it began then; `None` if that is not known to a few times the margin.
    fn window(&self, begun: Nanos, margin: Span) -> Option<Window> {
        let known = !self.median.is_zero() && self.spread <= margin;
        let (at, reach) = (begun + self.median, margin + self.spread.times(2));
        known.then(|| Window { earliest: at - reach, latest: at + reach })
    }
}

/// What comes earlier than foretold comes after this.
fn before(foretold: Nanos) -> Nanos {
    foretold - EARLIEST
}

/// The most that is awaited one by one.
const AWAITED_MOST: usize = 16;
/// What is so late is not awaited any longer.
const GIVEN_UP: Span = Span::from_secs(1);
/// No news comes so much earlier than foretold that it is of interest by how much.
const EARLIEST: Span = Span::from_millis(10);
/// What nothing is known of yet is not reliable.
const SPREAD_FIRST: Span = Span::from_micros(500);
const STEP: Span = Span::new(100);

#[cfg(test)]
mod tests {
    use super::*;

    const MARGIN: Span = Span::from_micros(60);

    fn at(micros: u64) -> Nanos {
        Nanos::new(1_000_000_000) + Span::from_micros(micros)
    }

    /// A foresight that has seen news come so many microseconds after it was foretold.
    fn taught(delays: impl Iterator<Item = u64>) -> Foresight<u64> {
        let mut foresight = Foresight::new(MARGIN);
        for (number, delay) in (0..).zip(delays) {
            let foretold = at(number * 5_000);
            foresight.await_one(number, foretold);
            foresight.came(&number, foretold + Span::from_micros(delay));
        }
        foresight
    }

    #[test]
    fn news_that_comes_reliably_is_awaited_in_a_narrow_window_around_its_time() {
        let mut foresight = taught((0..200).map(|n| 90 + n % 3 * 5));
        let now = at(10_000_000);
        foresight.await_one(7, now + Span::from_millis(3));
        let window = foresight.next(now).unwrap();
        let news = now + Span::from_micros(3_095);
        assert!(window.contains(news), "{window:?}");
        assert!(window.latest - window.earliest < Span::from_micros(170), "{window:?}");
        assert_eq!(foresight.next(window.latest), None, "it did not come");
        foresight.came(&7, news);
        assert_eq!(foresight.next(now), None, "it came");
    }

    #[test]
    fn news_may_come_before_it_is_foretold() {
        let mut foresight = Foresight::new(MARGIN);
        for number in 0..200_u64 {
            let foretold = at(number * 5_000);
            foresight.await_one(number, foretold);
            foresight.came(&number, foretold - Span::from_micros(250));
        }
        let now = at(10_000_000);
        foresight.await_one(7, now + Span::from_millis(3));
        let window = foresight.next(now).unwrap();
        assert!(window.contains(now + Span::from_micros(2_750)), "{window:?}");
    }

    #[test]
    fn news_that_comes_at_any_time_is_not_awaited_awake() {
        let mut foresight = taught((0..400).map(|n| n * 7_919 % 3_000));
        foresight.await_one(7, at(9_000_000));
        assert_eq!(foresight.next(at(9_000_000)), None);
    }

    #[test]
    fn the_first_window_counts_and_what_never_comes_is_forgotten() {
        let mut foresight = taught((0..200).map(|_| 90));
        let now = at(10_000_000);
        foresight.await_one(1, now + Span::from_millis(3));
        foresight.await_one(2, now + Span::from_millis(1));
        let window = foresight.next(now).unwrap();
        assert!(window.contains(now + Span::from_micros(1_090)), "{window:?}");
        for number in 10..100 {
            foresight.await_one(number, now);
        }
        assert!(foresight.awaited.len() <= AWAITED_MOST);
        foresight.await_one(100, now + Span::from_secs(2));
        assert_eq!(foresight.awaited.len(), 1);
        let mut blind = Foresight::new(Span::ZERO);
        blind.await_one(1, now);
        assert!(blind.awaited.is_empty() && blind.next(now).is_none());
    }

    #[test]
    fn an_estimate_follows_a_change() {
        let mut delay = Delay::default();
        (0..200).for_each(|_| delay.observe(Span::from_micros(3_400)));
        assert!(delay.window(at(0), MARGIN).is_some());
        (0..200).for_each(|_| delay.observe(Span::from_micros(700)));
        let window = delay.window(at(0), MARGIN).unwrap();
        assert!(window.contains(at(700)), "{window:?}");
    }
}
