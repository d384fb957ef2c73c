//! A table whose keys are given out in order and mostly taken back in order.

use std::collections::VecDeque;

/// Values by a running number; constant time, no hashing.
#[derive(Debug)]
pub(crate) struct Sliding<T> {
    base: u64,
    window: VecDeque<Option<T>>,
    live: usize,
}

impl<T> Default for Sliding<T> {
    fn default() -> Self {
        Self { base: 0, window: VecDeque::new(), live: 0 }
    }
}

impl<T> Sliding<T> {
    /// Puts a value in and says its number.
    pub(crate) fn push(&mut self, value: T) -> u64 {
        let number = self.base + u64::try_from(self.window.len()).expect("a length fits u64");
        self.window.push_back(Some(value));
        self.live += 1;
        number
    }

    /// The value with this number, if it is still here.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.position(number)?;
        self.window.get_mut(at)?.as_mut()
    }

    /// Takes the value with this number out, once.
    pub(crate) fn take(&mut self, number: u64) -> Option<T> {
        let at = self.position(number)?;
        let value = self.window.get_mut(at)?.take()?;
        self.live -= 1;
        while let Some(None) = self.window.front() {
            self.window.pop_front();
            self.base += 1;
        }
        Some(value)
    }

    /// The values that are here, with their numbers, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, &T)> {
        (self.base..)
            .zip(&self.window)
            .filter_map(|(number, value)| Some((number, value.as_ref()?)))
    }

    /// How many values are here.
    pub(crate) const fn len(&self) -> usize {
        self.live
    }

    fn position(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.base)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_once_and_numbers_go_on() {
        let mut table = Sliding::default();
        assert_eq!((table.push('a'), table.push('b')), (0, 1));
        assert_eq!(table.take(0), Some('a'));
        assert_eq!(table.take(0), None);
        assert_eq!(table.push('c'), 2);
        assert_eq!((table.get_mut(1).copied(), table.len()), (Some('b'), 2));
    }
}
