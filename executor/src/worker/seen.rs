//! Which actions have been seen, in bounded memory.

use clockwork_wire::ActionId;

/// Remembers the ids of one controller epoch.
///
/// A controller sends an action again after a reconnect when it has no result for it yet. So what
/// must be remembered is bounded by how long an action can be without an acknowledged result, not
/// by the worker's life. Each shard counts its actions up, over all workers, and the two
/// connections of a link may overtake each other: per shard there is a window of the last
/// [`WINDOW`] counters, a bit each. What lies below the window counts as seen. At 100,000 actions
/// per second of one shard the window covers ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    epoch: u32,
    shards: Vec<Shard>,
}

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// Never seen before; it is remembered now.
    New,
    /// Seen before, or too old to tell.
    Again,
    /// Of an earlier start of the controller.
    StaleEpoch,
    /// Of more shards than are remembered.
    TooManyShards,
}

#[derive(Debug)]
struct Shard {
    number: u32,
    /// One past the highest counter seen.
    end: u64,
    /// Bit `counter % WINDOW`: whether a counter of `end - WINDOW..end` was seen.
    bits: Vec<u64>,
}

impl Seen {
    /// Forgets all ids of this epoch; earlier ones stay stale.
    pub(crate) fn forget(&mut self) {
        self.shards.clear();
    }

    /// Looks an id up and remembers it.
    pub(crate) fn observe(&mut self, id: ActionId) -> Sighting {
        if id.epoch < self.epoch {
            return Sighting::StaleEpoch;
        }
        if id.epoch > self.epoch {
            self.epoch = id.epoch;
            self.shards.clear();
        }
        let shard = match self.shards.iter().position(|shard| shard.number == id.shard) {
            Some(index) => &mut self.shards[index],
            None if self.shards.len() < SHARDS_MAX => {
                self.shards.push(Shard::new(id));
                self.shards.last_mut().expect("a shard was just added")
            }
            None => return Sighting::TooManyShards,
        };
        if shard.observe(id.counter) { Sighting::New } else { Sighting::Again }
    }
}

impl Shard {
    fn new(first: ActionId) -> Self {
        // A worker that was restarted meets counters that are far from zero.
        Self { number: first.shard, end: first.counter, bits: vec![0; WORDS] }
    }

    fn observe(&mut self, counter: u64) -> bool {
        if counter >= self.end {
            self.advance(counter);
        } else if self.end - counter > WINDOW {
            return false;
        }
        let (word, bit) = position(counter);
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        new
    }

    /// Moves the window so that it ends with `counter`, and forgets what leaves it.
    fn advance(&mut self, counter: u64) {
        if counter - self.end >= WINDOW {
            self.bits.fill(0);
        } else {
            for gone in self.end..=counter {
                let (word, bit) = position(gone);
                self.bits[word] &= !bit;
            }
        }
        // Counter u64::MAX cannot be followed, and no controller counts that far.
        self.end = counter.saturating_add(1);
    }
}

fn position(counter: u64) -> (usize, u64) {
    let slot = counter % WINDOW;
    let word = usize::try_from(slot / 64).expect("the window fits memory");
    (word, 1 << (slot % 64))
}

/// Counters that are remembered per shard: 128 KiB of bits.
const WINDOW: u64 = 1 << 20;
const WORDS: usize = 1 << 14;
const SHARDS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(epoch: u32, shard: u32, counter: u64) -> ActionId {
        ActionId { epoch, shard, counter }
    }

    #[test]
    fn an_id_is_new_once() {
        let mut seen = Seen::default();
        for counter in [5, 3, 9, WINDOW + 7] {
            assert_eq!(seen.observe(id(1, 0, counter)), Sighting::New);
            assert_eq!(seen.observe(id(1, 0, counter)), Sighting::Again);
        }
    }

    #[test]
    fn what_left_the_window_counts_as_seen_and_its_slot_is_reused() {
        let mut seen = Seen::default();
        assert_eq!(seen.observe(id(1, 0, 0)), Sighting::New);
        assert_eq!(seen.observe(id(1, 0, WINDOW - 1)), Sighting::New);
        assert_eq!(seen.observe(id(1, 0, WINDOW)), Sighting::New, "the slot of counter 0");
        assert_eq!(seen.observe(id(1, 0, 0)), Sighting::Again, "below the window");
        assert_eq!(seen.observe(id(1, 0, 1)), Sighting::New, "at its lower end");
    }

    #[test]
    fn shards_count_apart_and_are_bounded() {
        let mut seen = Seen::default();
        assert_eq!(seen.observe(id(1, 0, 4)), Sighting::New);
        assert_eq!(seen.observe(id(1, 1, 4)), Sighting::New);
        for shard in 2..64 {
            assert_eq!(seen.observe(id(1, shard, 0)), Sighting::New);
        }
        assert_eq!(seen.observe(id(1, 64, 0)), Sighting::TooManyShards);
    }

    #[test]
    fn what_was_forgotten_is_new_unless_its_epoch_is_over() {
        let mut seen = Seen::default();
        assert_eq!(seen.observe(id(7, 0, 4)), Sighting::New);
        seen.forget();
        assert_eq!(seen.observe(id(7, 0, 4)), Sighting::New);
        assert_eq!(seen.observe(id(6, 0, 5)), Sighting::StaleEpoch);
    }

    #[test]
    fn a_higher_epoch_starts_afresh_and_a_lower_one_is_stale() {
        let mut seen = Seen::default();
        assert_eq!(seen.observe(id(7, 0, 4)), Sighting::New);
        assert_eq!(seen.observe(id(8, 0, 4)), Sighting::New);
        assert_eq!(seen.observe(id(7, 0, 5)), Sighting::StaleEpoch);
    }

    #[test]
    fn extreme_counters_are_survived() {
        let mut seen = Seen::default();
        assert_eq!(seen.observe(id(0, 0, 0)), Sighting::New);
        assert_eq!(seen.observe(id(0, 0, u64::MAX)), Sighting::New);
    }
}
