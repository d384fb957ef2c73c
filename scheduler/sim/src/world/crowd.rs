//! Other traffic on a link, of which a message gets an equal share.

use clockwork_wire::{Nanos, Span};

/// How many other transfers go over one direction of a link at any time. They take no notice of the
/// messages beside them, which are small and few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crowd {
    /// From each instant on, how many; none before the first.
    changes: Vec<(Nanos, u32)>,
}

impl Crowd {
    /// From `at` on there are so many; `at` is not before what was noted last.
    pub(crate) fn note(&mut self, at: Nanos, others: u32) {
        let (since, before) = self.changes.last().copied().unwrap_or((Nanos::ZERO, 0));
        if others == before {
            return;
        }
        if since == at {
            self.changes.pop();
        }
        self.changes.push((at, others));
    }

    /// When something that begins at `begin`, and takes `alone` on an idle link, has passed.
    pub(crate) fn end(&self, begin: Nanos, alone: Span) -> Nanos {
        let (mut at, mut left) = (begin, alone);
        let mut next = self.changes.partition_point(|&(change, _)| change <= begin);
        loop {
            let others = next.checked_sub(1).map_or(0, |now| self.changes[now].1);
            let sharing = u64::from(others) + 1;
            let Some(&(change, _)) = self.changes.get(next) else {
                return at + left.times(sharing);
            };
            if at + left.times(sharing) <= change {
                return at + left.times(sharing);
            }
            left -= Span::new((change - at).get() / sharing);
            at = change;
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(changes: &[(u64, u32)]) -> Crowd {
        let mut crowd = Crowd::default();
        for &(at, others) in changes {
            crowd.note(Nanos::new(at), others);
        }
        crowd
    }

    fn end(crowd: &Crowd, begin: u64, alone: u64) -> u64 {
        crowd.end(Nanos::new(begin), Span::new(alone)).get()
    }

    #[test]
    fn an_idle_link_takes_its_time_and_no_more() {
        assert_eq!(end(&Crowd::default(), 100, 50), 150);
    }

    #[test]
    fn a_share_is_equal_while_others_are_there() {
        // Alone until 100, one of two until 300, one of three until 600, alone again.
        let crowd = crowd(&[(100, 1), (300, 2), (600, 0)]);
        assert_eq!(end(&crowd, 0, 80), 80);
        assert_eq!(end(&crowd, 0, 150), 200, "100 alone, 50 at half the pace");
        assert_eq!(end(&crowd, 100, 100), 300, "just done when the second comes");
        assert_eq!(end(&crowd, 200, 150), 600, "50 at a half, 100 at a third");
        assert_eq!(end(&crowd, 200, 160), 610);
        assert_eq!(end(&crowd, 600, 10), 610);
    }

    #[test]
    fn what_changes_nothing_is_not_kept() {
        assert_eq!(crowd(&[(10, 0), (20, 1), (20, 2), (30, 2)]), crowd(&[(20, 2)]));
    }
}
