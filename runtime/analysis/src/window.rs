//! Which part of a run is measured, and its division into buckets.

use clockwork_wire::{Nanos, Span};
use thiserror::Error;

/// The part of a run that is measured: rows with `from` ≤ t < `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first instant. Buckets are counted from here.
    pub from: Nanos,
    /// Its end; with [`Nanos::MAX`] it ends just after the last row.
    pub until: Nanos,
}

/// What is left out at both ends of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Left out at the beginning.
    pub warm_up: Span,
    /// Left out at the end.
    pub cool_down: Span,
}

impl Window {
    /// From `from` to the last row.
    pub const fn starting(from: Nanos) -> Self {
        Self { from, until: Nanos::MAX }
    }

    /// What a cut leaves of a run whose rows lie from `first` to `last`. It is empty if the cut is
    /// longer than the run.
    pub fn of_run(first: Nanos, last: Nanos, cut: Cut) -> Self {
        let from = first + cut.warm_up;
        if cut.cool_down.is_zero() {
            return Self { from, until: last + Span::new(1) };
        }
        Self { from, until: last - cut.cool_down }
    }

    /// Whether it takes in this instant.
    pub fn contains(self, t: Nanos) -> bool {
        self.from <= t && t < self.until
    }
}

/// Why nothing can be measured this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WindowError {
    /// A bucket takes no time.
    #[error("a bucket of 0 s holds nothing: take 1 s or more")]
    NoBucket,
    /// The window is empty.
    #[error("nothing is left to measure: warm-up and cool-down are longer than the run")]
    Empty,
    /// There would be too many buckets to keep.
    #[error("{buckets} buckets are too many: take wider ones (at most {BUCKETS_MAX} are kept)")]
    TooManyBuckets {
        /// How many there would be.
        buckets: u64,
    },
}

/// A window cut into buckets of one width; the last one may be shorter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buckets {
    window: Window,
    width: Span,
}

impl Buckets {
    pub(crate) fn new(window: Window, width: Span) -> Result<Self, WindowError> {
        if width.is_zero() {
            return Err(WindowError::NoBucket);
        }
        if window.until <= window.from {
            return Err(WindowError::Empty);
        }
        let buckets = (window.until - window.from).get().div_ceil(width.get());
        if window.until != Nanos::MAX && buckets > BUCKETS_MAX {
            return Err(WindowError::TooManyBuckets { buckets });
        }
        Ok(Self { window, width })
    }

    pub(crate) fn width(&self) -> Span {
        self.width
    }

    pub(crate) fn from(&self) -> Nanos {
        self.window.from
    }

    /// The bucket of an instant; `None` if it is not measured.
    pub(crate) fn of(&self, t: Nanos) -> Option<usize> {
        let bucket = (t - self.window.from).get() / self.width.get();
        let measured = self.window.contains(t) && bucket < BUCKETS_MAX;
        usize::try_from(bucket).ok().filter(|_| measured)
    }

    /// When the window ends, if the last row that was seen is from `last`.
    pub(crate) fn end(&self, last: Nanos) -> Nanos {
        match self.window.until {
            Nanos::MAX => last.max(self.window.from) + Span::new(1),
            until => until,
        }
    }

    /// How many buckets there are until `end`.
    pub(crate) fn count(&self, end: Nanos) -> usize {
        let buckets = (end - self.window.from).get().div_ceil(self.width.get());
        usize::try_from(buckets.min(BUCKETS_MAX)).unwrap_or_default()
    }

    /// Begin of a bucket and how much of it lies before `end`.
    pub(crate) fn at(&self, bucket: usize, end: Nanos) -> (Span, Span) {
        let begin = self.width.times(u64::try_from(bucket).unwrap_or(u64::MAX));
        let length = (end - self.window.from) - begin;
        (begin, length.min(self.width))
    }
}

/// Buckets that are kept: a day of seconds, and some.
pub const BUCKETS_MAX: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Nanos {
        Nanos::ZERO + Span::from_secs(s)
    }

    #[test]
    fn a_window_holds_its_first_instant_and_not_its_end() {
        let window = Window { from: at(10), until: at(35) };
        let buckets = Buckets::new(window, Span::from_secs(10)).unwrap();
        assert_eq!(buckets.of(Nanos::new(9_999_999_999)), None);
        assert_eq!(buckets.of(at(10)), Some(0));
        assert_eq!(buckets.of(Nanos::new(19_999_999_999)), Some(0));
        assert_eq!(buckets.of(at(34)), Some(2));
        assert_eq!(buckets.of(at(35)), None);
    }

    #[test]
    fn the_last_bucket_is_as_long_as_the_window_leaves_it() {
        let window = Window { from: at(10), until: at(35) };
        let buckets = Buckets::new(window, Span::from_secs(10)).unwrap();
        let end = buckets.end(at(20));
        assert_eq!((end, buckets.count(end)), (at(35), 3));
        assert_eq!(buckets.at(1, end), (Span::from_secs(10), Span::from_secs(10)));
        assert_eq!(buckets.at(2, end), (Span::from_secs(20), Span::from_secs(5)));
    }

    #[test]
    fn an_open_window_ends_just_after_the_last_row() {
        let buckets = Buckets::new(Window::starting(at(10)), Span::from_secs(10)).unwrap();
        let end = buckets.end(at(30));
        assert_eq!((end, buckets.count(end)), (at(30) + Span::new(1), 3));
        assert_eq!(buckets.count(buckets.end(Nanos::ZERO)), 1);
    }

    #[test]
    fn a_cut_leaves_the_middle_of_a_run() {
        let cut = Cut { warm_up: Span::from_secs(5), cool_down: Span::from_secs(2) };
        assert_eq!(Window::of_run(at(10), at(20), cut), Window { from: at(15), until: at(18) });
        let whole = Window::of_run(at(10), at(20), Cut::default());
        assert!(whole.contains(at(10)) && whole.contains(at(20)));
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let second = Span::from_secs(1);
        let of = |window, width| Buckets::new(window, width).err();
        let hour = Window { from: at(0), until: at(3_600) };
        assert_eq!(of(hour, Span::ZERO), Some(WindowError::NoBucket));
        assert_eq!(of(Window { from: at(1), until: at(1) }, second), Some(WindowError::Empty));
        let buckets = 3_600_000;
        let error = WindowError::TooManyBuckets { buckets };
        assert_eq!(of(hour, Span::from_millis(1)), Some(error));
    }

    #[test]
    fn an_instant_beyond_all_buckets_is_not_measured() {
        let buckets = Buckets::new(Window::starting(at(0)), Span::new(10)).unwrap();
        assert_eq!(buckets.of(Nanos::new(BUCKETS_MAX * 10 - 1)), Some(99_999));
        assert_eq!(buckets.of(Nanos::new(BUCKETS_MAX * 10)), None);
        assert_eq!(buckets.of(Nanos::MAX), None);
    }
}
