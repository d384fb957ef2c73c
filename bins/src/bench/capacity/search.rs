//! The search for the highest rate that is carried.

/// What is known so far: the highest rate that was carried and the lowest that was not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    first: f64,
    carried: Option<f64>,
    refused: f64,
    bound: f64,
    step: f64,
    precision: f64,
}

impl Search {
    /// A search that begins with the rate `first`, goes up by factors of at most `step`, takes
    /// `bound` for too much, and ends when it knows the rate to `precision`, as 0.03.
    pub(super) fn new(first: f64, bound: f64, step: f64, precision: f64) -> Self {
        let first = first.clamp(bound * LEAST, bound);
        Self { first, carried: None, refused: f64::INFINITY, bound, step, precision }
    }

    /// The next rate to try; `None` when it is over.
    pub(super) fn next(&self) -> Option<f64> {
        let top = self.refused.min(self.bound);
        match self.carried {
            None if self.refused.is_infinite() => Some(self.first),
            None => Some(top * DOWN).filter(|&rate| rate >= self.bound * LEAST),
            Some(carried) if top <= carried * (1.0 + self.precision) => None,
            Some(carried) => Some((carried * top).sqrt().min(carried * self.step)),
        }
    }

    /// A rate was tried.
    pub(super) fn tried(&mut self, rate: f64, carried: bool) {
        if carried {
            self.carried = Some(self.carried.map_or(rate, |before| before.max(rate)));
        } else {
            self.refused = self.refused.min(rate);
        }
    }
}

/// The factor by which it goes down while nothing was carried yet.
const DOWN: f64 = 0.6;
/// The part of the bound below which it gives up.
const LEAST: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a search ends that begins at `first`, and after how many tries.
    fn find(capacity: f64, first: f64, step: f64) -> (Option<f64>, u32) {
        let mut search = Search::new(first, 200_000.0, step, 0.03);
        let mut tries = 0;
        while let Some(rate) = search.next() {
            search.tried(rate, rate <= capacity);
            tries += 1;
        }
        (search.carried, tries)
    }

    #[test]
    fn it_ends_just_below_the_capacity_wherever_it_begins() {
        for first in [1.0, 20_000.0, 100_000.0, 190_000.0, 1e9] {
            for capacity in [5_000.0, 70_000.0, 150_000.0, 199_000.0] {
                let (found, tries) = find(capacity, first, 1.5);
                let found = found.unwrap();
                assert!(found <= capacity && found * 1.03 >= capacity.min(200_000.0), "{found}");
                assert!(tries <= 24, "{capacity} from {first}: {tries}");
            }
        }
    }

    #[test]
    fn a_good_first_guess_and_small_steps_save_tries() {
        assert!(find(150_000.0, 148_000.0, 1.05).1 < find(150_000.0, 50_000.0, 1.5).1);
    }

    #[test]
    fn it_gives_up_where_nothing_is_carried() {
        assert_eq!(find(0.0, 100_000.0, 1.5).0, None);
    }
}
