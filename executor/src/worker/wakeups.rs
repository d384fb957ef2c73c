//! When each lane has something to do.

use std::collections::BTreeSet;

use clockwork_wire::Nanos;

/// The lanes in order of their wake-ups, so that a turn touches only those that are due.
#[derive(Debug)]
pub(crate) struct Wakeups {
    /// Per lane: the wake-up under which it is in `order`.
    at: Vec<Option<Nanos>>,
    order: BTreeSet<(Nanos, usize)>,
    /// Lanes whose device is busy and does not say until when.
    opaque: BTreeSet<usize>,
}

impl Wakeups {
    /// No wake-ups, for `lanes` lanes.
    pub(crate) fn new(lanes: usize) -> Self {
        Self { at: vec![None; lanes], order: BTreeSet::new(), opaque: BTreeSet::new() }
    }

    /// The first wake-up of all.
    pub(crate) fn next(&self) -> Option<Nanos> {
        self.order.first().map(|&(at, _)| at)
    }

    /// The lane whose wake-up came first, if that was at or before `now`.
    pub(crate) fn first_due(&self, now: Nanos) -> Option<usize> {
        self.order.first().filter(|(at, _)| *at <= now).map(|&(_, lane)| lane)
    }

    /// The wake-up of a lane.
    pub(crate) fn of(&self, lane: usize) -> Option<Nanos> {
        self.at[lane]
    }

    /// All opaque lanes.
    pub(crate) fn opaque(&self) -> impl Iterator<Item = usize> {
        self.opaque.iter().copied()
    }

    /// The first opaque lane from `lane` on.
    pub(crate) fn opaque_from(&self, lane: usize) -> Option<usize> {
        self.opaque.range(lane..).next().copied()
    }

    /// Sets when a lane has something to do, and whether it must be asked at every turn.
    pub(crate) fn set(&mut self, lane: usize, at: Option<Nanos>, opaque: bool) {
        self.place(lane, at);
        if opaque {
            self.opaque.insert(lane);
        } else {
            self.opaque.remove(&lane);
        }
    }

    /// Moves a lane that was just looked after to `soonest` at the soonest: a device that is not
    /// done when it said must not keep a turn from ending.
    pub(crate) fn postpone(&mut self, lane: usize, soonest: Nanos) {
        if self.at[lane].is_some_and(|at| at < soonest) {
            self.place(lane, Some(soonest));
        }
    }

    fn place(&mut self, lane: usize, at: Option<Nanos>) {
        let before = std::mem::replace(&mut self.at[lane], at);
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, lane));
        }
        if let Some(at) = at {
            self.order.insert((at, lane));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_due_lane_is_the_one_whose_time_came_first() {
        let mut wakeups = Wakeups::new(3);
        wakeups.set(2, Some(Nanos::new(5)), false);
        wakeups.set(0, Some(Nanos::new(7)), false);
        wakeups.set(1, Some(Nanos::new(5)), false);
        assert_eq!(wakeups.first_due(Nanos::new(4)), None);
        assert_eq!(wakeups.first_due(Nanos::new(9)), Some(1), "ties by number");
        wakeups.set(1, None, false);
        wakeups.postpone(2, Nanos::new(8));
        assert_eq!(wakeups.next(), Some(Nanos::new(7)));
    }
}
