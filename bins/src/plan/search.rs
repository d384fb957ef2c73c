//! Which numbers of devices are tried next: first more and more, until one is enough, then between.
//!
//! Satisfaction grows with the devices only by and large: a run with one device more may miss a request
//! that the other did not. So the answer is the fewest devices from which on every number that was
//! tried is enough.

use std::collections::BTreeMap;

/// A search among 1 to some number of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// Where it begins.
    first: u32,
    /// The most that may be tried.
    most: u32,
    /// Whether so many are enough.
    tried: BTreeMap<u32, bool>,
}

impl Search {
    /// A search that begins with `first` devices, or with `most` if that is fewer.
    pub(super) fn new(first: u32, most: u32) -> Self {
        let most = most.max(1);
        Self { first: first.clamp(1, most), most, tried: BTreeMap::new() }
    }

    /// The numbers to try at the same time, rising; none when the search is over. They depend on
    /// nothing but what has been noted.
    pub(super) fn next(&self) -> Vec<u32> {
        let (missed, enough) = (self.missed(), self.enough());
        let mut next: Vec<u32> = match enough {
            Some(enough) => between(missed, enough),
            None if self.tried.is_empty() => grown(self.first).collect(),
            None => grown(missed).skip(1).collect(),
        };
        if enough.is_none() {
            next = next.into_iter().map(|devices| devices.min(self.most)).collect();
            next.dedup();
        }
        next.retain(|devices| !self.tried.contains_key(devices));
        next
    }

    /// Notes whether so many devices are enough.
    pub(super) fn note(&mut self, devices: u32, enough: bool) {
        self.tried.insert(devices, enough);
    }

    /// The fewest devices from which on every number tried is enough; `None` if the most that was
    /// tried is not.
    pub(super) fn enough(&self) -> Option<u32> {
        let enough = self.tried.iter().rev().take_while(|(_, enough)| **enough);
        enough.last().map(|(devices, _)| *devices)
    }

    /// The most devices that are known to be too few; 0 always are.
    pub(super) fn missed(&self) -> u32 {
        let missed = self.tried.iter().rev().find(|(_, enough)| !**enough);
        missed.map_or(0, |(devices, _)| *devices)
    }

    /// Whether there is nothing left to try.
    pub(super) fn is_over(&self) -> bool {
        self.next().is_empty()
    }
}

/// This number, and three larger ones: by a sixth, a third and a half, each at least one more.
fn grown(from: u32) -> impl Iterator<Item = u32> {
    let parts = [(0, 0), (6, 1), (3, 2), (2, 3)];
    parts.into_iter().map(move |(part, least): (u32, u32)| {
        let more = from.checked_div(part).unwrap_or(0);
        from.saturating_add(more.max(least))
    })
}

/// Up to three numbers that divide what lies between two into equal parts.
fn between(missed: u32, enough: u32) -> Vec<u32> {
    let gap = u64::from(enough - missed);
    let at = |part: u64| missed + u32::try_from(gap * part / PARTS).expect("it is within the gap");
    let mut places: Vec<u32> = (1..PARTS).map(at).filter(|&at| at > missed).collect();
    places.dedup();
    places
}

const PARTS: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches with this many devices needed; gives the answer and the numbers tried.
    fn search(first: u32, most: u32, is_enough: impl Fn(u32) -> bool) -> (Option<u32>, Vec<u32>) {
        let mut search = Search::new(first, most);
        loop {
            let next = search.next();
            if next.is_empty() {
                return (search.enough(), search.tried.into_keys().collect());
            }
            assert!(next.iter().all(|devices| (1..=most).contains(devices)), "{next:?}");
            for devices in next {
                search.note(devices, is_enough(devices));
            }
        }
    }

    #[test]
    fn whatever_is_needed_is_found_from_wherever_it_begins() {
        for needed in 1..=60 {
            for first in [1, 2, 7, 30, 59, 60, 500] {
                let (found, tried) = search(first, 60, |devices| devices >= needed);
                assert_eq!(found, Some(needed), "from {first}, tried {tried:?}");
                assert!(needed == 1 || tried.contains(&(needed - 1)), "one fewer is too few");
            }
        }
    }

    #[test]
    fn a_good_guess_needs_few_rounds() {
        let (found, tried) = search(100, 10_000, |devices| devices >= 113);
        assert_eq!(found, Some(113));
        assert!(tried.len() <= 12, "{tried:?}");
    }

    #[test]
    fn it_ends_at_the_most_if_even_that_is_too_few() {
        let (found, tried) = search(3, 40, |_| false);
        assert_eq!((found, tried.last()), (None, Some(&40)));
        assert_eq!(search(90, 40, |_| false), (None, vec![40]));
        assert_eq!(search(1, 1, |_| true), (Some(1), vec![1]));
    }

    #[test]
    fn a_number_in_between_that_is_too_few_moves_the_answer_up() {
        let (found, tried) = search(8, 100, |devices| devices >= 8 && devices != 9);
        assert_eq!(found, Some(10), "{tried:?}");
    }

    #[test]
    fn nothing_that_was_noted_is_tried_again_and_the_order_does_not_matter() {
        let mut search = Search::new(10, 100);
        assert_eq!(search.next(), [10, 11, 13, 15]);
        let mut other = search.clone();
        for (devices, enough) in [(10, false), (11, false), (13, true), (15, true)] {
            search.note(devices, enough);
        }
        for (devices, enough) in [(15, true), (13, true), (11, false), (10, false)] {
            other.note(devices, enough);
        }
        assert_eq!((search.next(), search.is_over()), (vec![12], false));
        assert_eq!(search, other);
        search.note(12, false);
        assert_eq!((search.enough(), search.missed(), search.is_over()), (Some(13), 12, true));
    }
}
