//! The models that a worker can serve.

use std::collections::BTreeMap;
use std::sync::Arc;

use clockwork_wire::{
    Action, ActionKind, LoadModel, LoadedModel, ModelId, ModelProfile, UnloadModel,
};

use crate::Wanted;

/// Every servable model by its id, and the ids that are spoken for while their model is resolved.
#[derive(Debug)]
pub(crate) struct Registry {
    entries: Vec<Entry>,
    /// Models that clients know by another id than their own.
    shown: BTreeMap<ModelId, ModelId>,
    /// Ids that are reserved, servable or leaving.
    taken: usize,
    limit: usize,
}

#[derive(Clone, Debug)]
enum Entry {
    Vacant,
    Reserved,
    Servable(Arc<ModelProfile>),
    /// Not for what arrives now, except an EVICT; its last action is not over.
    Leaving(Arc<ModelProfile>),
    /// Was here under the present controller.
    Gone,
}

/// Why ids cannot be given to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdsRefused {
    /// One of them is taken.
    Taken,
    /// None are asked for, they are too many, or they lie beyond [`Registry::ID_LIMIT`].
    OutOfRange,
}

impl Registry {
    /// Ids are below this, so that a wrong one costs little memory. A controller that has loaded and
    /// unloaded as many models must be started anew to load more.
    pub(crate) const ID_LIMIT: usize = 1 << 24;

    /// A registry for at most `limit` models at a time.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), shown: BTreeMap::new(), taken: 0, limit }
    }

    /// The most models at a time.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// The model, if it is servable.
    pub(crate) fn profile(&self, model: ModelId) -> Option<&Arc<ModelProfile>> {
        match self.entries.get(model.index()) {
            Some(Entry::Servable(profile)) => Some(profile),
            Some(Entry::Vacant | Entry::Reserved | Entry::Leaving(_) | Entry::Gone) | None => None,
        }
    }

    /// The model of an action, if it may be used for it: an EVICT may still find one that leaves.
    pub(crate) fn profile_for(&self, action: &Action) -> Option<&Arc<ModelProfile>> {
        match self.entries.get(action.model.index()) {
            Some(Entry::Leaving(profile)) if action.kind == ActionKind::Evict => Some(profile),
            _ => self.profile(action.model),
        }
    }

    /// Whether the model was here under the present controller.
    pub(crate) fn is_gone(&self, model: ModelId) -> bool {
        matches!(self.entries.get(model.index()), Some(Entry::Gone))
    }

    /// Keeps the ids that a LOADMODEL asks for.
    pub(crate) fn reserve(&mut self, load: &LoadModel) -> Result<(), IdsRefused> {
        let copies = usize::try_from(load.copies).expect("a count fits usize");
        let begin = load.model.index();
        let end = begin.saturating_add(copies);
        if copies == 0 || copies > self.limit - self.taken || end > Self::ID_LIMIT {
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
        self.taken += copies;
        Ok(())
    }

    /// Makes the reserved ids of a LOADMODEL servable, or gives them back.
    pub(crate) fn settle(&mut self, load: &LoadModel, profile: Option<&Arc<ModelProfile>>) {
        let settled = profile.map_or(Entry::Vacant, |profile| Entry::Servable(Arc::clone(profile)));
        let copies = usize::try_from(load.copies).expect("a count fits usize");
        let begin = load.model.index();
        self.entries[begin..begin + copies].fill(settled);
        if profile.is_none() {
            self.taken -= copies;
        } else if load.shown != load.model {
            let next = |id: ModelId, copy| ModelId::from_index(id.index() + copy);
            let pairs = (0..copies).map(|copy| (next(load.model, copy), next(load.shown, copy)));
            self.shown.extend(pairs);
        }
    }

    /// From now on the models leave; nothing happens if one of them is not servable, which is
    /// then given.
    pub(crate) fn retire(&mut self, unload: UnloadModel) -> Result<(), ModelId> {
        // The first is asked for by itself because ids that would lie beyond all ids are no ids.
        let first = (unload.copies > 0).then_some(unload.model);
        let mut ids = first.into_iter().chain(unload.models());
        if let Some(missing) = ids.find(|&model| self.profile(model).is_none()) {
            return Err(missing);
        }
        for model in unload.models() {
            let entry = &mut self.entries[model.index()];
            if let Entry::Servable(profile) = std::mem::replace(entry, Entry::Gone) {
                *entry = Entry::Leaving(profile);
            }
        }
        Ok(())
    }

    /// The `copies` models from `first` on, which leave, are gone.
    pub(crate) fn remove(&mut self, first: ModelId, copies: u32) {
        let copies = usize::try_from(copies).expect("a count fits usize");
        let end = first.index() + copies;
        self.entries[first.index()..end].fill(Entry::Gone);
        let shown = self.shown.range(first..ModelId::from_index(end)).map(|(&model, _)| model);
        for model in shown.collect::<Vec<_>>() {
            self.shown.remove(&model);
        }
        self.taken -= copies;
    }

    /// Another controller numbers its models anew.
    pub(crate) fn forget_gone(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| matches!(entry, Entry::Gone)) {
            *entry = Entry::Vacant;
        }
    }

    /// The servable models in order of their id.
    pub(crate) fn models(&self) -> Vec<LoadedModel> {
        let ids = (0..self.entries.len()).map(ModelId::from_index);
        ids.filter_map(|model| {
            let profile = Arc::clone(self.profile(model)?);
            let shown = self.shown.get(&model).copied().unwrap_or(model);
            Some(LoadedModel { model, shown, profile })
        })
        .collect()
    }
}

/// Leaves out the batch sizes that a LOADMODEL does not want.
pub(crate) fn restrict(profile: &mut ModelProfile, wanted: Wanted) {
    profile.batches.retain(|entry| wanted.includes(entry));
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
    use clockwork_wire::{ActionId, BatchSize, Span};

    use super::*;

    fn profile() -> ModelProfile {
        ModelProfile {
            name: String::new(),
            input_size: 1,
            output_size: 1,
            weights_size: 1,
            pages: clockwork_wire::Pages::new(1),
            load: Span::ZERO,
            batches: Vec::new(),
        }
    }

    fn load(model: u32, copies: u32) -> LoadModel {
        LoadModel {
            id: ActionId::default(),
            model: ModelId::new(model),
            copies,
            name: String::new(),
            max_batch: BatchSize::ONE,
            max_exec: Span::MAX,
            shown: ModelId::new(model),
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
    fn more_models_than_the_limit_are_refused_until_some_are_gone() {
        let mut registry = Registry::new(3);
        let profile = Arc::new(profile());
        assert_eq!(registry.reserve(&load(8, 2)), Ok(()));
        assert_eq!(registry.reserve(&load(10, 2)), Err(IdsRefused::OutOfRange));
        registry.settle(&load(8, 2), Some(&profile));
        let unload = |model, copies| UnloadModel {
            id: ActionId::default(),
            model: ModelId::new(model),
            copies,
        };
        assert_eq!(registry.retire(unload(9, 2)), Err(ModelId::new(10)));
        assert_eq!(registry.retire(unload(9, 1)), Ok(()));
        assert_eq!(registry.reserve(&load(10, 2)), Err(IdsRefused::OutOfRange));
        registry.remove(ModelId::new(9), 1);
        assert_eq!(registry.reserve(&load(10, 2)), Ok(()));
        assert_eq!(registry.reserve(&load(9, 1)), Err(IdsRefused::OutOfRange));
        assert_eq!(registry.models().len(), 1);
    }

    #[test]
    fn a_later_version_says_which_id_clients_know_it_by_until_it_is_gone() {
        let mut registry = Registry::new(10);
        let profile = Arc::new(profile());
        let version = LoadModel { shown: ModelId::new(0), ..load(5, 2) };
        assert_eq!(registry.reserve(&version), Ok(()));
        registry.settle(&version, Some(&profile));
        let shown = |registry: &Registry| -> Vec<_> {
            registry.models().iter().map(|l| (l.model.get(), l.shown.get())).collect()
        };
        assert_eq!(shown(&registry), [(5, 0), (6, 1)]);
        registry.remove(ModelId::new(5), 2);
        registry.forget_gone();
        assert_eq!(registry.reserve(&load(5, 2)), Ok(()));
        registry.settle(&load(5, 2), Some(&profile));
        assert_eq!(shown(&registry), [(5, 5), (6, 6)]);
    }

    #[test]
    fn ids_beyond_the_limit_are_refused_before_memory_is_taken() {
        let mut registry = Registry::new(10);
        let beyond = u32::try_from(Registry::ID_LIMIT).unwrap() - 1;
        assert_eq!(registry.reserve(&load(beyond, 2)), Err(IdsRefused::OutOfRange));
        assert_eq!(registry.reserve(&load(u32::MAX, u32::MAX)), Err(IdsRefused::OutOfRange));
        assert_eq!(registry.reserve(&load(0, 0)), Err(IdsRefused::OutOfRange));
        assert_eq!(registry.reserve(&load(7, 3)), Ok(()));
    }
}
