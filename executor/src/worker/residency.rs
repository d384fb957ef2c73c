//! Which models are on a device, and in which pages.

use std::collections::BTreeMap;
use std::ops::Range;

use clockwork_wire::{ModelId, PageRange, Pages, Status};

use crate::pages::PageCache;

/// The weights cache of one device and the models in it.
#[derive(Debug)]
pub(crate) struct Residency {
    cache: PageCache,
    copies: BTreeMap<ModelId, Copy>,
}

/// A model on a device, or a part of one.
#[derive(Debug)]
struct Copy {
    /// Where each of its pages is; `None`: not on the device.
    frames: Vec<Option<u32>>,
    weights: Weights,
    /// INFERs of it that were handed to the device and are not complete.
    executing: u32,
}

/// Whether a model's weights can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weights {
    /// Some are not there, are on their way in, or are about to leave.
    Unusable,
    /// All are there.
    Present,
}

impl Copy {
    fn is_complete(&self) -> bool {
        self.frames.iter().all(Option::is_some)
    }

    fn slots(&mut self, range: Range<u32>) -> &mut [Option<u32>] {
        &mut self.frames[indices(range)]
    }
}

impl Residency {
    /// An empty cache.
    pub(crate) fn new(total: Pages) -> Self {
        Self { cache: PageCache::new(total), copies: BTreeMap::new() }
    }

    /// The models that can be executed now, in rising order.
    pub(crate) fn loaded(&self) -> Vec<ModelId> {
        let present = self.copies.iter().filter(|(_, copy)| copy.weights == Weights::Present);
        present.map(|(&model, _)| model).collect()
    }

    /// The models of which only some pages are there, in rising order.
    pub(crate) fn incomplete(&self) -> Vec<ModelId> {
        let incomplete = self.copies.iter().filter(|(_, copy)| !copy.is_complete());
        incomplete.map(|(&model, _)| model).collect()
    }

    /// The pages that no model holds.
    pub(crate) fn free(&self) -> Pages {
        self.cache.free()
    }

    /// Whether the model's weights can be used now.
    pub(crate) fn is_present(&self, model: ModelId) -> bool {
        self.copies.get(&model).is_some_and(|copy| copy.weights == Weights::Present)
    }

    /// Whether the model holds any page of `range`, usable or not.
    pub(crate) fn holds(&self, model: ModelId, range: Range<u32>) -> bool {
        let frames = self.copies.get(&model).map(|copy| &copy.frames[indices(range)]);
        frames.is_some_and(|frames| frames.iter().any(Option::is_some))
    }

    /// Those of the `copies` models from `first` on that hold pages.
    pub(crate) fn held(&self, first: ModelId, copies: u32) -> Vec<ModelId> {
        let end = ModelId::new(first.get().saturating_add(copies));
        self.copies.range(first..end).map(|(&model, _)| model).collect()
    }

    /// Whether an INFER of the model is under way.
    pub(crate) fn is_executing(&self, model: ModelId) -> bool {
        self.copies.get(&model).is_some_and(|copy| copy.executing > 0)
    }

    /// Gives a model of `total` pages room for those in `range`, all or none. Those of a whole model
    /// that it has, it keeps; a part must not be there yet: two LOADs of the same page are a mistake
    /// of whoever ordered them.
    pub(crate) fn reserve(
        &mut self,
        model: ModelId,
        total: Pages,
        range: PageRange,
    ) -> Result<(), Status> {
        let pages = range.of(total).expect("checked when the action arrived");
        if !range.is_whole() && self.holds(model, pages.clone()) {
            return Err(Status::CONCURRENT_MODIFICATION);
        }
        let frames = self.copies.get(&model).map_or(&[][..], |copy| &copy.frames);
        let held = frames.iter().skip(index(pages.start)).take(pages.len()).flatten().count();
        let lacking = u32::try_from(pages.len() - held).expect("a page count fits 32 bits");
        let Some(new) = self.cache.allocate(Pages::new(lacking)) else {
            return Err(Status::INSUFFICIENT_CACHE);
        };
        let copy = self.copies.entry(model).or_insert_with(|| Copy {
            frames: vec![None; index(total.get())],
            weights: Weights::Unusable,
            executing: 0,
        });
        let empty = copy.slots(pages).iter_mut().filter(|slot| slot.is_none());
        empty.zip(new).for_each(|(slot, frame)| *slot = Some(frame));
        Ok(())
    }

    /// Where a range of pages that the model holds is.
    pub(crate) fn frames(&self, model: ModelId, range: Range<u32>) -> Vec<u32> {
        let copy = self.copies.get(&model).expect("the model holds pages");
        let frames = copy.frames[indices(range)].iter().copied();
        frames.collect::<Option<_>>().expect("the model holds these pages")
    }

    /// All pages of a model that holds some, whether on the device or not.
    pub(crate) fn total(&self, model: ModelId) -> Pages {
        let frames = self.copies.get(&model).map_or(0, |copy| copy.frames.len());
        Pages::new(u32::try_from(frames).expect("a page count fits 32 bits"))
    }

    /// From now on no INFER of the model may start.
    pub(crate) fn retire(&mut self, model: ModelId) {
        self.copy(model).weights = Weights::Unusable;
    }

    /// Nothing comes or goes any longer: from now on INFERs of the model may start if all of it is
    /// there.
    pub(crate) fn settle(&mut self, model: ModelId) {
        let copy = self.copy(model);
        let complete = copy.is_complete();
        copy.weights = if complete { Weights::Present } else { Weights::Unusable };
    }

    /// Frees the pages in `range` of a model that is not executing.
    pub(crate) fn release(&mut self, model: ModelId, range: Range<u32>) {
        let copy = self.copies.get_mut(&model).expect("the model holds pages");
        assert_eq!(copy.executing, 0, "pages of model {model} are freed under a running INFER");
        let freed: Vec<u32> = copy.slots(range).iter_mut().filter_map(Option::take).collect();
        if copy.frames.iter().all(Option::is_none) {
            self.copies.remove(&model);
        } else {
            copy.weights = Weights::Unusable;
        }
        self.cache.release(&freed);
    }

    /// An INFER of the model was handed to the device.
    pub(crate) fn begin_infer(&mut self, model: ModelId) {
        let copy = self.copy(model);
        assert_eq!(copy.weights, Weights::Present, "INFER of model {model} without weights");
        copy.executing += 1;
    }

    /// An INFER of the model is complete.
    pub(crate) fn end_infer(&mut self, model: ModelId) {
        let copy = self.copy(model);
        copy.executing = copy.executing.checked_sub(1).expect("an INFER ends once");
    }

    fn copy(&mut self, model: ModelId) -> &mut Copy {
        self.copies.get_mut(&model).expect("the model holds pages")
    }
}

fn index(page: u32) -> usize {
    usize::try_from(page).expect("a page number fits usize")
}

fn indices(range: Range<u32>) -> Range<usize> {
    index(range.start)..index(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ModelId = ModelId::new(3);
    const SEVEN: Pages = Pages::new(7);

    #[test]
    fn a_reload_keeps_its_pages() {
        let mut residency = Residency::new(SEVEN);
        assert_eq!(residency.reserve(MODEL, SEVEN, PageRange::WHOLE), Ok(()));
        let before = residency.frames(MODEL, 0..7);
        let again = residency.reserve(MODEL, SEVEN, PageRange::WHOLE);
        assert_eq!(again, Ok(()), "although no page is free");
        assert_eq!(residency.frames(MODEL, 0..7), before);
        residency.release(MODEL, 0..7);
        assert_eq!(residency.free(), SEVEN);
    }

    #[test]
    fn weights_are_present_when_the_last_page_is() {
        let mut residency = Residency::new(SEVEN);
        for (first, count, present) in [(4, 3, false), (0, 4, true)] {
            let range = PageRange::new(first, count).unwrap();
            assert_eq!(residency.reserve(MODEL, SEVEN, range), Ok(()));
            residency.settle(MODEL);
            assert_eq!(residency.is_present(MODEL), present);
        }
        residency.release(MODEL, 6..7);
        assert!(!residency.is_present(MODEL));
        assert_eq!((residency.free(), residency.incomplete()), (Pages::new(1), vec![MODEL]));
    }

    #[test]
    #[should_panic(expected = "freed under a running INFER")]
    fn pages_are_never_freed_under_a_running_infer() {
        let mut residency = Residency::new(SEVEN);
        assert_eq!(residency.reserve(MODEL, Pages::new(1), PageRange::WHOLE), Ok(()));
        residency.settle(MODEL);
        residency.begin_infer(MODEL);
        residency.release(MODEL, 0..1);
    }
}
