//! How long something takes: a high percentile over a sliding window of measurements.

use clockwork_wire::Span;
use smallvec::SmallVec;

/// Estimates a duration from its last measurements, starting from a profiled value that the first
/// measurement replaces (reference: the original's window of 10 samples at the 99th percentile).
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    samples: Vec<Span>,
    next: usize,
    window: usize,
    /// The percentile in millionths, so that positions are integers.
    millionths: u64,
    value: Span,
}

impl Estimate {
    /// An estimate that says `profiled` until something has been measured.
    ///
    /// # Panics
    /// If `window` is zero or `percentile` is not within 0 to 1; the configuration checks both.
    pub(crate) fn new(profiled: Span, window: usize, percentile: f64) -> Self {
        assert!(window > 0, "an estimate needs at least one sample");
        assert!((0.0..=1.0).contains(&percentile), "a percentile is within 0 to 1");
        let millionths = Span::from_f64(percentile * 1e6).get();
        Self { samples: Vec::new(), next: 0, window, millionths, value: profiled }
    }

    /// Takes a measurement in; the oldest leaves when the window is full.
    pub(crate) fn insert(&mut self, measured: Span) {
        if self.samples.len() < self.window {
            self.samples.push(measured);
        } else {
            self.samples[self.next] = measured;
        }
        self.next = (self.next + 1) % self.window;
        self.value = quantile(&self.samples, self.millionths);
    }

    /// The estimate.
    pub(crate) fn value(&self) -> Span {
        self.value
    }
}

/// The quantile with linear interpolation between order statistics (position `p·(n−1)`).
fn quantile(samples: &[Span], millionths: u64) -> Span {
    let mut sorted: SmallVec<[Span; 16]> = samples.into();
    sorted.sort_unstable();
    let mut position = 0;
    let mut rest = 0;
    for _ in 1..sorted.len() {
        rest += millionths;
        position += usize::from(rest >= MILLION);
        rest -= if rest >= MILLION { MILLION } else { 0 };
    }
    let low = sorted[position];
    let high = sorted.get(position + 1).copied().unwrap_or(low);
    low + Span::new((high - low).get().saturating_mul(rest) / MILLION)
}

const MILLION: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_measurement_replaces_the_profile() {
        let mut estimate = Estimate::new(Span::from_millis(9), 10, 0.99);
        assert_eq!(estimate.value(), Span::from_millis(9));
        estimate.insert(Span::from_millis(3));
        assert_eq!(estimate.value(), Span::from_millis(3));
    }

    #[test]
    fn the_quantile_interpolates_and_the_window_slides() {
        let mut estimate = Estimate::new(Span::ZERO, 10, 0.99);
        for ms in 1..=10 {
            estimate.insert(Span::from_millis(ms));
        }
        // Position 0.99 · 9 = 8.91: between the 9th and the 10th.
        assert_eq!(estimate.value(), Span::from_micros(9_910));
        for _ in 0..10 {
            estimate.insert(Span::from_millis(2));
        }
        assert_eq!(estimate.value(), Span::from_millis(2));
    }
}
