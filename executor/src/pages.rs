//! The weights cache of a device: fixed pages and a free list.

use clockwork_wire::Pages;

/// Which pages of a device's weights cache are free.
///
/// There is no eviction here: pages stay taken until they are given back, because the controller
/// decides what leaves a device.
#[derive(Clone, Debug)]
pub struct PageCache {
    free: Vec<u32>,
    taken: Vec<bool>,
}

impl PageCache {
    /// A cache of `total` pages, all free.
    pub fn new(total: Pages) -> Self {
        // The list is a stack; built in reverse so that low pages go first.
        let free = (0..total.get()).rev().collect();
        let taken = (0..total.get()).map(|_| false).collect();
        Self { free, taken }
    }

    /// All pages.
    pub fn total(&self) -> Pages {
        count(self.taken.len())
    }

    /// The pages that nobody holds.
    pub fn free(&self) -> Pages {
        count(self.free.len())
    }

    /// The pages that somebody holds.
    pub fn used(&self) -> Pages {
        self.total() - self.free()
    }

    /// Takes `pages` pages, or none at all if fewer are free.
    ///
    /// # Panics
    /// If the free list is wrong: that is an accounting bug.
    pub fn allocate(&mut self, pages: Pages) -> Option<Vec<u32>> {
        let wanted = usize::try_from(pages.get()).expect("a page count fits usize");
        let rest = self.free.len().checked_sub(wanted)?;
        let mut allocated = self.free.split_off(rest);
        allocated.reverse();
        for &page in &allocated {
            let taken = self.slot(page);
            assert!(!*taken, "page {page} is on the free list and taken");
            *taken = true;
        }
        Some(allocated)
    }

    /// Gives pages back.
    ///
    /// # Panics
    /// If a page is not taken: that is an accounting bug.
    pub fn release(&mut self, pages: &[u32]) {
        for &page in pages.iter().rev() {
            let taken = self.slot(page);
            assert!(*taken, "page {page} is given back twice");
            *taken = false;
            self.free.push(page);
        }
    }

    fn slot(&mut self, page: u32) -> &mut bool {
        let index = usize::try_from(page).expect("a page index fits usize");
        self.taken.get_mut(index).expect("a page lies inside its cache")
    }
}

fn count(pages: usize) -> Pages {
    Pages::new(u32::try_from(pages).expect("a cache is made of at most u32::MAX pages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_taken_all_or_none() {
        let mut cache = PageCache::new(Pages::new(5));
        let four = cache.allocate(Pages::new(4)).unwrap();
        assert_eq!(four, [0, 1, 2, 3]);
        assert_eq!(cache.allocate(Pages::new(2)), None);
        assert_eq!(cache.free(), Pages::new(1), "a refused allocation takes nothing");
        cache.release(&four);
        assert_eq!((cache.free(), cache.used()), (Pages::new(5), Pages::ZERO));
    }

    #[test]
    fn an_empty_cache_holds_nothing() {
        let mut cache = PageCache::new(Pages::ZERO);
        assert_eq!(cache.allocate(Pages::new(1)), None);
        assert_eq!(cache.allocate(Pages::ZERO), Some(Vec::new()));
    }

    #[test]
    #[should_panic(expected = "given back twice")]
    fn giving_a_page_back_twice_is_caught() {
        let mut cache = PageCache::new(Pages::new(2));
        let pages = cache.allocate(Pages::new(1)).unwrap();
        cache.release(&pages);
        cache.release(&pages);
    }
}
