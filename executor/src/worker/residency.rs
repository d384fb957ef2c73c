//! Which models are on a device, and in which pages.

use std::collections::BTreeMap;

use clockwork_wire::{ModelId, Pages};

use crate::pages::PageCache;

/// The weights cache of one device and the models in it.
#[derive(Debug)]
pub(crate) struct Residency {
    cache: PageCache,
    copies: BTreeMap<ModelId, Copy>,
}

/// A model on a device.
#[derive(Debug)]
struct Copy {
    pages: Vec<u32>,
    weights: Weights,
    /// INFERs of it that were handed to the device and are not complete.
    executing: u32,
}

/// Whether a model's weights can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weights {
    /// On their way in, or about to leave.
    Unusable,
    /// There.
    Present,
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

    /// The pages that no model holds.
    pub(crate) fn free(&self) -> Pages {
        self.cache.free()
    }

    /// Whether the model's weights can be used now.
    pub(crate) fn is_present(&self, model: ModelId) -> bool {
        self.copies.get(&model).is_some_and(|copy| copy.weights == Weights::Present)
    }

    /// Whether the model holds pages, usable or not.
    pub(crate) fn holds(&self, model: ModelId) -> bool {
        self.copies.contains_key(&model)
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

    /// Gives a model pages for its weights; a model that has some keeps them. False if too few are
    /// free.
    pub(crate) fn reserve(&mut self, model: ModelId, pages: Pages) -> bool {
        if self.holds(model) {
            return true;
        }
        let Some(pages) = self.cache.allocate(pages) else { return false };
        self.copies.insert(model, Copy { pages, weights: Weights::Unusable, executing: 0 });
        true
    }

    /// The pages of a model that holds some.
    pub(crate) fn pages(&self, model: ModelId) -> &[u32] {
        &self.copies.get(&model).expect("the model holds pages").pages
    }

    /// From now on no INFER of the model may start.
    pub(crate) fn retire(&mut self, model: ModelId) {
        self.copy(model).weights = Weights::Unusable;
    }

    /// From now on INFERs of the model may start.
    pub(crate) fn publish(&mut self, model: ModelId) {
        self.copy(model).weights = Weights::Present;
    }

    /// Frees the pages of a model that is not executing.
    pub(crate) fn release(&mut self, model: ModelId) {
        let copy = self.copies.remove(&model).expect("the model holds pages");
        assert_eq!(copy.executing, 0, "pages of model {model} are freed under a running INFER");
        self.cache.release(&copy.pages);
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

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: ModelId = ModelId::new(3);

    #[test]
    fn a_reload_keeps_its_pages() {
        let mut residency = Residency::new(Pages::new(7));
        assert!(residency.reserve(MODEL, Pages::new(7)));
        let before = residency.pages(MODEL).to_vec();
        assert!(residency.reserve(MODEL, Pages::new(7)), "although no page is free");
        assert_eq!(residency.pages(MODEL), before);
        residency.release(MODEL);
        assert_eq!(residency.free(), Pages::new(7));
    }

    #[test]
    #[should_panic(expected = "freed under a running INFER")]
    fn pages_are_never_freed_under_a_running_infer() {
        let mut residency = Residency::new(Pages::new(7));
        assert!(residency.reserve(MODEL, Pages::new(1)));
        residency.publish(MODEL);
        residency.begin_infer(MODEL);
        residency.release(MODEL);
    }
}
