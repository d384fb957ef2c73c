//! Rows by bucket, in memory that does not grow with the rows.

use std::collections::VecDeque;

use clockwork_wire::Span;

/// Something that rows are added to, and of which a few figures stay when no more are awaited.
pub(crate) trait Tally: Default {
    /// What is added.
    type Row;
    /// What stays.
    type Closed: Clone + Default;

    /// Adds a row.
    fn count(&mut self, row: &Self::Row);

    /// Gives up distributions for their quantiles.
    fn close(self) -> Self::Closed;

    /// Adds a row to what stays, as far as that is possible: its quantiles lack it.
    fn count_late(closed: &mut Self::Closed, row: &Self::Row);
}

/// Buckets of which only the latest keep their distributions: rows come in order of time but for
/// fractions of a second.
#[derive(Debug)]
pub(crate) struct Series<T: Tally> {
    closed: Vec<T::Closed>,
    open: VecDeque<T>,
    /// Buckets that are kept open.
    open_max: usize,
    /// Rows that came after their bucket was closed.
    pub(crate) late_rows: u64,
}

impl<T: Tally> Series<T> {
    /// Buckets of this width. They stay open for 2 s at least, as logs are written twice a second
    /// from several rings.
    pub(crate) fn of_width(width: Span) -> Self {
        let slack = DISORDER.get().div_ceil(width.get().max(1));
        let open_max = usize::try_from(slack).unwrap_or(usize::MAX).saturating_add(1);
        Self::keeping(open_max.clamp(2, OPEN_MAX))
    }

    /// Buckets of which the latest so many stay open; at least one.
    pub(crate) const fn keeping(open_max: usize) -> Self {
        Self { closed: Vec::new(), open: VecDeque::new(), open_max, late_rows: 0 }
    }

    pub(crate) fn count(&mut self, bucket: usize, row: &T::Row) {
        self.close_before((bucket + 1).saturating_sub(self.open_max));
        let Some(at) = bucket.checked_sub(self.closed.len()) else {
            T::count_late(&mut self.closed[bucket], row);
            self.late_rows += 1;
            return;
        };
        if at >= self.open.len() {
            self.open.resize_with(at + 1, T::default);
        }
        self.open[at].count(row);
    }

    /// What stays of every bucket until the last one that a row came for.
    pub(crate) fn close(mut self) -> Vec<T::Closed> {
        self.close_before(usize::MAX);
        self.closed
    }

    /// Closes all buckets before this one; those that nothing came for are empty.
    fn close_before(&mut self, bucket: usize) {
        while self.closed.len() < bucket {
            match self.open.pop_front() {
                Some(open) => self.closed.push(open.close()),
                None if bucket == usize::MAX => break,
                None => self.closed.push(T::Closed::default()),
            }
        }
    }
}

/// How much later than its turn a row may come.
const DISORDER: Span = Span::from_secs(2);

/// The most buckets that are open at once: 64 pairs of distributions are some 20 MiB.
pub(crate) const OPEN_MAX: usize = 64;
