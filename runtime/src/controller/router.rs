//! Which shard gets a request.

use std::collections::BTreeMap;

use clockwork_scheduler::shard::{Homes, Move, ShardIndex};
use clockwork_wire::{Home, ModelId};

use super::layout::Layout;
use super::message::News;

/// A core's copy of the table of homes. With one shard, or before serving begins, everything goes to
/// the first.
#[derive(Debug)]
pub(super) struct Router {
    /// The shard of this core.
    here: Option<ShardIndex>,
    /// Whether clients are told where a model is at home: they can do something about it only if
    /// links are on the cores with shards.
    hints: bool,
    homes: Option<Homes>,
    /// Which model serves an id that clients know, where that is not the model with that id.
    serving: BTreeMap<ModelId, ModelId>,
    /// Models that every shard knows have lower numbers than this.
    models: usize,
    /// How much news this core has heard.
    heard: u64,
    /// Counts what is spread over several homes.
    spread: u64,
}

impl Router {
    /// The router of a core.
    pub(super) fn new(layout: Layout, core: usize) -> Self {
        let (here, hints) = (layout.shard(core), layout.doors().start == 0);
        let serving = BTreeMap::new();
        Self { here, hints, homes: None, serving, models: 0, heard: 0, spread: 0 }
    }

    /// The shard for a request that comes to this core. A model that this core has not heard of goes to
    /// the first shard, which has heard of every one.
    pub(super) fn shard(&mut self, model: ModelId) -> ShardIndex {
        let model = self.serving(model);
        let Some(homes) = &self.homes else { return ShardIndex::FIRST };
        if model.index() >= self.models {
            return ShardIndex::FIRST;
        }
        if !homes.is_single(model)
            && let Some(here) = self.here
            && homes.is_home(model, here)
        {
            // Clients spread what they send by our hints.
            return here;
        }
        self.spread = self.spread.wrapping_add(1);
        homes.home(model, self.spread)
    }

    /// The core for the next request of a model, as its client is to know it.
    pub(super) fn hint(&mut self, model: ModelId) -> Home {
        let model = self.serving(model);
        let Some(homes) = self.homes.as_ref().filter(|_| self.hints) else { return Home::UNKNOWN };
        self.spread = self.spread.wrapping_add(1);
        Home::of(homes.home(model, self.spread).get())
    }

    /// The model that serves an id which a client says.
    fn serving(&self, id: ModelId) -> ModelId {
        self.serving.get(&id).copied().unwrap_or(id)
    }

    /// Takes in what the first shard says.
    pub(super) fn hear(&mut self, news: &News) {
        self.heard += 1;
        match news {
            News::Homes(homes) => self.homes = Some(homes.clone()),
            News::Moves(moves) => self.apply(moves),
            News::WorkerUp { models, .. } => {
                let last = models.iter().map(|loaded| loaded.model.index() + 1).max();
                self.models = self.models.max(last.unwrap_or(0));
                let later = models.iter().filter(|loaded| loaded.shown != loaded.model);
                later.for_each(|loaded| self.show(loaded.shown, loaded.model));
            }
            News::ModelsUp { group, .. } => self.models = self.models.max(group.end()),
            News::Replaced { swaps, .. } => {
                let versions = swaps.iter().map(|swap| &swap.version);
                for (version, id) in versions.flat_map(|v| v.models().map(move |id| (v, id))) {
                    self.show(version.shown(id), id);
                }
            }
            News::WorkerDown(_)
            | News::ModelsDown { .. }
            | News::Warm { .. }
            | News::DemandWanted => {}
        }
    }

    /// A model serves an id; of several versions the newest does, whose own id is the highest.
    fn show(&mut self, shown: ModelId, model: ModelId) {
        let newest = self.serving.entry(shown).or_insert(model);
        *newest = model.max(*newest);
    }

    fn apply(&mut self, moves: &[Move]) {
        // Moves from before the table came are in it.
        let Some(homes) = &mut self.homes else { return };
        for change in moves {
            homes.apply(change).expect("rings keep the order of moves");
        }
    }

    /// How much news this core has heard.
    pub(super) const fn heard(&self) -> u64 {
        self.heard
    }
}

#[cfg(test)]
mod tests {
    use clockwork_config::CoresConfig;
    use clockwork_scheduler::shard::{Destination, Home as At};
    use clockwork_wire::{ModelProfile, Pages, Span, WorkerId};

    use super::super::group::Group;
    use super::*;

    fn router(core: usize, shards: u32, io: u32) -> Router {
        let cores = CoresConfig { shards, io, ..CoresConfig::default() };
        Router::new(Layout::new(&cores), core)
    }

    fn loaded(copies: u32) -> News {
        let group = Group::own(ModelId::new(0), copies, "m".into());
        let profile = ModelProfile {
            name: "m".into(),
            input_size: 0,
            output_size: 0,
            weights_size: 0,
            pages: Pages::ZERO,
            load: Span::ZERO,
            batches: Vec::new(),
        };
        News::ModelsUp { worker: WorkerId::new(0), group, profile: profile.into() }
    }

    fn shards(router: &mut Router, models: u32) -> Vec<usize> {
        (0..models).map(|model| router.shard(ModelId::new(model)).index()).collect()
    }

    #[test]
    fn before_serving_and_for_models_that_are_news_the_first_shard_is_asked() {
        let mut router = router(1, 2, 0);
        router.hear(&loaded(3));
        assert_eq!(shards(&mut router, 4), [0, 0, 0, 0]);
        assert_eq!(router.hint(ModelId::new(1)), Home::UNKNOWN);
        router.hear(&News::Homes(Homes::new(2)));
        assert_eq!(shards(&mut router, 4), [0, 1, 0, 0], "model 3 is not known here");
        assert_eq!((router.hint(ModelId::new(1)), router.heard()), (Home::of(1), 2));
    }

    #[test]
    fn clients_that_cannot_reach_a_shards_core_get_no_hint() {
        let mut router = router(2, 2, 1);
        router.hear(&News::Homes(Homes::new(2)));
        assert_eq!(router.hint(ModelId::new(1)), Home::UNKNOWN);
    }

    #[test]
    fn a_model_with_several_homes_stays_where_it_comes_and_is_spread_by_hints() {
        let homes = [(0, 1 << 15), (1, 1 << 15)]
            .map(|(shard, share)| At { shard: ShardIndex::new(shard).unwrap(), share });
        let to = Destination::Model { model: ModelId::new(0), homes: homes.into_iter().collect() };
        let moves = News::Moves(vec![Move { version: 1, to }]);
        let (mut home, mut other) = (router(1, 3, 0), router(2, 3, 0));
        for router in [&mut home, &mut other] {
            router.hear(&moves);
            router.hear(&loaded(1));
            router.hear(&News::Homes(Homes::new(3)));
            router.hear(&moves);
        }
        let model = ModelId::new(0);
        assert!((0..10).all(|_| home.shard(model).index() == 1));
        for count in 0..2 {
            let hinted = (0..10).filter(|_| other.hint(model) == Home::of(count)).count();
            let sent = (0..10).filter(|_| other.shard(model).get() == count).count();
            assert!((4..=6).contains(&hinted) && (4..=6).contains(&sent), "{hinted} {sent}");
        }
    }
}
