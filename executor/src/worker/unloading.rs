//! UNLOADMODEL: from models that are served to nothing of them.
//!
//! From its arrival on the models are unknown to what arrives. What was accepted before goes on as
//! ever: a model is dropped when its last action on any device is over, and the order is answered
//! when its last model is dropped. Ids of dropped models are not given again to the same controller;
//! its EVICT of one that was dropped meanwhile finds the pages free and is answered as done.

use std::collections::{BTreeMap, BTreeSet};

use clockwork_wire::{
    Action, ActionId, ActionKind, ActionResult, Interval, ModelId, ModelUnloaded, Nanos, Payload,
    Span, Status, UnloadModel,
};

use super::seen::Sighting;
use super::{Lane, Worker};
use crate::Output;

/// The models that are about to go, and the orders that wait for them.
#[derive(Debug, Default)]
pub(crate) struct Unloading {
    /// Models with actions under way, and which order wants them gone.
    leaving: BTreeMap<ModelId, ActionId>,
    /// Orders, with their first model and how many of their models have not gone.
    orders: BTreeMap<ActionId, (ModelId, usize)>,
}

impl Unloading {
    /// Notes that a model is gone; its order and the first model of that, if it was the last one.
    fn gone(&mut self, model: ModelId) -> Option<(ActionId, ModelId)> {
        let order = self.leaving.remove(&model)?;
        let (first, rest) = self.orders.get_mut(&order)?;
        *rest -= 1;
        let last = (*rest == 0).then_some((order, *first))?;
        self.orders.remove(&order);
        Some(last)
    }
}

impl Worker {
    pub(super) fn receive_unload_model(&mut self, unload: UnloadModel) {
        let sighting = self.load_models_seen.observe(unload.id);
        if sighting == Sighting::Again {
            self.counters.duplicates += 1;
            return;
        }
        self.counters.unload_models += 1;
        let UnloadModel { id, model, copies } = unload;
        if sighting != Sighting::New {
            let message = "this order is of a controller that is over".to_owned();
            self.unloaded(id, model, Status::INVALID_ACTION, message);
        } else if let Err(missing) = self.registry.retire(unload) {
            let message = format!("of {copies} models from {model} on, {missing} is not here");
            self.unloaded(id, model, Status::UNKNOWN_MODEL, message);
        } else {
            self.begin_unload(unload);
        }
    }

    /// Drops the models that nothing uses; the others follow.
    fn begin_unload(&mut self, unload: UnloadModel) {
        let busy = self.busy_of(unload);
        let mut next = unload.model;
        for &model in &busy {
            self.unloading.leaving.insert(model, unload.id);
            self.drop_models(next, model.get() - next.get());
            next = ModelId::new(model.get() + 1);
        }
        let end = unload.model.get() + unload.copies;
        self.drop_models(next, end - next.get());
        if busy.is_empty() {
            self.unloaded(unload.id, unload.model, Status::OK, String::new());
        } else {
            self.unloading.orders.insert(unload.id, (unload.model, busy.len()));
        }
    }

    /// Those of the models that actions wait for or are under way with.
    fn busy_of(&self, unload: UnloadModel) -> BTreeSet<ModelId> {
        let end = unload.model.get() + unload.copies;
        let used = self.lanes.iter().flat_map(Lane::models_in_use);
        used.filter(|used| (unload.model.get()..end).contains(&used.get())).collect()
    }

    /// An action of this model is over: if the model is leaving and this was its last, it goes.
    pub(super) fn settle_unload(&mut self, model: ModelId) {
        if !self.unloading.leaving.contains_key(&model)
            || self.lanes.iter().flat_map(Lane::models_in_use).any(|used| used == model)
        {
            return;
        }
        self.drop_models(model, 1);
        if let Some((order, first)) = self.unloading.gone(model) {
            self.unloaded(order, first, Status::OK, String::new());
        }
    }

    /// Answers an EVICT of a model that is gone, whose pages are free; `false` if it is none.
    pub(super) fn evicts_gone(&mut self, now: Nanos, action: &Action) -> bool {
        if action.kind != ActionKind::Evict || !self.registry.is_gone(action.model) {
            return false;
        }
        let exec = Interval { begin: now, end: now, duration: Span::ZERO };
        let result = ActionResult { exec, ..ActionResult::refused(action, Status::OK, now) };
        self.outbox.push_back(Output::Result { result, output: Payload::EMPTY });
        true
    }

    fn drop_models(&mut self, first: ModelId, copies: u32) {
        self.lanes.iter_mut().for_each(|lane| lane.drop_models(first, copies));
        self.registry.remove(first, copies);
    }

    fn unloaded(&mut self, id: ActionId, model: ModelId, status: Status, message: String) {
        let unloaded = ModelUnloaded { id, status, message, model };
        self.outbox.push_back(Output::ModelUnloaded(unloaded));
    }
}
