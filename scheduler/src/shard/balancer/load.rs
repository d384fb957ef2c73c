//! How much device time a model asks for, from what the shards report.

use clockwork_wire::{Nanos, Span};

use crate::shard::{ModelDemand, ShardIndex, ShardSet};

/// What is known of one model's demand.
///
/// Averages of its request rate: over [`SLOW`], which is steady and counts, and over [`FAST`] and
/// [`MEDIUM`], which are quick. If a quick one is further from the steady one than chance explains,
/// the model has changed, and the steady one starts again from there. So a stationary model is known
/// exactly enough not to be moved by noise, a large change is answered at once and a small one as
/// soon as it is certain.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// Requests reported since the last update.
    requests: u32,
    /// Their work.
    work: Span,
    /// Requests per second.
    slow: f64,
    medium: f64,
    fast: f64,
    /// Seconds that the slow average looks back on, up to [`SLOW`].
    age: f64,
    /// Seconds of device time per request.
    cost: f64,
    /// Whether it is among the models with demand.
    pub(super) active: bool,
    /// When it was last given another home.
    pub(super) moved: Nanos,
    /// Shards that have had its requests since it was last without demand: its weights may be there.
    pub(super) seen: ShardSet,
}

impl Load {
    /// A shard reports requests.
    pub(super) fn note(&mut self, shard: ShardIndex, demand: &ModelDemand) {
        self.requests = self.requests.saturating_add(demand.requests);
        self.work += demand.work;
        self.seen.insert(shard);
    }

    /// Takes what has been reported of the last `seconds` into the averages. Returns the devices
    /// that the demand has changed by, if it has changed by more than chance.
    pub(super) fn update(&mut self, seconds: f64) -> f64 {
        let requests = f64::from(std::mem::take(&mut self.requests));
        let work = std::mem::take(&mut self.work).as_secs_f64();
        let rate = requests / seconds;
        self.age = (self.age + seconds).min(SLOW);
        let part = |over: f64| (seconds / self.age.min(over)).min(1.0);
        self.slow += (rate - self.slow) * part(SLOW);
        self.medium += (rate - self.medium) * part(MEDIUM);
        self.fast += (rate - self.fast) * part(FAST);
        if requests > 0.0 {
            let weight = if self.cost > 0.0 { requests / (requests + COST_MEMORY) } else { 1.0 };
            self.cost += (work / requests - self.cost) * weight;
        }
        let before = self.demand();
        if self.differs(self.fast, FAST) {
            // Since when is not known; the last report is the surest.
            self.fast = rate;
            self.begin_anew(rate, seconds);
        } else if self.differs(self.medium, MEDIUM) {
            self.begin_anew(self.medium, MEDIUM);
        } else {
            return 0.0;
        }
        (self.demand() - before).abs()
    }

    /// So many models have changed that this one may have, too little to be seen: it is averaged over
    /// less.
    pub(super) fn doubt(&mut self) {
        self.age = self.age.min(MEDIUM);
    }

    /// Devices that it keeps busy.
    pub(super) fn demand(&self) -> f64 {
        self.slow * self.cost
    }

    /// The variance of [`Load::demand`], were arrivals Poisson.
    pub(super) fn variance(&self) -> f64 {
        self.demand() * self.cost / (2.0 * self.age.max(FAST))
    }

    /// Whether it asks for nothing any longer; it is then forgotten.
    pub(super) fn is_over(&mut self) -> bool {
        let over = self.fast * SLOW < NOTHING && self.slow * SLOW < NOTHING;
        if over {
            *self = Self { moved: self.moved, ..Self::default() };
        }
        over
    }

    /// Whether an average over so many seconds is off the steady one by more than chance.
    fn differs(&self, rate: f64, over: f64) -> bool {
        let (expected, seen) = (self.slow * over, rate * over);
        let deviation = (expected.max(seen) / 2.0).sqrt();
        (seen - expected).abs() > CHANGE * deviation + 1.0
    }

    fn begin_anew(&mut self, rate: f64, over: f64) {
        (self.slow, self.medium, self.age) = (rate, rate, over);
    }
}

/// Seconds of the steady average.
const SLOW: f64 = 1.5;

/// Seconds of the quick averages.
const FAST: f64 = 0.1;
const MEDIUM: f64 = 0.4;

/// Standard deviations that are no chance.
const CHANGE: f64 = 4.5;

/// Requests over which the cost of one is averaged.
const COST_MEMORY: f64 = 50.0;

/// Fewer requests than this within [`SLOW`] are none.
const NOTHING: f64 = 0.01;

#[cfg(test)]
mod tests {
    use clockwork_wire::ModelId;

    use super::*;

    fn run(load: &mut Load, counts: &[u32]) {
        for &requests in counts {
            let work = Span::from_millis(2).times(requests.into());
            let demand = ModelDemand { model: ModelId::new(0), requests, work };
            load.note(ShardIndex::FIRST, &demand);
            load.update(0.05);
        }
    }

    #[test]
    fn a_steady_rate_is_known_at_once_and_noise_hardly_moves_it() {
        let mut load = Load::default();
        run(&mut load, &[50]);
        assert!((load.demand() - 2.0).abs() < 1e-9);
        run(&mut load, &[43, 57, 50, 44, 56, 50]);
        assert!((load.demand() - 2.0).abs() < 0.05, "{load:?}");
    }

    #[test]
    fn a_change_that_is_no_chance_is_followed_within_two_reports() {
        let mut load = Load::default();
        run(&mut load, &[50; 40]);
        run(&mut load, &[200; 2]);
        assert!(load.demand() > 5.9, "{load:?}");
        run(&mut load, &[200; 10]);
        assert!((load.demand() - 8.0).abs() < 0.3, "{load:?}");
    }

    #[test]
    fn a_model_without_requests_is_forgotten() {
        let mut load = Load::default();
        run(&mut load, &[3; 10]);
        assert!(!load.is_over());
        run(&mut load, &[0; 400]);
        assert!(load.is_over());
    }
}
