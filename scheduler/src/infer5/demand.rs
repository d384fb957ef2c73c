//! How much work each model asks for, and which models' copies cannot serve it.

use std::cmp::Reverse;

use clockwork_wire::ModelId;

use super::Infer5;
use crate::cluster::DEMAND_IDLE;

impl Infer5 {
    /// Notes that a model's demand changed.
    pub(super) fn touch(&mut self, id: ModelId) {
        let model = self.model(id);
        if !model.dirty {
            model.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Shares out the demand of every model that changed, and notes which are unmet.
    pub(super) fn settle(&mut self) -> Vec<ModelId> {
        let dirty = std::mem::take(&mut self.dirty);
        for &id in &dirty {
            self.model(id).dirty = false;
            self.distribute(id);
            self.rank(id);
        }
        dirty
    }

    /// Shares a model's execution demand out over its copies, more to devices with less to do.
    pub(super) fn distribute(&mut self, id: ModelId) {
        let model = &mut self.models[id.index()];
        let weights: f64 = model.copies.iter().map(|c| 1.0 / self.devices[c.device].demand).sum();
        for copy in &mut model.copies {
            let device = &mut self.devices[copy.device];
            let share = model.exec_demand * (1.0 / device.demand) / weights;
            device.demand = (device.demand - copy.share + share).max(DEMAND_IDLE);
            copy.share = share;
        }
    }

    /// Demand for weights that the present copies cannot serve within one SLO, in nanoseconds;
    /// positive means that another copy is of use (the original's load priority).
    pub(super) fn priority(&self, id: ModelId) -> f64 {
        let model = &self.models[id.index()];
        let demand = |device: usize| self.devices[device].demand;
        let weights: f64 = model.copies.iter().map(|c| 1.0 / demand(c.device)).sum();
        let capacity = self.config.default_slo.as_f64();
        let served = |device: usize| {
            let allocated = model.load_demand * (1.0 / demand(device)) / weights;
            capacity * allocated / demand(device)
        };
        model.load_demand - model.copies.iter().map(|c| served(c.device)).sum::<f64>()
    }

    /// Puts a model at its place among the unmet, or takes it out. One that every device of its
    /// workers holds has no place: under overload it would be looked at in vain in every turn.
    pub(super) fn rank(&mut self, id: ModelId) {
        let everywhere = self.models[id.index()].copies.len() >= self.device_count(id);
        let priority = if everywhere { 0.0 } else { self.priority(id) };
        // Rounded to nanoseconds, so that the rest of a float is no demand and the order is total.
        let rounded = clockwork_wire::Span::from_f64(priority).get();
        let unmet = (rounded > 0).then_some(rounded);
        let model = &mut self.models[id.index()];
        if model.unmet != unmet {
            if let Some(old) = model.unmet {
                self.unmet.remove(&(Reverse(old), id));
            }
            if let Some(new) = unmet {
                self.unmet.insert((Reverse(new), id));
            }
            model.unmet = unmet;
        }
    }

    /// Devices of all workers that serve a model.
    pub(super) fn device_count(&self, id: ModelId) -> usize {
        let workers = &self.models[id.index()].workers;
        workers.iter().map(|(worker, _)| self.hosts[worker.index()]).sum()
    }
}
