//! What is learned from results: how long things take, and how late they come.

use clockwork_wire::Span;

/// How long something takes: the longest of the last eight measurements, starting from a profiled
/// value that the first measurement replaces. The original keeps the 99th percentile of ten, which
/// is the longest but for interpolation; eight in line cost no allocation and no sorting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    samples: [Span; WINDOW],
    next: usize,
    value: Span,
}

impl Recent {
    /// Says `profiled` until something has been measured.
    pub(super) const fn new(profiled: Span) -> Self {
        Self { samples: [Span::ZERO; WINDOW], next: 0, value: profiled }
    }

    /// Takes a measurement in; the oldest leaves.
    pub(super) fn insert(&mut self, measured: Span) {
        self.samples[self.next % WINDOW] = measured;
        self.next = (self.next + 1) % WINDOW;
        self.value = self.samples.iter().copied().fold(Span::ZERO, Ord::max);
    }

    /// The estimate.
    pub(super) const fn value(&self) -> Span {
        self.value
    }
}

/// The 99th percentile of a stream of spans, followed step by step: a sample above it raises it by
/// 99 parts where a sample below lowers it by one. One part is a fraction of the value itself, so
/// that it follows microseconds and seconds alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    value: f64,
}

impl Tail {
    /// Begins at `value`.
    pub(super) const fn new(value: Span) -> Self {
        Self { value: value.as_f64() }
    }

    /// Takes a sample in.
    pub(super) fn insert(&mut self, sample: Span) {
        let part = self.value / PARTS + FLOOR;
        if sample.as_f64() > self.value {
            self.value = (self.value + 99.0 * part).min(sample.as_f64());
        } else {
            self.value = (self.value - part).max(0.0);
        }
    }

    /// Counts for half: what it says has not been seen for a while.
    pub(super) fn halve(&mut self) {
        self.value /= 2.0;
    }

    /// The percentile.
    pub(super) fn value(self) -> Span {
        Span::from_f64(self.value)
    }
}

const WINDOW: usize = 8;
/// A sample below the percentile lowers it by this part of itself; one above raises it by a tenth.
const PARTS: f64 = 1_000.0;
/// The least step, in nanoseconds.
const FLOOR: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_measurement_replaces_the_profile_and_the_window_slides() {
        let mut recent = Recent::new(Span::from_millis(9));
        assert_eq!(recent.value(), Span::from_millis(9));
        recent.insert(Span::from_millis(3));
        recent.insert(Span::from_millis(5));
        assert_eq!(recent.value(), Span::from_millis(5));
        for _ in 0..WINDOW {
            recent.insert(Span::from_millis(2));
        }
        assert_eq!(recent.value(), Span::from_millis(2));
    }

    #[test]
    fn a_tail_finds_the_99th_percentile_from_either_side() {
        for start in [Span::from_micros(1), Span::from_millis(50)] {
            let mut tail = Tail::new(start);
            for sample in 0..100_000_u64 {
                tail.insert(Span::from_micros(sample * 7_919 % 1_000));
            }
            let found = tail.value();
            let (low, high) = (Span::from_micros(900), Span::from_micros(1_150));
            assert!(low < found && found < high, "{found}");
        }
    }
}
