//! Shuffles between workers: the network imbalance of ParM's experiments.
//!
//! Each shuffle picks two workers, a direction and a size, sends that many bytes there, then as many
//! back, and begins anew without pause. All transfers share the links that they use equally, as TCP
//! does, and each goes at the pace of the slower of its two. What they do follows from the seed alone:
//! the few messages beside them do not slow them down.

use clockwork_wire::{Nanos, Span};
use rand::RngExt;

use super::crowd::Crowd;
use crate::streams::Random;

/// What goes over a worker's link beside its messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Beside {
    /// To the worker.
    pub(crate) to: Crowd,
    /// From the worker.
    pub(crate) from: Crowd,
}

/// A transfer in progress.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    sender: usize,
    receiver: usize,
    /// How long all of it takes alone.
    alone: Span,
    /// The same of what is left.
    left: Span,
    /// Whether it is on its way back.
    back: bool,
}

/// Transfers that go on at the same time.
#[derive(Debug)]
struct Shuffles {
    /// Bytes per second of each direction of a worker's link.
    bandwidth: u64,
    random: Random,
    now: Nanos,
    transfers: Vec<Transfer>,
    beside: Vec<Beside>,
}

/// What `count` shuffles between workers do to the links of each from `begin` to `end`. Nothing, if
/// links have no limit or nobody is there to shuffle with.
pub(crate) fn beside(
    workers: usize,
    count: u32,
    bandwidth: u64,
    (begin, end): (Nanos, Nanos),
    random: Random,
) -> Vec<Beside> {
    let beside = vec![Beside::default(); workers];
    if count == 0 || bandwidth == 0 || workers < 2 {
        return beside;
    }
    let mut all = Shuffles { bandwidth, random, now: begin, transfers: Vec::new(), beside };
    all.transfers = (0..count).map(|_| all.draw()).collect();
    all.note();
    while all.now < end {
        all.step();
    }
    all.beside
}

impl Shuffles {
    fn draw(&mut self) -> Transfer {
        let workers = self.beside.len();
        let one = self.random.random_range(0..workers);
        let another = (one + self.random.random_range(1..workers)) % workers;
        let forth = self.random.random::<bool>();
        let (sender, receiver) = if forth { (one, another) } else { (another, one) };
        let bytes = self.random.random_range(SMALLEST..=LARGEST) * MIB;
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(self.bandwidth);
        let alone = Span::new(u64::try_from(ns).unwrap_or(u64::MAX));
        Transfer { sender, receiver, alone, left: alone, back: false }
    }

    /// Goes on to the next end of a transfer.
    fn step(&mut self) {
        let paces: Vec<u64> = self.transfers.iter().map(|transfer| self.pace(transfer)).collect();
        let ends = self.transfers.iter().zip(&paces).map(|(one, &pace)| one.left.times(pace));
        let passed = ends.min().expect("there are transfers");
        self.now += passed;
        for (transfer, pace) in self.transfers.iter_mut().zip(paces) {
            transfer.left -= Span::new(passed.get().div_ceil(pace));
        }
        for index in 0..self.transfers.len() {
            let Transfer { sender, receiver, alone, left, back } = self.transfers[index];
            if !left.is_zero() {
                continue;
            }
            self.transfers[index] = if back {
                self.draw()
            } else {
                Transfer { sender: receiver, receiver: sender, alone, left: alone, back: true }
            };
        }
        self.note();
    }

    /// With how many a transfer shares the more crowded of its links, itself among them.
    fn pace(&self, of: &Transfer) -> u64 {
        let (mut sends, mut receives) = (0, 0);
        for other in &self.transfers {
            sends += u64::from(other.sender == of.sender);
            receives += u64::from(other.receiver == of.receiver);
        }
        sends.max(receives)
    }

    fn note(&mut self) {
        for (worker, beside) in self.beside.iter_mut().enumerate() {
            let (mut to, mut from) = (0, 0);
            for transfer in &self.transfers {
                to += u32::from(transfer.receiver == worker);
                from += u32::from(transfer.sender == worker);
            }
            beside.to.note(self.now, to);
            beside.from.note(self.now, from);
        }
    }
}

const MIB: u64 = 1 << 20;

/// The sizes of transfers, in MiB, both included.
const SMALLEST: u64 = 128;
const LARGEST: u64 = 256;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const BANDWIDTH: u64 = MIB * 1_000;
    /// One MiB alone.
    const EACH: u64 = 1_000_000;

    fn shuffles(workers: usize, transfers: Vec<Transfer>) -> Shuffles {
        let beside = vec![Beside::default(); workers];
        let random = Random::seed_from_u64(1);
        Shuffles { bandwidth: BANDWIDTH, random, now: Nanos::new(0), transfers, beside }
    }

    fn transfer(sender: usize, receiver: usize, ms: u64) -> Transfer {
        let alone = Span::from_millis(ms);
        Transfer { sender, receiver, alone, left: alone, back: false }
    }

    #[test]
    fn transfers_go_at_the_pace_of_the_more_crowded_link_and_come_back() {
        // Two from worker 0, and one from 1 to 2 that shares its receiver with the second.
        let mut all = shuffles(3, vec![transfer(0, 1, 100), transfer(0, 2, 200)]);
        all.note();
        all.step();
        // Both at half the pace: the first is there after 200 ms, and turns back.
        assert_eq!(all.now, Nanos::new(200 * EACH));
        let [first, second] = all.transfers[..] else { panic!("there are two") };
        assert_eq!((first.sender, first.receiver, first.back), (1, 0, true));
        assert_eq!((first.left, second.left), (first.alone, Span::from_millis(100)));
        // Each alone on its links now: both end after 100 ms more.
        all.step();
        assert_eq!(all.now, Nanos::new(300 * EACH));
        assert!(!all.transfers[0].back, "a new one has begun");
        assert_eq!((all.transfers[1].sender, all.transfers[1].back), (2, true));
        let mut from = Crowd::default();
        from.note(Nanos::new(0), 2);
        from.note(Nanos::new(200 * EACH), 1);
        let sends = u32::from(all.transfers[0].sender == 0);
        from.note(Nanos::new(300 * EACH), sends);
        assert_eq!(all.beside[0].from, from);
    }

    #[test]
    fn so_many_go_on_at_any_time_between_two_workers_each() {
        let random = || Random::seed_from_u64(7);
        let span = (Nanos::new(1_000), Nanos::new(60_000 * EACH));
        let all = beside(18, 4, BANDWIDTH, span, random());
        assert_eq!(all, beside(18, 4, BANDWIDTH, span, random()), "the seed decides");
        // What takes a nanosecond alone takes as many as share the link.
        for at in (2_000..60_000 * EACH).step_by(97_000_000) {
            let at = Nanos::new(at);
            let sharing = |crowd: &Crowd| (crowd.end(at, Span::new(1)) - at).get() - 1;
            assert_eq!(all.iter().map(|one| sharing(&one.to)).sum::<u64>(), 4);
            assert_eq!(all.iter().map(|one| sharing(&one.from)).sum::<u64>(), 4);
        }
    }

    #[test]
    fn nobody_shuffles_alone_or_without_a_limit() {
        let span = (Nanos::new(0), Nanos::new(EACH));
        for (workers, count, bandwidth) in [(1, 4, BANDWIDTH), (3, 0, BANDWIDTH), (3, 4, 0)] {
            let all = beside(workers, count, bandwidth, span, Random::seed_from_u64(1));
            assert_eq!(all, vec![Beside::default(); workers]);
        }
    }
}
