//! What a shard reports of the work that its models ask for.

use clockwork_wire::{BatchSize, ModelId, Nanos, Span};

/// A shard's report since its last one. Reused by its reader, so that reporting allocates nothing
/// in steady state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The models that had requests, each once.
    pub models: Vec<ModelDemand>,
}

/// What one model asked of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelDemand {
    /// The model.
    pub model: ModelId,
    /// Requests that came, those included that were refused.
    pub requests: u32,
    /// Device time that they are worth, served in the batches that their rate allows.
    pub work: Span,
}

/// Counts requests by model until the next report: constant time per request, and a report costs as
/// much as there are models that had any.
#[derive(Debug, Default)]
pub struct Offered {
    counts: Vec<u32>,
    touched: Vec<ModelId>,
    since: Nanos,
}

impl Offered {
    /// Counts one request. The model must be one that the scheduler knows: the table is as long as
    /// the largest number that comes.
    pub fn note(&mut self, model: ModelId) {
        if self.counts.len() <= model.index() {
            self.counts.resize(model.index() + 1, 0);
        }
        let count = &mut self.counts[model.index()];
        if *count == 0 {
            self.touched.push(model);
        }
        *count = count.saturating_add(1);
    }

    /// Takes the counts out into `demand`, whose models are replaced, and begins anew. `work` says
    /// what so many requests of a model in so much time are worth on a device.
    pub fn take(
        &mut self,
        now: Nanos,
        demand: &mut Demand,
        mut work: impl FnMut(ModelId, u32, Span) -> Span,
    ) {
        let interval = now - self.since;
        self.since = now;
        demand.models.clear();
        for model in self.touched.drain(..) {
            let requests = std::mem::take(&mut self.counts[model.index()]);
            let work = work(model, requests, interval);
            demand.models.push(ModelDemand { model, requests, work });
        }
    }
}

/// The device time of `requests` that came within `interval` and may wait for each other for
/// `window`: served in the largest of the `batches` (rising) that fills in that time.
///
/// What is *executed* would not do as a measure: an idle device serves every request alone, so that
/// a half empty shard seems as busy as a full one.
pub fn efficient_work(
    requests: u32,
    interval: Span,
    window: Span,
    batches: impl Iterator<Item = (BatchSize, Span)>,
) -> Span {
    let filling = f64::from(requests) * window.as_f64() / interval.as_f64().max(1.0);
    let cost = |(batch, exec): (BatchSize, Span)| exec.as_f64() / f64::from(batch.get());
    let mut least = None;
    for (batch, exec) in batches {
        if least.is_some() && f64::from(batch.get()) > filling {
            break;
        }
        least = Some(least.unwrap_or(f64::MAX).min(cost((batch, exec))));
    }
    Span::from_f64(least.unwrap_or_default() * f64::from(requests))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches() -> impl Iterator<Item = (BatchSize, Span)> {
        let sizes = [(1, 3), (2, 5), (4, 8), (8, 12)];
        sizes.into_iter().map(|(b, ms)| (BatchSize::new(b).unwrap(), Span::from_millis(ms)))
    }

    fn work(requests: u32) -> Span {
        efficient_work(requests, Span::from_millis(50), Span::from_millis(50), batches())
    }

    #[test]
    fn rare_requests_cost_what_one_costs_and_frequent_ones_what_a_batch_costs() {
        assert_eq!(work(1), Span::from_millis(3));
        assert_eq!(work(3), Span::from_micros(7_500));
        assert_eq!(work(80), Span::from_millis(120));
        assert_eq!(efficient_work(5, Span::ZERO, Span::ZERO, std::iter::empty()), Span::ZERO);
    }

    #[test]
    fn a_report_has_every_model_that_had_requests_once_and_begins_anew() {
        let mut offered = Offered::default();
        let mut demand = Demand::default();
        for model in [7, 2, 7] {
            offered.note(ModelId::new(model));
        }
        offered.take(Nanos::new(10), &mut demand, |_, n, over| over.times(n.into()));
        let seen: Vec<_> = demand.models.iter().map(|m| (m.model.get(), m.work.get())).collect();
        assert_eq!(seen, [(7, 20), (2, 10)]);
        offered.take(Nanos::new(20), &mut demand, |_, _, over| over);
        assert!(demand.models.is_empty());
    }
}
