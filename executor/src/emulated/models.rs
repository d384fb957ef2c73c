//! What emulated devices know of models.

use std::cell::{Ref, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use clockwork_wire::{ModelId, ModelProfile};

/// Profiles by model id, one table for all devices that share it: a hundred thousand models on a
/// thousand devices are a hundred thousand entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Models(Rc<RefCell<Vec<Option<Arc<ModelProfile>>>>>);

impl Models {
    /// Enters a profile for `copies` models from `first` on. A device that shares the table may have
    /// done so before.
    pub(super) fn enter(&self, first: ModelId, copies: u32, profile: &Arc<ModelProfile>) {
        let ids = range(first, copies);
        let mut models = self.0.borrow_mut();
        if models.len() < ids.end {
            models.resize(ids.end, None);
        }
        let is_entered = |slot: &Option<Arc<ModelProfile>>| {
            slot.as_ref().is_some_and(|entered| Arc::ptr_eq(entered, profile))
        };
        if !models[ids.clone()].iter().all(is_entered) {
            models[ids].fill(Some(Arc::clone(profile)));
        }
    }

    /// Strikes `copies` models from `first` on; whoever shares the table may have done so before.
    pub(super) fn strike(&self, first: ModelId, copies: u32) {
        let mut models = self.0.borrow_mut();
        let ids = range(first, copies);
        let end = ids.end.min(models.len());
        models[ids.start.min(end)..end].fill(None);
    }

    /// The profile of a model that an operation is for.
    pub(super) fn profile(&self, model: ModelId) -> Ref<'_, ModelProfile> {
        Ref::map(self.0.borrow(), |models| {
            let prepared = models.get(model.index()).and_then(Option::as_ref);
            prepared.expect("an operation's model was prepared").as_ref()
        })
    }
}

fn range(first: ModelId, copies: u32) -> Range<usize> {
    let begin = first.index();
    begin..begin + usize::try_from(copies).expect("a count fits usize")
}

#[cfg(test)]
mod tests {
    use clockwork_wire::{Pages, Span};

    use super::*;

    fn profile(name: &str) -> Arc<ModelProfile> {
        Arc::new(ModelProfile {
            name: name.to_owned(),
            input_size: 1,
            output_size: 1,
            weights_size: 1,
            pages: Pages::new(1),
            load: Span::ZERO,
            batches: Vec::new(),
        })
    }

    #[test]
    fn devices_that_share_a_table_enter_a_model_once() {
        let (models, shared) = (Models::default(), profile("a"));
        let sharing = models.clone();
        for device in [&models, &sharing] {
            device.enter(ModelId::new(2), 3, &shared);
        }
        assert_eq!(Arc::strong_count(&shared), 4, "one per model, and this one");
        assert_eq!(sharing.profile(ModelId::new(4)).name, "a");
        models.enter(ModelId::new(4), 1, &profile("b"));
        assert_eq!(sharing.profile(ModelId::new(4)).name, "b", "the id was given anew");
    }

    #[test]
    fn what_is_struck_is_gone_and_striking_it_again_is_harmless() {
        let (models, shared) = (Models::default(), profile("a"));
        models.enter(ModelId::new(0), 4, &shared);
        models.strike(ModelId::new(1), 2);
        models.strike(ModelId::new(1), 2);
        models.strike(ModelId::new(9), 2);
        assert_eq!(Arc::strong_count(&shared), 3);
        assert_eq!(models.profile(ModelId::new(3)).name, "a");
    }
}
