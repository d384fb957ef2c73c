//! Laws of memory accounting, for any order of taking and giving back.

use std::collections::BTreeSet;

use clockwork_executor::pages::PageCache;
use clockwork_executor::pool::{ALIGNMENT, Block, RingPool};
use clockwork_wire::Pages;
use proptest::prelude::*;

/// Takes this much, or gives back the holding with this number.
#[derive(Clone, Copy, Debug)]
enum Step {
    Take(u32),
    GiveBack(usize),
}

fn steps(largest: u32) -> impl Strategy<Value = Vec<Step>> {
    let step =
        prop_oneof![(0..=largest).prop_map(Step::Take), any::<usize>().prop_map(Step::GiveBack),];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn free_and_used_pages_are_all_pages_and_no_page_has_two_holders(steps in steps(9)) {
        let total = Pages::new(24);
        let mut cache = PageCache::new(total);
        let mut held: Vec<Vec<u32>> = Vec::new();
        for step in steps {
            match step {
                Step::Take(pages) => {
                    let fits = pages <= cache.free().get();
                    let taken = cache.allocate(Pages::new(pages));
                    prop_assert_eq!(taken.is_some(), fits);
                    held.extend(taken);
                }
                Step::GiveBack(index) if !held.is_empty() => {
                    cache.release(&held.swap_remove(index % held.len()));
                }
                Step::GiveBack(_) => {}
            }
            let pages: Vec<u32> = held.iter().flatten().copied().collect();
            let distinct: BTreeSet<_> = pages.iter().collect();
            prop_assert_eq!(distinct.len(), pages.len());
            prop_assert_eq!(usize::try_from(cache.used().get()).unwrap(), pages.len());
            prop_assert_eq!(cache.free() + cache.used(), total);
        }
    }

    #[test]
    fn ranges_of_a_pool_lie_inside_it_aligned_and_apart(steps in steps(3_000)) {
        let mut pool = RingPool::new(8_192);
        let mut held: Vec<Block> = Vec::new();
        for step in steps {
            match step {
                Step::Take(bytes) => {
                    let bytes = u64::from(bytes);
                    let block = pool.allocate(bytes);
                    if let Some(block) = &block {
                        prop_assert!(block.len() >= bytes);
                        prop_assert_eq!(block.offset() % ALIGNMENT, 0);
                        prop_assert!(block.offset() + block.len() <= pool.size());
                    }
                    held.extend(block);
                }
                Step::GiveBack(index) if !held.is_empty() => {
                    pool.release(&held.swap_remove(index % held.len()));
                }
                Step::GiveBack(_) => {}
            }
            let mut ranges: Vec<_> = held
                .iter()
                .filter(|block| !block.is_empty())
                .map(|block| (block.offset(), block.offset() + block.len()))
                .collect();
            ranges.sort_unstable();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ranges:?}");
            prop_assert!(pool.used() <= pool.size());
            if held.is_empty() {
                prop_assert_eq!(pool.used(), 0);
            }
        }
        for block in &held {
            pool.release(block);
        }
        prop_assert!(pool.allocate(pool.size()).is_some(), "all of it is free again");
    }
}
