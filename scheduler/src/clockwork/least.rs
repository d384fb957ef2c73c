//! The least of many keys, any of which may change at any time.

/// Keys by position, and where the least of them is: a tournament whose nodes are one cache line
/// each. A change stops climbing where it changes nothing, so that most cost one or two lines
/// whatever the number of keys; nothing is allocated except to grow.
#[derive(Clone, Debug)]
pub(super) struct Least {
    /// The keys in lines of eight, then the least of each line, and so on up to a single line.
    levels: Vec<Vec<Line>>,
    len: usize,
}

/// Eight keys: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([u64; FAN]);

impl Least {
    /// No keys.
    pub(super) fn new() -> Self {
        Self { levels: vec![vec![Line::EMPTY]], len: 0 }
    }

    /// Makes room for positions below `len`; the new ones hold [`NEVER`].
    pub(super) fn grow(&mut self, len: usize) {
        self.len = self.len.max(len);
        let mut lines = self.len.div_ceil(FAN).max(1);
        let mut level = 0;
        loop {
            if level == self.levels.len() {
                let mut top = Line::EMPTY;
                top.0[0] = self.levels[level - 1][0].least();
                self.levels.push(vec![top]);
            }
            if self.levels[level].len() < lines {
                self.levels[level].resize(lines, Line::EMPTY);
            }
            if lines == 1 && level + 1 == self.levels.len() {
                return;
            }
            lines = lines.div_ceil(FAN);
            level += 1;
        }
    }

    /// The key at `position`.
    pub(super) fn get(&self, position: usize) -> u64 {
        self.levels[0][position / FAN].0[position % FAN]
    }

    /// Changes the key at `position`.
    pub(super) fn set(&mut self, position: usize, key: u64) {
        let (mut at, mut key) = (position, key);
        for level in &mut self.levels {
            let line = &mut level[at / FAN];
            let held = &mut line.0[at % FAN];
            if *held == key {
                return;
            }
            *held = key;
            key = line.least();
            at /= FAN;
        }
    }

    /// The least key; [`NEVER`] if there is none.
    pub(super) fn least(&self) -> u64 {
        self.levels.last().map_or(NEVER, |top| top[0].least())
    }

    /// The position of the least key if that is not above `limit`, the lowest among equals.
    pub(super) fn due(&self, limit: u64) -> Option<usize> {
        if self.least() > limit { None } else { self.first().map(|(_, at)| at) }
    }

    /// The least key and its position, the lowest among equals.
    pub(super) fn first(&self) -> Option<(u64, usize)> {
        let key = self.least();
        if key == NEVER {
            return None;
        }
        let at = self.levels.iter().rev().fold(0, |line, level| {
            line * FAN + level[line].0.iter().position(|&held| held == key).expect("it is below")
        });
        Some((key, at))
    }
}

impl Line {
    const EMPTY: Self = Self([NEVER; FAN]);

    fn least(&self) -> u64 {
        self.0.iter().copied().fold(NEVER, u64::min)
    }
}

/// The key of a position that is not in the running.
pub(super) const NEVER: u64 = u64::MAX;

const FAN: usize = 8;

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn it_always_knows_the_least_of_any_number_of_keys() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for len in [1, 7, 8, 9, 64, 65, 513, 5_000] {
            let mut least = Least::new();
            let mut keys = vec![NEVER; len];
            least.grow(len);
            assert_eq!(least.first(), None);
            for _ in 0..2_000 {
                let at = random.random_range(0..len);
                let key = if random.random() { NEVER } else { random.random_range(0..1_000) };
                keys[at] = key;
                least.set(at, key);
                let expected =
                    (0..len).map(|at| (keys[at], at)).min().filter(|(key, _)| *key != NEVER);
                assert_eq!(least.first(), expected);
                for limit in [0, 500, NEVER] {
                    let due = expected.filter(|&(key, _)| key <= limit).map(|(_, at)| at);
                    assert_eq!(least.due(limit), due);
                }
            }
        }
    }

    #[test]
    fn growing_keeps_what_is_there() {
        let mut least = Least::new();
        for len in 1..600 {
            least.grow(len);
            assert_eq!(least.get(len - 1), NEVER);
            least.set(len - 1, u64::try_from(1_000 - len).unwrap());
            assert_eq!(least.first().map(|(_, at)| at), Some(len - 1));
        }
    }
}
