//! What models want of the devices that hold them.
//!
//! Written once per model, however many copies it has, and read by a device that is about to take
//! work: it goes through the models that it holds. The keys of ten thousand models are 80 kB and stay
//! in the cache; a note at every device that holds a model, which a change would have to bring up to
//! date, is a cache miss for each of them.

use smallvec::SmallVec;

/// The latest start of the most urgent batch of each model, by *lane*: a lane is a model as one kind.
#[derive(Debug)]
pub(super) struct Wants {
    keys: Vec<u64>,
}

impl Wants {
    /// No models.
    pub(super) fn new() -> Self {
        Self { keys: vec![NEVER] }
    }

    /// A lane that nothing else uses and that wants nothing.
    ///
    /// # Panics
    /// If 2^32 lanes are open, which memory does not allow.
    pub(super) fn open(&mut self) -> u32 {
        self.keys.push(NEVER);
        u32::try_from(self.keys.len() - 1).expect("fewer than 2^32 lanes")
    }

    /// Notes the latest start of the most urgent batch; [`NEVER`] if there is none.
    pub(super) fn set(&mut self, lane: u32, key: u64) {
        self.keys[super::index(lane)] = key;
    }

    /// The most urgent of `lanes` and where it is among them, the first among equals, of those that
    /// come after `passed` in this order.
    pub(super) fn first(&self, lanes: &[u32], passed: Option<Urgent>) -> Option<Urgent> {
        let passed = passed.map_or((0, None), |urgent| (urgent.key, Some(urgent.slot)));
        let mut best = Urgent { key: NEVER, slot: 0 };
        for (slot, &lane) in lanes.iter().enumerate() {
            let key = self.keys[super::index(lane)];
            if key < best.key && (key, Some(slot)) > passed {
                best = Urgent { key, slot };
            }
        }
        (best.key != NEVER).then_some(best)
    }

    /// As [`Wants::first`], but a number of them, the most urgent first.
    pub(super) fn several(&self, lanes: &[u32], passed: Option<Urgent>) -> Several {
        let passed = passed.map_or((0, None), |urgent| (urgent.key, Some(urgent.slot)));
        let mut several = Several::new();
        let mut limit = NEVER;
        for (slot, &lane) in lanes.iter().enumerate() {
            let key = self.keys[super::index(lane)];
            if key < limit && (key, Some(slot)) > passed {
                several.truncate(several.inline_size() - 1);
                let at = several.partition_point(|other| other.key <= key);
                several.insert(at, Urgent { key, slot });
                let full = several.len() == several.inline_size();
                limit = several.last().filter(|_| full).map_or(NEVER, |last| last.key);
            }
        }
        several
    }
}

/// A model that wants a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Urgent {
    /// The latest start of its most urgent batch, in nanoseconds.
    pub key: u64,
    /// Where the device has its copy.
    pub slot: usize,
}

/// The most urgent models of a device.
pub(super) type Several = SmallVec<[Urgent; 16]>;

/// The lane of a slot whose copy takes no work.
pub(super) const CLOSED: u32 = 0;

/// The key of what is not in the running.
pub(super) const NEVER: u64 = super::least::NEVER;

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(keys: &[u64]) -> (Wants, Vec<u32>) {
        let mut wants = Wants::new();
        let lanes = keys.iter().map(|&key| {
            let lane = wants.open();
            wants.set(lane, key);
            lane
        });
        let lanes = lanes.collect();
        (wants, lanes)
    }

    #[test]
    fn the_most_urgent_come_in_order_and_equals_by_slot() {
        let (wants, mut lanes) = wants(&[7, 3, NEVER, 3, 1, 9]);
        lanes[4] = CLOSED;
        let mut passed = None;
        let mut seen = Vec::new();
        while let Some(urgent) = wants.first(&lanes, passed) {
            seen.push((urgent.key, urgent.slot));
            passed = Some(urgent);
        }
        assert_eq!(seen, [(3, 1), (3, 3), (7, 0), (9, 5)]);
    }

    #[test]
    fn several_at_once_are_the_same_as_one_after_the_other() {
        let keys: Vec<u64> = (0..100).map(|n: u64| n * 37 % 50).collect();
        let (wants, lanes) = wants(&keys);
        let mut passed = None;
        for _ in 0..4 {
            for urgent in wants.several(&lanes, passed) {
                assert_eq!(Some(urgent), wants.first(&lanes, passed));
                passed = Some(urgent);
            }
        }
        assert_eq!(passed.map(|urgent| urgent.key), Some(31));
    }
}
