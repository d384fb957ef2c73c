//! LOADMODEL: from a name to a model that every device is prepared for.

use std::sync::Arc;

use clockwork_wire::{
    ActionId, LoadModel, ModelId, ModelLoaded, ModelProfile, Nanos, Span, Status,
};

use super::registry::{IdsRefused, Registry, merge, restrict};
use super::seen::Sighting;
use super::{Lane, Worker};
use crate::{ModelSource, Output, Unprepared, Wanted};

/// A LOADMODEL whose model is being looked for.
#[derive(Debug)]
pub(crate) struct Resolving {
    pub(crate) load: LoadModel,
    pub(crate) received: Nanos,
}

impl Worker {
    pub(super) fn receive_load_model(&mut self, now: Nanos, load: LoadModel) {
        let sighting = self.load_models_seen.observe(load.id);
        if sighting == Sighting::Again {
            self.counters.duplicates += 1;
            return;
        }
        self.counters.load_models += 1;
        if let Err((status, message)) = self.accept_load_model(sighting, &load) {
            self.refuse_load_model(&load, status, message);
            return;
        }
        self.outbox.push_back(Output::Resolve {
            id: load.id,
            name: load.name.clone(),
            copies: load.copies,
            wanted: wanted(&load),
        });
        self.resolving.insert(load.id, Resolving { load, received: now });
    }

    fn accept_load_model(
        &mut self,
        sighting: Sighting,
        load: &LoadModel,
    ) -> Result<(), (Status, String)> {
        match sighting {
            Sighting::New if self.stopping => {
                Err((Status::SHUTTING_DOWN, "the worker is shutting down".to_owned()))
            }
            Sighting::New | Sighting::Again => self.reserve_ids(load),
            Sighting::StaleEpoch | Sighting::TooManyShards => {
                let message = format!(
                    "controller epoch {} is over, or too many shards (this is shard {})",
                    load.id.epoch, load.id.shard
                );
                Err((Status::INVALID_ACTION, message))
            }
        }
    }

    fn reserve_ids(&mut self, load: &LoadModel) -> Result<(), (Status, String)> {
        let LoadModel { model, copies, .. } = load;
        self.registry.reserve(load).map_err(|refused| match refused {
            IdsRefused::Taken => {
                let message = format!("one of {copies} model ids from {model} on is taken");
                (Status::MODEL_EXISTS, message)
            }
            IdsRefused::OutOfRange => {
                let limit = self.registry.limit();
                let message = format!(
                    "{copies} models from {model} on: at least one, at most {limit} at a time, \
                     and ids below {} are allowed",
                    Registry::ID_LIMIT
                );
                (Status::INVALID_ACTION, message)
            }
        })
    }

    pub(super) fn finish_load_model(
        &mut self,
        now: Nanos,
        id: ActionId,
        source: Result<ModelSource, Unprepared>,
    ) {
        // A LOADMODEL that was cancelled meanwhile has had its result.
        let Some(Resolving { load, received }) = self.resolving.remove(&id) else { return };
        let prepared = source.and_then(|source| self.prepare(&load, &source));
        self.registry.settle(&load, prepared.as_ref().ok());
        let room = if prepared.is_ok() { self.room_beside(&load) } else { String::new() };
        match prepared {
            Ok(profile) => self.outbox.push_back(Output::ModelLoaded(ModelLoaded {
                id,
                status: Status::OK,
                message: room,
                model: load.model,
                copies: load.copies,
                profile: Some(profile),
                duration: now - received,
            })),
            Err(why) => self.refuse_load_model(&load, why.status, why.reason),
        }
    }

    /// Prepares every copy on every device, or on none; one profile then holds for all of them.
    fn prepare(
        &mut self,
        load: &LoadModel,
        source: &ModelSource,
    ) -> Result<Arc<ModelProfile>, Unprepared> {
        let prepared = self.prepare_devices(load, source).and_then(|mut profile| {
            restrict(&mut profile, wanted(load));
            // What the files call themselves finds them no second time.
            let name = crate::zoo::model_name(&load.name).unwrap_or(&load.name);
            name.clone_into(&mut profile.name);
            if profile.batches.is_empty() {
                return Err(format!("model `{}` has no batch size 1", load.name).into());
            }
            Ok(Arc::new(profile))
        });
        if prepared.is_err() {
            let devices = self.lanes.iter_mut().map(Lane::device_mut);
            devices.for_each(|device| device.remove(load.model, load.copies));
        }
        prepared
    }

    fn prepare_devices(
        &mut self,
        load: &LoadModel,
        source: &ModelSource,
    ) -> Result<ModelProfile, Unprepared> {
        let mut common: Option<ModelProfile> = None;
        for lane in &mut self.lanes {
            let device = lane.device_mut();
            let profile = device.prepare(load.model, load.copies, source, wanted(load))?;
            match &mut common {
                Some(common) => merge(common, &profile),
                None => common = Some(profile),
            }
        }
        common.ok_or_else(|| "the worker has no devices".to_owned().into())
    }

    /// How many more models fit beside those that were just prepared, in words; nothing if nothing limits
    /// them.
    fn room_beside(&mut self, load: &LoadModel) -> String {
        let model = ModelId::new(load.model.get() + load.copies - 1);
        let devices = self.lanes.iter_mut().map(Lane::device_mut);
        let least = devices.filter_map(|device| device.room(model)).min();
        least.map_or_else(String::new, |more| format!("{more} more instances of it fit"))
    }

    pub(super) fn refuse_load_model(&mut self, load: &LoadModel, status: Status, message: String) {
        self.outbox.push_back(Output::ModelLoaded(ModelLoaded {
            id: load.id,
            status,
            message,
            model: load.model,
            copies: load.copies,
            profile: None,
            duration: Span::ZERO,
        }));
    }
}

/// The batch sizes that a LOADMODEL names.
const fn wanted(load: &LoadModel) -> Wanted {
    Wanted { max_batch: load.max_batch, max_exec: load.max_exec }
}
