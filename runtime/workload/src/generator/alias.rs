//! Draws from unequal weights in constant time.

use rand::Rng;

/// Walker's alias table: every place is drawn equally often, and gives itself or one other.
#[derive(Clone, Debug, Default)]
pub(super) struct Alias {
    places: Vec<Place>,
    /// Places with less and with more than their share, while the table is built.
    poor: Vec<u32>,
    rich: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// What it stands for.
    own: u32,
    /// What it gives otherwise.
    other: u32,
    /// How likely it gives its own; 1 is certain.
    keeps: f64,
}

impl Alias {
    /// Makes this the table of these things with their weights.
    ///
    /// # Panics
    /// If there are none, or none of them has a weight.
    pub(super) fn fill(&mut self, weights: &[(u32, u32)]) {
        let total: f64 = weights.iter().map(|&(_, weight)| f64::from(weight)).sum();
        assert!(total > 0.0, "something must be asked for");
        let count =
            f64::from(u32::try_from(weights.len()).expect("rows are numbered with 32 bits"));
        let place = |&(own, weight): &(u32, u32)| Place {
            own,
            other: own,
            keeps: f64::from(weight) * count / total,
        };
        self.places.clear();
        self.places.extend(weights.iter().map(place));
        self.level();
    }

    /// Has the rich give what the poor lack.
    fn level(&mut self) {
        let Self { places, poor, rich } = self;
        poor.clear();
        rich.clear();
        for (index, place) in (0..).zip(&*places) {
            if place.keeps < 1.0 { poor.push(index) } else { rich.push(index) }
        }
        while let (Some(&giver), Some(taker)) = (rich.last(), poor.pop()) {
            let own = places[at(giver)].own;
            let taker = &mut places[at(taker)];
            taker.other = own;
            let given = 1.0 - taker.keeps;
            let giving = &mut places[at(giver)];
            giving.keeps -= given;
            if giving.keeps < 1.0 {
                rich.pop();
                poor.push(giver);
            }
        }
        // What rounding leaves over gives itself.
        for &mut rest in poor {
            places[at(rest)].keeps = 1.0;
        }
    }

    /// One of the things, drawn by weight with one random number.
    ///
    /// # Panics
    /// If it was never filled.
    #[inline]
    pub(super) fn draw(&self, random: &mut impl Rng) -> u32 {
        let word = random.next_u64();
        let (upper, lower) = (word >> 32, word & u64::from(u32::MAX));
        let count = u64::try_from(self.places.len()).expect("a length fits 64 bits");
        let place = self.places[usize::try_from((upper * count) >> 32).expect("below the length")];
        let chance = f64::from(u32::try_from(lower).expect("32 bits")) / TWO_TO_32;
        if chance < place.keeps { place.own } else { place.other }
    }
}

fn at(index: u32) -> usize {
    usize::try_from(index).expect("a u32 fits usize")
}

const TWO_TO_32: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// What each thing is drawn with, summed over the table.
    fn chances(alias: &Alias, things: usize) -> Vec<f64> {
        let mut sums = vec![0.0; things];
        let count = f64::from(u32::try_from(alias.places.len()).unwrap());
        for place in &alias.places {
            sums[at(place.own)] += place.keeps / count;
            sums[at(place.other)] += (1.0 - place.keeps) / count;
        }
        sums
    }

    #[test]
    fn the_table_has_exactly_the_weights() {
        let weights = [(3, 1), (0, 70_000), (7, 13), (1, 5), (2, 5), (6, 900)];
        let mut alias = Alias::default();
        alias.fill(&[(4, 1)]);
        alias.fill(&weights);
        let total = 70_924.0;
        let chances = chances(&alias, 8);
        for (thing, weight) in weights {
            let share = f64::from(weight) / total;
            assert!((chances[at(thing)] - share).abs() < 1e-12, "{thing}");
        }
        assert_eq!((chances[4], chances[5]), (0.0, 0.0));
    }

    #[test]
    fn draws_follow_the_weights() {
        let mut alias = Alias::default();
        alias.fill(&[(0, 3), (1, 1), (2, 6)]);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut counts = [0_u32; 3];
        for _ in 0..100_000 {
            counts[at(alias.draw(&mut random))] += 1;
        }
        for (count, expected) in counts.into_iter().zip([30_000, 10_000, 60_000]) {
            // Four standard deviations are at most 620.
            assert!(count.abs_diff(expected) < 620, "{counts:?}");
        }
    }
}
