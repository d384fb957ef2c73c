//! The rates of a trace, minute by minute.

use std::sync::Arc;

use clockwork_wire::{Nanos, Span};
use rand_distr::{Distribution, Exp1};

use super::Generator;
use super::alias::Alias;
use super::rows::{Rows, SECONDS, wide};
use crate::{Target, Turn};

/// How much of a trace's rates is asked for: their scale is `value` times `unit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The load.
    pub value: f64,
    /// The scale at load 1.
    pub unit: f64,
    /// Whether that is for each of the devices that the controller reports.
    pub per_gpu: bool,
}

/// Replays rows of calls per minute as Poisson streams whose rates change every minute.
///
/// All rows together are one stream, in which an arrival chooses its row in proportion to the calls
/// of the minute: one timer, two random numbers an arrival, and a table that is made once a minute.
/// What a gap has left at the end of a minute is carried over, scaled by the rates. After the last
/// minute the first follows.
#[derive(Clone, Debug)]
pub struct TraceReplay {
    rows: Arc<Rows>,
    /// Whom each row asks for.
    targets: Arc<[Target]>,
    load: Load,
    /// The factor on the rates at scale 1.
    rate: f64,
    /// How long the rate of a minute holds.
    interval: Span,
    /// The part of the rates that is this replay's, if it was divided.
    share: f64,
    /// Into the first minute, at the start.
    offset: Span,
    start: Nanos,
    /// The next arrival.
    next: Nanos,
    /// The minute whose rows the table holds.
    minute: Option<usize>,
    table: Alias,
}

impl TraceReplay {
    /// Replays `rows`, each of which asks for its target.
    ///
    /// # Panics
    /// If there is not one target for each row, no call at all, no load, or no interval.
    pub fn new(rows: Arc<Rows>, targets: Arc<[Target]>, load: Load, interval: Span) -> Self {
        assert!(
            rows.rate() > 0.0 && load.value * load.unit > 0.0 && !interval.is_zero(),
            "a replay needs calls, a load and an interval"
        );
        assert_eq!(u32::try_from(targets.len()), Ok(rows.count()), "a row needs a target");
        Self {
            rows,
            targets,
            load,
            rate: 1.0,
            interval,
            share: 1.0,
            offset: Span::ZERO,
            start: Nanos::ZERO,
            next: Nanos::ZERO,
            minute: None,
            table: Alias::default(),
        }
    }

    /// All rates of the trace are multiplied by this; above 0.
    #[must_use]
    pub fn scaled(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    /// Begins so far into the first minute; less than the interval.
    #[must_use]
    pub fn begun(self, offset: Span) -> Self {
        Self { offset, ..self }
    }

    /// One of `parts` that are together what this was.
    pub(super) fn part(&self, parts: u32) -> Self {
        Self { share: self.share / f64::from(parts), ..self.clone() }
    }

    /// Takes another load from now on; gives its scale.
    pub(super) fn set_load(&mut self, value: f64, turn: &mut Turn<'_>) -> f64 {
        self.load.value = value;
        self.wake_after(turn);
        value * self.load.unit
    }

    /// Wakes at the next arrival. In units of the mean gap, the way to it is exponential, however
    /// the rate changes on the way.
    fn wake_after(&mut self, turn: &mut Turn<'_>) {
        let mut way: f64 = Exp1.sample(turn.random);
        let mut from = turn.now;
        let (mut minute, mut until) = self.place(from);
        loop {
            let rate = self.rate(minute);
            let within = rate * (until - from).as_f64();
            if way < within {
                let last = Span::new((until - from).get() - 1);
                self.next = from + Span::from_f64(way / rate).min(last);
                return turn.wake_at(self.next);
            }
            way -= within;
            from = until;
            until += self.interval;
            minute = (minute + 1) % self.rows.minutes();
        }
    }

    /// The minute that holds at a time, and when it ends.
    fn place(&self, at: Nanos) -> (usize, Nanos) {
        let passed = at.since(self.start).get() + self.offset.get();
        let number = passed / self.interval.get();
        let minutes = u64::try_from(self.rows.minutes()).expect("a count fits 64 bits");
        let minute = usize::try_from(number % minutes).expect("it is a place in a list");
        let left = self.interval.get() - passed % self.interval.get();
        (minute, at + Span::new(left))
    }

    /// Arrivals per nanosecond in a minute.
    fn rate(&self, minute: usize) -> f64 {
        let Load { value, unit, .. } = self.load;
        let scale = value * unit * self.rate * self.share;
        wide(self.rows.calls(minute)) * scale / (SECONDS * NANOS_PER_SECOND)
    }
}

impl Generator for TraceReplay {
    fn start(&mut self, turn: &mut Turn<'_>) {
        self.start = turn.now;
        if self.load.per_gpu {
            self.load.unit *= f64::from(turn.gpus().max(1));
        }
        self.wake_after(turn);
    }

    fn due(&mut self, turn: &mut Turn<'_>) {
        if turn.now != self.next {
            // Of a load that holds no more.
            return;
        }
        let (minute, _) = self.place(turn.now);
        if self.minute != Some(minute) {
            self.minute = Some(minute);
            self.table.fill(self.rows.minute(minute));
        }
        let row = usize::try_from(self.table.draw(turn.random)).expect("a u32 fits usize");
        turn.submit(self.targets[row]);
        self.wake_after(turn);
    }

    fn share(&self, _part: u32, parts: u32) -> Option<Box<dyn Generator>> {
        Some(Box::new(self.part(parts)))
    }
}

const NANOS_PER_SECOND: f64 = 1e9;

#[cfg(test)]
mod tests {
    use clockwork_wire::UserId;

    use super::*;
    use crate::trace::Trace;

    #[test]
    fn what_is_expected_of_a_minute_is_exactly_its_calls_times_the_scale() {
        let text = "f,1,2,3,4\na,60,0,0,7\nb,600,1201,0,0\nc,0,1,0,0\n";
        let trace = Trace::read("t", text.as_bytes()).unwrap();
        let rows = Arc::new(Rows::of(&trace));
        let targets: Arc<[Target]> = (0..3).map(|row| Target::new(UserId::new(row), row)).collect();
        let load = Load { value: 3.0, unit: 0.125, per_gpu: false };
        for interval in [1, 10, 60, 90].map(Span::from_secs) {
            let replay = TraceReplay::new(Arc::clone(&rows), Arc::clone(&targets), load, interval);
            let replay = replay.scaled(20.0);
            // Seven and a half times the trace, for a part or a multiple of a minute; then it begins again.
            for (minute, calls) in (0..).zip([660.0, 1_202.0, 0.0, 7.0, 660.0]) {
                let expected = calls * 7.5 * interval.as_secs_f64() / 60.0;
                let of = |replay: &TraceReplay| replay.rate(minute) * interval.as_f64();
                let parts = of(&replay.part(3)) * 3.0;
                assert!((of(&replay) - expected).abs() < 1e-9, "minute {minute}: {expected}");
                assert!((parts - expected).abs() < 1e-9, "minute {minute} in parts: {expected}");
            }
        }
    }
}
