//! Shares out the models that nobody has moved: shards in proportion to their devices.

use crate::shard::ShardIndex;

/// The spread for shards with so many devices each, as near to `old` as even prefixes allow: few
/// models are as even as many. `None` if there are no devices or nothing changes.
pub(super) fn respread(old: &[ShardIndex], devices: &[u32]) -> Option<Box<[ShardIndex]>> {
    let total = f64::from(devices.iter().sum::<u32>());
    if total <= 0.0 {
        return None;
    }
    let mut used = vec![0.0; devices.len()];
    let mut slots = 0.0;
    let mut choose = |&slot: &ShardIndex| {
        slots += 1.0;
        let behind = |at: usize| slots * f64::from(devices[at]) / total - used[at];
        let all = ShardIndex::all(devices.len());
        // The first of those that are furthest behind: `max_by` takes the last.
        let most = all.rev().max_by(|a, b| behind(a.index()).total_cmp(&behind(b.index())));
        let keeps = devices[slot.index()] > 0 && behind(slot.index()) > ROUNDING;
        let chosen = if keeps { slot } else { most.expect("there are shards") };
        used[chosen.index()] += 1.0;
        chosen
    };
    let new: Box<[ShardIndex]> = old.iter().map(&mut choose).collect();
    (*new != *old).then_some(new)
}

/// Differences below this are of floats, not of models.
const ROUNDING: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Homes;

    fn counts(spread: &[ShardIndex], shards: usize) -> Vec<usize> {
        let count = |shard| spread.iter().filter(|s| s.index() == shard).count();
        (0..shards).map(count).collect()
    }

    #[test]
    fn equal_shards_stay_as_they_are() {
        for shards in [1, 2, 3, 16, 64] {
            assert_eq!(respread(Homes::new(shards).spread(), &vec![10; shards]), None);
        }
    }

    #[test]
    fn parts_follow_devices_and_prefixes_are_even() {
        let spread = respread(Homes::new(3).spread(), &[20, 0, 10]).unwrap();
        let [most, none, least] = counts(&spread, 3)[..] else { unreachable!("three shards") };
        assert!((682..=683).contains(&most) && none == 0 && least == 1_024 - most);
        assert!(counts(&spread[..12], 3)[0].abs_diff(8) <= 1);
    }

    #[test]
    fn a_lost_shard_takes_little_from_the_others() {
        let old = Homes::new(4);
        let new = respread(old.spread(), &[5, 5, 0, 5]).unwrap();
        let pairs = old.spread().iter().zip(&new);
        let moved = pairs.filter(|(before, after)| before.index() != 2 && before != after).count();
        assert!(moved < 100, "{moved} of 768 moved");
        assert!(counts(&new, 4).iter().all(|&n| n == 0 || n.abs_diff(341) <= 2));
    }

    #[test]
    fn without_devices_nothing_changes() {
        assert_eq!(respread(Homes::new(2).spread(), &[0, 0]), None);
    }
}
