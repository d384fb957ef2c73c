//! Sets of small numbers, one bit each.

/// A set of positions.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Makes room for positions below `len`.
    pub(super) fn grow(&mut self, len: usize) {
        let words = len.div_ceil(WIDTH);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }

    /// Puts a position in.
    pub(super) fn insert(&mut self, at: usize) {
        self.words[at / WIDTH] |= 1 << (at % WIDTH);
    }

    /// Takes a position out, if it is there.
    pub(super) fn remove(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / WIDTH) {
            *word &= !(1 << (at % WIDTH));
        }
    }

    /// Whether a position is in.
    pub(super) fn contains(&self, at: usize) -> bool {
        self.words.get(at / WIDTH).is_some_and(|word| word & (1 << (at % WIDTH)) != 0)
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Whether nothing is in.
    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The positions that are in both sets, rising.
    pub(super) fn common<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let both = self.words.iter().zip(&other.words).map(|(a, b)| a & b);
        both.enumerate().flat_map(|(at, word)| ones(at, word))
    }

    /// The positions from `from` on, rising, and then those below it.
    pub(super) fn around(&self, from: usize) -> impl Iterator<Item = usize> {
        let len = self.words.len().max(1);
        let (first, bit) = (from / WIDTH % len, from % WIDTH);
        let word = move |turn: usize| {
            let at = (first + turn) % len;
            let word = self.words.get(at).copied().unwrap_or_default();
            let upper = u64::MAX << bit;
            match turn {
                0 => (at, word & upper),
                turn if turn == len => (at, word & !upper),
                _ => (at, word),
            }
        };
        (0..=len).map(word).flat_map(|(at, word)| ones(at, word))
    }
}

fn ones(at: usize, mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = usize::try_from(word.trailing_zeros()).expect("below 64");
        word &= word - 1;
        Some(at * WIDTH + bit)
    })
}

const WIDTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(of: &[usize]) -> Bits {
        let mut bits = Bits::default();
        bits.grow(200);
        for &at in of {
            bits.insert(at);
        }
        bits
    }

    #[test]
    fn what_is_put_in_is_in_until_it_is_taken_out() {
        let mut bits = bits(&[0, 63, 64, 199]);
        assert_eq!(bits.around(0).collect::<Vec<_>>(), [0, 63, 64, 199]);
        bits.remove(63);
        bits.remove(5_000);
        assert!(!bits.contains(63) && bits.contains(64) && !bits.contains(5_000));
        bits.clear();
        assert!(bits.is_empty());
    }

    #[test]
    fn common_positions_are_in_both() {
        let (a, b) = (bits(&[1, 70, 130]), bits(&[1, 2, 130]));
        assert_eq!(a.common(&b).collect::<Vec<_>>(), [1, 130]);
    }

    #[test]
    fn a_round_begins_anywhere_and_visits_each_once() {
        let bits = bits(&[1, 70, 75, 130]);
        assert_eq!(bits.around(75).collect::<Vec<_>>(), [75, 130, 1, 70]);
        assert_eq!(bits.around(0).collect::<Vec<_>>(), [1, 70, 75, 130]);
        assert_eq!(bits.around(131).collect::<Vec<_>>(), [1, 70, 75, 130]);
        assert_eq!(Bits::default().around(3).count(), 0);
    }
}
