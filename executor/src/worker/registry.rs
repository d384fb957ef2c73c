//! The models that a worker can serve.

use std::sync::Arc;

use clockwork_wire::{BatchSize, LoadModel, LoadedModel, ModelId, ModelProfile, Span};

/// Every servable model by its id, and the ids that are spoken for while their model is resolved.
#[derive(Debug)]
pub(crate) struct Registry {
    entries: Vec<Entry>,
    limit: usize,
}

#[derive(Clone, Debug)]
enum Entry {
    Vacant,
    Reserved,
    Servable(Arc<ModelProfile>),
}

/// Why ids cannot be given to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdsRefused {
    /// One of them is taken.
    Taken,
    /// None are asked for, or they lie beyond the limit.
    OutOfRange,
}

impl Registry {
    /// A registry for ids below `limit`.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit }
    }

    /// Ids are below this.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// The model, if it is servable.
    pub(crate) fn profile(&self, model: ModelId) -> Option<&Arc<ModelProfile>> {
        match self.entries.get(model.index()) {
            Some(Entry::Servable(profile)) => Some(profile),
            Some(Entry::Vacant | Entry::Reserved) | None => None,
        }
    }

    /// Keeps the ids that a LOADMODEL asks for.
    pub(crate) fn reserve(&mut self, load: &LoadModel) -> Result<(), IdsRefused> {
        let copies = usize::try_from(load.copies).expect("a count fits usize");
        let begin = load.model.index();
        let end = begin.saturating_add(copies);
        if copies == 0 || end > self.limit {
            return Err(IdsRefused::OutOfRange);
        }
        if self.entries.len() < end {
            self.entries.resize(end, Entry::Vacant);
        }
        let ids = &mut self.entries[begin..end];
        if !ids.iter().all(|entry| matches!(entry, Entry::Vacant)) {
            return Err(IdsRefused::Taken);
        }
        ids.fill(Entry::Reserved);
        Ok(())
    }

    /// Makes the reserved ids of a LOADMODEL servable, or gives them back.
    pub(crate) fn settle(&mut self, load: &LoadModel, profile: Option<&Arc<ModelProfile>>) {
        for model in ids(load) {
            self.entries[model.index()] = match profile {
                Some(profile) => Entry::Servable(Arc::clone(profile)),
                None => Entry::Vacant,
            };
        }
    }

    /// The servable models in order of their id.
    pub(crate) fn models(&self) -> Vec<LoadedModel> {
        let ids = (0..self.entries.len()).map(ModelId::from_index);
        ids.filter_map(|model| {
            let profile = Arc::clone(self.profile(model)?);
            Some(LoadedModel { model, profile })
        })
        .collect()
    }
}

/// The ids of a LOADMODEL.
pub(crate) fn ids(load: &LoadModel) -> impl Iterator<Item = ModelId> {
    let begin = load.model.get();
    (begin..begin.saturating_add(load.copies)).map(ModelId::new)
}

/// Leaves out the batch sizes that a LOADMODEL does not want; batch 1 always stays.
pub(crate) fn restrict(profile: &mut ModelProfile, max_batch: BatchSize, max_exec: Span) {
    profile.batches.retain(|entry| {
        entry.batch == BatchSize::ONE || (entry.batch <= max_batch && entry.exec <= max_exec)
    });
}

/// What holds for a model on either of two devices: the longer times, the larger sizes, and the
/// batch sizes that both have.
pub(crate) fn merge(mine: &mut ModelProfile, other: &ModelProfile) {
    mine.pages = mine.pages.max(other.pages);
    mine.weights_size = mine.weights_size.max(other.weights_size);
    mine.load = mine.load.max(other.load);
    mine.batches.retain_mut(|entry| {
        let exec = other.exec(entry.batch);
        entry.exec = exec.map_or(entry.exec, |exec| exec.max(entry.exec));
        exec.is_some()
    });
}

#[cfg(test)]
mod tests {
    use clockwork_wire::ActionId;

    use super::*;

    fn load(model: u32, copies: u32) -> LoadModel {
        LoadModel {
            id: ActionId::default(),
            model: ModelId::new(model),
            copies,
            name: String::new(),
            max_batch: BatchSize::ONE,
            max_exec: Span::MAX,
        }
    }

    #[test]
    fn ids_are_given_once_and_come_back_after_a_failure() {
        let mut registry = Registry::new(10);
        assert_eq!(registry.reserve(&load(0, 4)), Ok(()));
        assert_eq!(registry.reserve(&load(3, 1)), Err(IdsRefused::Taken));
        registry.settle(&load(0, 4), None);
        assert_eq!(registry.reserve(&load(3, 1)), Ok(()));
    }

    #[test]
    fn ids_beyond_the_limit_are_refused_before_memory_is_taken() {
        let mut registry = Registry::new(10);
        assert_eq!(registry.reserve(&load(8, 3)), Err(IdsRefused::OutOfRange));
        assert_eq!(registry.reserve(&load(u32::MAX, u32::MAX)), Err(IdsRefused::OutOfRange));
        assert_eq!(registry.reserve(&load(0, 0)), Err(IdsRefused::OutOfRange));
        assert_eq!(registry.reserve(&load(7, 3)), Ok(()));
    }
}
