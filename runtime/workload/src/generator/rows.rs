//! The functions of a trace, ready to be replayed: ordered, perhaps resampled, minute by minute.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::trace::Trace;

/// Functions that the published experiment replayed, about: a sample is resampled to as many.
pub const ROWS: u32 = 17_000;

/// Requests per second of the published experiment at load factor 8.
pub const RATE: f64 = 9_638.0;

/// Functions in order of falling calls, and who calls in which minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    count: u32,
    minutes: Vec<Minute>,
}

/// A minute: the rows that are called in it, rising, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Minute {
    calls: Vec<(u32, u32)>,
    total: u64,
}

impl Rows {
    /// The functions of a trace as its rows, the most called first.
    ///
    /// # Panics
    /// If the trace has more than 2^32 functions.
    pub fn of(trace: &Trace) -> Self {
        let count = u32::try_from(trace.functions()).expect("rows are numbered with 32 bits");
        Self::place(trace, count, |row| (row, 0))
    }

    /// As many rows, made from the functions of a smaller (or larger) trace. Each function stands for
    /// equally many, which are its copies moved in time: by whole hours, spread evenly over the
    /// trace, so that what is called at the full hour still is.
    ///
    /// # Panics
    /// If the trace has more than 2^32 functions or minutes.
    pub fn resampled(trace: &Trace, count: u32) -> Self {
        let functions = u64::try_from(trace.functions()).expect("a count fits");
        let copies = u64::from(count).div_ceil(functions.max(1));
        let minutes = u64::try_from(trace.minutes()).expect("a count fits");
        let unit = if minutes.is_multiple_of(HOUR) { HOUR } else { 1 };
        Self::place(trace, count, |row| {
            let function = u64::from(row) * functions / u64::from(count);
            let first = (function * u64::from(count)).div_ceil(functions);
            // The golden ratio's multiples begin everywhere on the circle alike.
            let begin = function.wrapping_mul(GOLDEN) >> 32;
            let units = minutes / unit;
            let turn = (begin + (u64::from(row) - first) * units / copies) % units * unit;
            (narrow(function), narrow(turn))
        })
    }

    /// Each row begins at a minute of its own, drawn at random.
    #[must_use]
    pub fn rotated(self, seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ SALT);
        let minutes = self.minutes.len();
        let by: Vec<usize> = (0..self.count).map(|_| random.random_range(0..minutes)).collect();
        self.moved(|row| by[at(row)])
    }

    /// The first row alone.
    #[must_use]
    pub fn first(mut self) -> Self {
        for minute in &mut self.minutes {
            minute.calls.retain(|&(row, _)| row == 0);
        }
        self.count = self.count.min(1);
        self.summed()
    }

    /// How many rows there are.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// How many minutes there are.
    pub fn minutes(&self) -> usize {
        self.minutes.len()
    }

    /// Calls of all rows in a minute; going round.
    ///
    /// # Panics
    /// If there are no minutes.
    pub fn calls(&self, minute: usize) -> u64 {
        self.minutes[minute % self.minutes.len()].total
    }

    /// Calls per second, on average over all minutes.
    pub fn rate(&self) -> f64 {
        let calls: f64 = self.minutes.iter().map(|minute| wide(minute.total)).sum();
        calls / (SECONDS * f64::from(narrow(u64::try_from(self.minutes.len()).unwrap_or(1))))
    }

    /// The rows that are called in a minute, and how often; going round.
    pub(super) fn minute(&self, minute: usize) -> &[(u32, u32)] {
        &self.minutes[minute % self.minutes.len()].calls
    }

    /// So many rows, each a function of the trace by falling calls, begun at a minute.
    fn place(trace: &Trace, count: u32, of: impl Fn(u32) -> (u32, u32)) -> Self {
        let functions = trace.rows();
        let mut order: Vec<usize> = (0..functions.len()).collect();
        order.sort_by_key(|&function| std::cmp::Reverse(functions[function].total));
        let mut minutes = vec![Minute::default(); trace.minutes()];
        for row in 0..count {
            let (function, turn) = of(row);
            for &(minute, calls) in &functions[order[at(function)]].calls {
                let minute = (at(minute) + at(turn)) % minutes.len();
                minutes[minute].calls.push((row, calls));
            }
        }
        Self { count, minutes }.summed()
    }

    /// Each row begins so many minutes later in itself.
    fn moved(self, by: impl Fn(u32) -> usize) -> Self {
        let mut minutes = vec![Minute::default(); self.minutes.len()];
        for (place, minute) in self.minutes.iter().enumerate() {
            for &(row, calls) in &minute.calls {
                let place = (place + by(row)) % minutes.len();
                minutes[place].calls.push((row, calls));
            }
        }
        for minute in &mut minutes {
            minute.calls.sort_unstable();
        }
        Self { count: self.count, minutes }.summed()
    }

    fn summed(mut self) -> Self {
        for minute in &mut self.minutes {
            minute.total = minute.calls.iter().map(|&(_, calls)| u64::from(calls)).sum();
        }
        self
    }
}

/// The order of `count` things, shuffled.
pub(crate) fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ SALT.rotate_left(7));
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..count).rev() {
        let other = random.random_range(0..=last);
        order.swap(at(last), at(other));
    }
    order
}

fn at(index: u32) -> usize {
    usize::try_from(index).expect("a u32 fits usize")
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("rows and minutes are numbered with 32 bits")
}

/// A sum of counts as a float; exact below 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a mean needs no more")]
pub(super) fn wide(count: u64) -> f64 {
    count as f64
}

/// Seconds of a minute, minutes of an hour.
pub(super) const SECONDS: f64 = 60.0;
const HOUR: u64 = 60;

/// 2^32 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9;

/// Any number, so that a plan's random choices are not those of its generators.
const SALT: u64 = 0x5851_F42D_4C95_7F2D;

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(text: &str) -> Trace {
        Trace::read("t", text.as_bytes()).unwrap()
    }

    fn counts(rows: &Rows) -> Vec<Vec<(u32, u32)>> {
        (0..rows.minutes()).map(|minute| rows.minute(minute).to_vec()).collect()
    }

    #[test]
    fn rows_are_ordered_by_falling_calls_and_ties_as_they_come() {
        let rows = Rows::of(&trace("f,1,2\na,1,0\nb,0,5\nc,1,0\nd,9,0\n"));
        assert_eq!(counts(&rows), [vec![(0, 9), (2, 1), (3, 1)], vec![(1, 5)]]);
        assert_eq!((rows.calls(0), rows.calls(1), rows.calls(2)), (11, 5, 11));
        assert!((rows.rate() - 16.0 / 120.0).abs() < 1e-12);
        assert_eq!(counts(&rows.first()), [vec![(0, 9)], vec![]]);
    }

    #[test]
    fn resampling_keeps_shares_and_moves_copies_by_whole_hours() {
        let line = |field: &dyn Fn(u32) -> u32| {
            (0..240).map(|minute| field(minute).to_string()).collect::<Vec<_>>().join(",")
        };
        let calls = |at| line(&move |minute| if minute == at { 7 } else { 0 });
        let day = line(&|minute| minute + 1);
        let trace = trace(&format!("f,{day}\na,{}\nb,{}\n", calls(0), calls(30)));
        let rows = Rows::resampled(&trace, 8);
        assert_eq!(rows.count(), 8);
        for hour in 0..4 {
            assert_eq!([rows.calls(hour * 60), rows.calls(hour * 60 + 30)], [7, 7], "hour {hour}");
        }
        assert!((rows.rate() - 8.0 * 7.0 / (240.0 * 60.0)).abs() < 1e-12);
        let fewer = Rows::resampled(&trace, 1);
        assert_eq!((fewer.count(), (0..240).map(|m| fewer.calls(m)).sum::<u64>()), (1, 7));
    }

    #[test]
    fn a_random_start_moves_rows_but_loses_no_call() {
        let rows = Rows::of(&trace("f,1,2,3\na,1,2,3\nb,4,5,6\nc,7,8,9\nd,1,1,1\n"));
        let total = |rows: &Rows| (0..3).map(|minute| rows.calls(minute)).sum::<u64>();
        let moved: Vec<Rows> = (0..9).map(|seed| rows.clone().rotated(seed)).collect();
        assert!(moved.iter().all(|moved| total(moved) == total(&rows)));
        assert_eq!(rows.clone().rotated(3), moved[3]);
        assert!(moved.iter().any(|moved| *moved != rows));
    }

    #[test]
    fn shuffling_loses_nothing() {
        let mut order = shuffled(100, 1);
        assert_ne!(order, shuffled(100, 2));
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
