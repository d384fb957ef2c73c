//! Batch sizes and weights pages.

use std::fmt;
use std::num::NonZeroU16;
use std::ops::{Add, AddAssign, Range, Sub, SubAssign};

/// Bytes of one weights page (16 MiB), the original's default and this project's constant.
pub const PAGE_BYTES: u64 = 16 << 20;

/// How many inputs one INFER carries; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchSize(NonZeroU16);

impl BatchSize {
    /// A single input; every model supports it.
    pub const ONE: Self = Self(NonZeroU16::MIN);
    /// The largest batch size that any part of the system accepts.
    pub const LIMIT: u16 = 256;

    /// A batch size, if `size` is 1 to [`BatchSize::LIMIT`].
    pub const fn new(size: u16) -> Option<Self> {
        if size > Self::LIMIT {
            return None;
        }
        match NonZeroU16::new(size) {
            Some(size) => Some(Self(size)),
            None => None,
        }
    }

    /// The number of inputs.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The number of inputs as a length.
    pub fn count(self) -> usize {
        usize::from(self.0.get())
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of weights pages of [`PAGE_BYTES`] each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pages(u32);

impl Pages {
    /// No pages.
    pub const ZERO: Self = Self(0);

    /// This many pages.
    pub const fn new(pages: u32) -> Self {
        Self(pages)
    }

    /// The pages that `bytes` of weights occupy; at least one. Saturates at `u32::MAX` pages.
    pub fn holding(bytes: u64) -> Self {
        Self(u32::try_from(bytes.div_ceil(PAGE_BYTES).max(1)).unwrap_or(u32::MAX))
    }

    /// The whole pages that a cache of `bytes` has. Saturates at `u32::MAX` pages.
    pub fn within(bytes: u64) -> Self {
        Self(u32::try_from(bytes / PAGE_BYTES).unwrap_or(u32::MAX))
    }

    /// The number of pages.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The bytes that these pages hold.
    pub fn bytes(self) -> u64 {
        u64::from(self.0) * PAGE_BYTES
    }
}

impl Add for Pages {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Pages {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Panics below zero: a page count that goes negative is an accounting bug.
impl Sub for Pages {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("more pages taken than there are"))
    }
}

impl SubAssign for Pages {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of a model's weights pages an action is about, counted from the model's first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageRange {
    first: u16,
    count: u16,
}

impl PageRange {
    /// All of the model's pages.
    pub const WHOLE: Self = Self { first: 0, count: 0 };

    /// `count` pages from page `first` on; `None` if there are none of them, or if they end beyond
    /// page 65,536.
    pub const fn new(first: u16, count: u16) -> Option<Self> {
        if count == 0 || (count - 1).checked_add(first).is_none() {
            return None;
        }
        Some(Self { first, count })
    }

    /// Whether it is all of the model's pages, however many they are.
    pub const fn is_whole(self) -> bool {
        self.count == 0
    }

    /// The first page.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// How many pages; 0 means all.
    pub const fn count(self) -> u16 {
        self.count
    }

    /// The pages of a model of `total` pages that it means; `None` if it ends beyond the last one.
    pub fn of(self, total: Pages) -> Option<Range<u32>> {
        if self.is_whole() {
            return Some(0..total.get());
        }
        let first = u32::from(self.first);
        let end = first + u32::from(self.count);
        (end <= total.get()).then_some(first..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resnet50_takes_seven_pages() {
        assert_eq!(Pages::holding(102_160_300), Pages::new(7));
        assert_eq!(Pages::within(23_085_449_216), Pages::new(1376));
    }

    #[test]
    fn a_page_range_has_pages_and_ends_within_16_bits() {
        assert_eq!(PageRange::new(3, 0), None);
        assert_eq!(PageRange::new(u16::MAX, 2), None);
        let last = PageRange::new(u16::MAX, 1).expect("the last page");
        assert!(!last.is_whole() && PageRange::default().is_whole());
        assert_eq!((last.first(), last.count()), (u16::MAX, 1));
    }

    #[test]
    fn a_page_range_lies_inside_its_model() {
        let tail = PageRange::new(3, 2).expect("two pages");
        assert_eq!(tail.of(Pages::new(5)), Some(3..5));
        assert_eq!(tail.of(Pages::new(4)), None);
        assert_eq!(PageRange::WHOLE.of(Pages::new(4)), Some(0..4));
    }

    #[test]
    fn a_batch_is_between_one_and_the_limit() {
        assert_eq!(BatchSize::new(0), None);
        assert_eq!(BatchSize::new(BatchSize::LIMIT).map(BatchSize::get), Some(BatchSize::LIMIT));
        assert_eq!(BatchSize::new(BatchSize::LIMIT + 1), None);
    }
}
