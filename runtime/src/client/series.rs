//! What became of the requests of every second.

use std::collections::VecDeque;

use clockwork_wire::{Nanos, Span, Status};
use hdrhistogram::Histogram;
use serde::Serialize;

/// What became of the requests that were meant to be sent in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Second {
    /// Which second, from the start of submitting, the warm-up included.
    pub second: u32,
    /// Requests meant to be sent in it.
    pub offered: u64,
    /// Answered within their deadline.
    pub in_time: u64,
    /// Answered with an output, but late.
    pub late: u64,
    /// Refused early or not taken, by the controller or for want of credits.
    pub refused: u64,
    /// Answered with any other error.
    pub failed: u64,
    /// Median latency of those with an output.
    pub p50_ms: f64,
    /// Their 99th percentile.
    pub p99_ms: f64,
}

/// A time series of a run. The last seconds are open: they take answers with their latencies;
/// older ones only count.
#[derive(Debug)]
pub(super) struct Series {
    begin: Nanos,
    seconds: Vec<Second>,
    /// Latencies of the last seconds, in nanoseconds.
    open: VecDeque<Histogram<u32>>,
}

impl Series {
    /// Nothing has happened; counts seconds from `begin`.
    pub(super) const fn new(begin: Nanos) -> Self {
        Self { begin, seconds: Vec::new(), open: VecDeque::new() }
    }

    /// A request was meant to be sent at `intended`.
    pub(super) fn offered(&mut self, intended: Nanos) {
        let index = self.index(intended);
        self.open_until(index);
        self.seconds[index].offered += 1;
    }

    /// A request was answered, this long after it was meant to be sent.
    pub(super) fn answered(&mut self, intended: Nanos, status: Status, latency: Span) {
        let index = self.index(intended);
        self.open_until(index);
        let second = &mut self.seconds[index];
        match status {
            Status::OK => second.in_time += 1,
            Status::LATE => second.late += 1,
            Status::REFUSED | Status::OVERLOADED => second.refused += 1,
            _ => second.failed += 1,
        }
        let behind = self.seconds.len() - index;
        if status.has_output() && behind <= self.open.len() {
            let place = self.open.len() - behind;
            self.open[place].saturating_record(latency.get());
        }
    }

    /// All seconds so far.
    pub(super) fn seconds(&self) -> Vec<Second> {
        let mut seconds = self.seconds.clone();
        let open = self.open.iter().rev();
        seconds.iter_mut().rev().zip(open).for_each(|(second, latency)| close(second, latency));
        seconds
    }

    fn index(&self, at: Nanos) -> usize {
        let second = at.since(self.begin).get() / Span::from_secs(1).get();
        usize::try_from(second.min(SECONDS_MAX - 1)).expect("a bounded number fits usize")
    }

    fn open_until(&mut self, index: usize) {
        while self.seconds.len() <= index {
            let second = u32::try_from(self.seconds.len()).expect("seconds are bounded");
            self.seconds.push(Second { second, ..Second::default() });
            let mut latency = if self.open.len() == SECONDS_OPEN {
                self.close_oldest()
            } else {
                Histogram::new_with_bounds(LOWEST, HIGHEST, 2).expect("the bounds are valid")
            };
            latency.reset();
            self.open.push_back(latency);
        }
    }

    /// Notes the percentiles of the oldest open second and gives its histogram for reuse.
    fn close_oldest(&mut self) -> Histogram<u32> {
        let latency = self.open.pop_front().expect("seconds are open");
        let index = self.seconds.len() - 1 - SECONDS_OPEN;
        close(&mut self.seconds[index], &latency);
        latency
    }
}

/// Puts two series of one run into one; the percentiles are the larger ones.
pub(super) fn merge(mine: &mut Vec<Second>, theirs: Vec<Second>) {
    for (index, theirs) in theirs.into_iter().enumerate() {
        let Some(mine) = mine.get_mut(index) else {
            mine.push(theirs);
            continue;
        };
        mine.offered += theirs.offered;
        mine.in_time += theirs.in_time;
        mine.late += theirs.late;
        mine.refused += theirs.refused;
        mine.failed += theirs.failed;
        mine.p50_ms = mine.p50_ms.max(theirs.p50_ms);
        mine.p99_ms = mine.p99_ms.max(theirs.p99_ms);
    }
}

fn close(second: &mut Second, latency: &Histogram<u32>) {
    let percentile = |p| Span::new(latency.value_at_quantile(p)).as_millis_f64();
    if !latency.is_empty() {
        (second.p50_ms, second.p99_ms) = (percentile(0.5), percentile(0.99));
    }
}

/// Answers that are slower than this many seconds count, but not in a second's percentiles.
const SECONDS_OPEN: usize = 4;
/// What comes after a day counts into its last second.
const SECONDS_MAX: u64 = 86_400;
/// A microsecond and less are one.
const LOWEST: u64 = 1_000;
const HIGHEST: u64 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Nanos = Nanos::new(7_000_000_000);

    fn at(ms: u64) -> Nanos {
        BEGIN + Span::from_millis(ms)
    }

    #[test]
    fn a_request_counts_in_the_second_in_which_it_was_meant() {
        let mut series = Series::new(BEGIN);
        for (ms, status) in [
            (0, Status::OK),
            (999, Status::LATE),
            (1_000, Status::REFUSED),
            (3_500, Status::OVERLOADED),
            (3_999, Status::TIMEOUT),
        ] {
            series.offered(at(ms));
            series.answered(at(ms), status, Span::from_millis(ms + 1));
        }
        let seconds = series.seconds();
        let counts = |s: &Second| (s.second, s.offered, s.in_time, s.late, s.refused, s.failed);
        let expected =
            [(0, 2, 1, 1, 0, 0), (1, 1, 0, 0, 1, 0), (2, 0, 0, 0, 0, 0), (3, 2, 0, 0, 1, 1)];
        assert_eq!(seconds.iter().map(counts).collect::<Vec<_>>(), expected);
        assert!((seconds[0].p99_ms - 1_000.0).abs() < 10.0 && seconds[0].p50_ms < 2.0);
    }

    #[test]
    fn a_late_answer_counts_although_its_second_is_closed() {
        let mut series = Series::new(BEGIN);
        series.offered(at(0));
        series.offered(at(100));
        series.answered(at(0), Status::OK, Span::from_millis(5));
        series.offered(at(9_000));
        series.answered(at(100), Status::LATE, Span::from_secs(8));
        let first = series.seconds()[0];
        assert_eq!((first.in_time, first.late), (1, 1));
        assert!((first.p99_ms - 5.0).abs() < 0.1, "closed before: {first:?}");
    }

    #[test]
    fn two_series_add_up() {
        let mut mine = vec![Second { offered: 3, p99_ms: 1.0, ..Second::default() }];
        let second = Second { second: 1, offered: 7, ..Second::default() };
        merge(&mut mine, vec![Second { offered: 4, p99_ms: 2.0, ..Second::default() }, second]);
        assert_eq!((mine[0].offered, mine[1].offered, mine.len()), (7, 7, 2));
        assert!((mine[0].p99_ms - 2.0).abs() < 1e-9);
    }
}
