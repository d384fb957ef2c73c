//! Io and workspace memory of a device: a ring of contiguous ranges.

use std::collections::VecDeque;

/// Every range begins at a multiple of this many bytes.
pub const ALIGNMENT: u64 = 256;

/// Hands out contiguous ranges of a fixed memory in the order of a ring.
///
/// Ranges are given back in any order; their space is reused once all older ones are back too,
/// which suits operations that end in the order in which they started.
#[derive(Clone, Debug)]
pub struct RingPool {
    size: u64,
    /// Oldest first.
    ranges: VecDeque<Range>,
}

/// A range of a [`RingPool`]; to be given back to the pool that it came from.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    offset: u64,
    len: u64,
}

impl Block {
    /// Where it begins, in bytes from the pool's start.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Its length in bytes: at least what was asked for.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes at all.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[derive(Clone, Copy, Debug)]
struct Range {
    offset: u64,
    len: u64,
    released: bool,
}

impl RingPool {
    /// A pool of `size` bytes, rounded down to the alignment.
    pub const fn new(size: u64) -> Self {
        Self { size: size - size % ALIGNMENT, ranges: VecDeque::new() }
    }

    /// Bytes in all.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of the ranges that are out or wait for older ones to come back.
    pub fn used(&self) -> u64 {
        self.ranges.iter().map(|range| range.len).sum()
    }

    /// Takes `bytes` bytes, or `None` if there is no contiguous room now. No bytes need no room.
    ///
    /// # Panics
    /// If the ring is wrong: that is an accounting bug.
    pub fn allocate(&mut self, bytes: u64) -> Option<Block> {
        if bytes == 0 {
            return Some(Block { offset: 0, len: 0 });
        }
        let len = bytes.checked_next_multiple_of(ALIGNMENT)?;
        let offset = self.place(len)?;
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.size), "inside the pool");
        self.ranges.push_back(Range { offset, len, released: false });
        Some(Block { offset, len })
    }

    /// Gives a range back.
    ///
    /// # Panics
    /// If the range is not out: that is an accounting bug.
    pub fn release(&mut self, block: &Block) {
        if block.is_empty() {
            return;
        }
        let range = self
            .ranges
            .iter_mut()
            .find(|range| range.offset == block.offset && !range.released)
            .expect("a range is given back once, to the pool that it came from");
        range.released = true;
        while self.ranges.front().is_some_and(|range| range.released) {
            self.ranges.pop_front();
        }
    }

    fn place(&self, len: u64) -> Option<u64> {
        let (Some(oldest), Some(newest)) = (self.ranges.front(), self.ranges.back()) else {
            return place_in_tail(0, self.size, len);
        };
        let (begin, end) = (oldest.offset, newest.offset + newest.len);
        if newest.offset < begin {
            // The ring has wrapped: the one gap lies between the newest and the oldest.
            return (len <= begin - end).then_some(end);
        }
        place_in_tail(end, self.size, len).or_else(|| (len <= begin).then_some(0))
    }
}

/// A range that takes more than half of the tail goes to its very end, so that what is left in
/// front of it is not mistaken for room behind it and the next range wraps at once.
fn place_in_tail(begin: u64, end: u64, len: u64) -> Option<u64> {
    let tail = end - begin;
    if len > tail {
        None
    } else if len > tail / 2 {
        Some(end - len)
    } else {
        Some(begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: u64 = ALIGNMENT;

    fn offset(block: Option<&Block>) -> Option<u64> {
        block.map(|block| block.offset() / UNIT)
    }

    #[test]
    fn ranges_follow_each_other() {
        let mut pool = RingPool::new(10 * UNIT);
        let a = pool.allocate(3 * UNIT).unwrap();
        let b = pool.allocate(3 * UNIT).unwrap();
        let c = pool.allocate(2 * UNIT);
        assert_eq!((a.offset(), b.offset()), (0, 3 * UNIT));
        assert_eq!(offset(c.as_ref()), Some(6), "two of the last four are not more than half");
    }

    #[test]
    fn exhaustion_is_an_answer() {
        let mut pool = RingPool::new(4 * UNIT);
        let all = pool.allocate(4 * UNIT).unwrap();
        assert_eq!(pool.allocate(1), None);
        assert_eq!(pool.allocate(u64::MAX), None);
        pool.release(&all);
        assert_eq!(pool.used(), 0);
        assert!(pool.allocate(4 * UNIT).is_some());
    }

    #[test]
    fn space_comes_back_from_the_oldest_on() {
        let mut pool = RingPool::new(8 * UNIT);
        let blocks: Vec<_> = (0..8).map(|_| pool.allocate(UNIT).unwrap()).collect();
        pool.release(&blocks[1]);
        assert_eq!(pool.allocate(UNIT), None, "the oldest is still out");
        pool.release(&blocks[0]);
        assert_eq!(offset(pool.allocate(2 * UNIT).as_ref()), Some(0), "both came back at once");
    }

    #[test]
    fn a_large_range_is_placed_at_the_end() {
        let mut pool = RingPool::new(10 * UNIT);
        let small = pool.allocate(4 * UNIT).unwrap();
        let large = pool.allocate(4 * UNIT).unwrap();
        assert_eq!((small.offset(), large.offset()), (0, 6 * UNIT));
        pool.release(&small);
        assert_eq!(offset(pool.allocate(4 * UNIT).as_ref()), Some(0), "the next range wraps");
    }

    #[test]
    fn no_bytes_need_no_room() {
        let mut pool = RingPool::new(0);
        let none = pool.allocate(0).unwrap();
        pool.release(&none);
        assert_eq!(pool.allocate(1), None);
    }
}
