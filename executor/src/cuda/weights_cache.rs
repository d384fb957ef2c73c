//! Which pages of the weights cache hold whose weights.
//!
//! The first page is copied while the others are mapped, so that the copy engine waits for one page only.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use clockwork_wire::{ModelId, Pages};

use super::error::CudaError;
use super::pages::{AddressRange, PagePool};

/// Some or all of a model's pages.
pub(super) struct Part {
    /// The first of them.
    pub(super) first: u32,
    /// Which pages of the cache they are.
    pub(super) pages: Vec<u32>,
    /// How many pages the model has.
    pub(super) total: Pages,
}

/// The pages, and the models that have some.
#[derive(Debug)]
pub(super) struct WeightsCache {
    pool: PagePool,
    /// Each model's range, and how many pages it has: always the first ones.
    resident: BTreeMap<ModelId, (Arc<AddressRange>, u32)>,
}

impl WeightsCache {
    /// One that holds nothing.
    pub(super) const fn new(pool: PagePool) -> Self {
        Self { pool, resident: BTreeMap::new() }
    }

    /// Maps pages and has weights copied into them. All of a model is loaded anew; a part joins what is
    /// there.
    ///
    /// # Errors
    /// If the driver refuses, or the pages make no sense. Some of them may then be mapped: they are there
    /// until the model is [cut](Self::cut) where the part began.
    pub(super) fn load(
        &mut self,
        model: ModelId,
        range: &Arc<AddressRange>,
        part: &Part,
        mut copy: impl FnMut(Range<u32>) -> Result<(), CudaError>,
    ) -> Result<(), CudaError> {
        let have = self.resident.get(&model).map_or(0, |&(_, pages)| pages);
        if have > part.first {
            self.cut(model, part.first);
        } else if have < part.first {
            return Err(CudaError::new("loading weights", "the pages before them are not there"));
        }
        let held = self.resident.entry(model).or_insert_with(|| (Arc::clone(range), 0));
        let (head, rest) = part.pages.split_at(part.pages.len().min(1));
        for pages in [head, rest] {
            let first = held.1;
            let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
            if count > part.total.get().saturating_sub(first) {
                return Err(CudaError::new("loading weights", "they have fewer pages"));
            }
            self.pool.map(pages, range, first)?;
            held.1 = first + count;
            copy(first..held.1)?;
        }
        Ok(())
    }

    /// Takes a model's pages from `keep` on.
    pub(super) fn cut(&mut self, model: ModelId, keep: u32) {
        let Some((range, pages)) = self.resident.get_mut(&model) else { return };
        if keep < *pages {
            // What cannot be unmapped makes the model's next LOAD fail.
            let _ = range.unmap(keep..*pages);
            *pages = keep;
        }
        if *pages == 0 {
            self.resident.remove(&model);
        }
    }

    /// Takes all models' pages: addresses can only be given back without.
    pub(super) fn clear(&mut self) {
        while let Some(&model) = self.resident.keys().next() {
            self.cut(model, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use clockwork_wire::PAGE_BYTES;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;
    use crate::cuda::memory_driver::fake::FakeGpu;

    /// A cache of eight pages, a model of four, and a GPU on which nothing else is.
    struct Rig {
        gpu: Arc<FakeGpu>,
        cache: WeightsCache,
    }

    const MODEL: ModelId = ModelId::new(1);

    impl Rig {
        fn new() -> Self {
            let gpu = FakeGpu::new(8 * PAGE_BYTES);
            let pool = PagePool::new(&gpu, Pages::new(8)).unwrap();
            Self { gpu, cache: WeightsCache::new(pool) }
        }

        fn range(&self, pages: u32) -> Arc<AddressRange> {
            Arc::new(AddressRange::new(&self.gpu, Pages::new(pages)).unwrap())
        }

        /// Loads pages of a model of four, each of which must be there when it is copied.
        fn load(&mut self, range: &Arc<AddressRange>, first: u32, pages: &[u32]) -> bool {
            let part = Part { first, pages: pages.to_vec(), total: Pages::new(4) };
            let gpu = &self.gpu;
            let mut copied = first;
            let loaded = self.cache.load(MODEL, range, &part, |places| {
                assert_eq!(places.start, copied, "one page after the other");
                copied = places.end;
                let mut at = places.map(|place| gpu.page_at(range.at(place).unwrap()));
                assert!(at.all(|page| page.is_some()), "copied to pages that are there");
                Ok(())
            });
            loaded.is_ok()
        }

        fn assert_no_leak(self) {
            let Self { gpu, mut cache } = self;
            cache.clear();
            drop(cache);
            assert!(gpu.is_untouched());
        }
    }

    #[test]
    fn a_model_keeps_its_addresses_whichever_pages_it_gets() {
        let mut rig = Rig::new();
        let range = rig.range(4);
        assert!(rig.load(&range, 0, &[0, 1, 2, 3]));
        let before: Vec<_> = (0..4).map(|page| rig.gpu.page_at(range.at(page).unwrap())).collect();
        rig.cache.cut(MODEL, 0);
        assert_eq!(rig.gpu.mapped(), 0);
        assert!(rig.load(&range, 0, &[7, 6, 5, 4]));
        let after: Vec<_> = (0..4).map(|page| rig.gpu.page_at(range.at(page).unwrap())).collect();
        assert!(before.iter().zip(&after).all(|(old, new)| new.is_some() && old != new));
        drop(range);
        rig.assert_no_leak();
    }

    #[test]
    fn parts_join_what_is_there_and_cuts_leave_the_rest() {
        let mut rig = Rig::new();
        let range = rig.range(4);
        assert!(!rig.load(&range, 2, &[2, 3]), "the pages before them are not there");
        assert!(rig.load(&range, 0, &[0, 1]));
        assert!(rig.load(&range, 2, &[2, 3]));
        assert_eq!(rig.gpu.mapped(), 4);
        rig.cache.cut(MODEL, 1);
        assert_eq!(rig.gpu.mapped(), 1);
        assert!(!rig.load(&range, 1, &[4, 5, 6, 7]), "the model has fewer");
        drop(range);
        rig.assert_no_leak();
    }

    #[test]
    fn a_load_that_fails_half_way_leaves_what_was_there_and_can_be_tried_again() {
        let mut rig = Rig::new();
        let range = rig.range(4);
        for calls in 0.. {
            assert!(rig.load(&range, 0, &[0]));
            rig.gpu.refuse_after(calls);
            let loaded = rig.load(&range, 1, &[1, 2, 3]);
            if !rig.gpu.has_refused() {
                assert!(loaded && calls == 5, "three pages mapped, access given twice");
                break;
            }
            // As the load core does after a failure.
            rig.cache.cut(MODEL, 1);
            assert!(!loaded && rig.gpu.mapped() == 1, "refused after {calls} calls");
        }
        drop(range);
        rig.assert_no_leak();
    }

    #[test]
    fn a_copy_that_fails_leaves_pages_that_a_cut_takes() {
        let mut rig = Rig::new();
        let range = rig.range(4);
        let part = Part { first: 0, pages: vec![0, 1, 2, 3], total: Pages::new(4) };
        let refused = |_| Err(CudaError::new("copying", "it refuses"));
        assert!(rig.cache.load(MODEL, &range, &part, refused).is_err());
        rig.cache.cut(MODEL, 0);
        assert_eq!(rig.gpu.mapped(), 0);
        drop(range);
        rig.assert_no_leak();
    }

    #[test]
    fn loads_and_evictions_in_any_order_leak_no_page() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut rig = Rig::new();
        let models: Vec<_> = (0..4).map(|id| (ModelId::new(id), rig.range(4))).collect();
        // Which pages each model has: the worker's side of the matter.
        let mut held: Vec<Vec<u32>> = vec![Vec::new(); models.len()];
        for _ in 0..2_000 {
            let index = random.random_range(0..models.len());
            let (model, range) = &models[index];
            let free = (0..8).filter(|page| !held.iter().flatten().any(|taken| taken == page));
            let free: Vec<u32> = free.take(4 - held[index].len()).collect();
            if random.random_bool(0.5) || free.is_empty() {
                let keep = random.random_range(0..=held[index].len());
                rig.cache.cut(*model, u32::try_from(keep).unwrap());
                held[index].truncate(keep);
            } else {
                let first = u32::try_from(held[index].len()).unwrap();
                let part = Part { first, pages: free.clone(), total: Pages::new(4) };
                rig.cache.load(*model, range, &part, |_| Ok(())).unwrap();
                held[index].extend(free);
            }
            assert_eq!(rig.gpu.mapped(), held.iter().map(Vec::len).sum::<usize>());
        }
        drop(models);
        rig.assert_no_leak();
    }
}
