//! Decides which model is at home where: slowly, with few moves, and only for a reason.

mod load;
mod plan;
mod reach;
mod spread;

#[cfg(test)]
mod tests;

use clockwork_wire::{ModelId, Nanos, Span, WorkerId};
use smallvec::smallvec;

use self::load::Load;
use self::reach::Reach;
use super::homes::WHOLE;
use super::{Demand, Destination, Home, Homes, Move, ShardIndex};

/// Keeps every shard's offered device time in proportion to its devices.
///
/// It owns the original of [`Homes`]; each method that changes it returns the [`Move`]s that bring
/// the copies up to date, in order. Nothing is sent for what does not change.
///
/// A round is due every [`BALANCE_INTERVAL`] while there are requests: each shard's [`Demand`] goes
/// into [`Balancer::observe`], then [`Balancer::balance`] decides. A round costs a few nanoseconds
/// per model with demand, and a sort of them when something has to move.
#[derive(Debug)]
pub struct Balancer {
    homes: Homes,
    reach: Reach,
    loads: Vec<Load>,
    /// Models with demand.
    active: Vec<ModelId>,
    /// The last round.
    last: Option<Nanos>,
    moved: Moved,
}

/// Moves that balance has asked for so far: how restless the balancer is. Those that workers and
/// models ask for, by coming and going, are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Moves of a model to a shard where it was not at home: a cold start each.
    pub homes: u64,
    /// Moves that changed only the parts of a model's homes, or took one away.
    pub weights: u64,
}

impl Balancer {
    /// A balancer of `shards` shards (1 to [`SHARDS_MAX`](super::SHARDS_MAX)) that have no devices
    /// yet.
    pub fn new(shards: usize) -> Self {
        let shards = ShardIndex::all(shards).count();
        Self {
            homes: Homes::new(shards),
            reach: Reach::new(shards),
            loads: Vec::new(),
            active: Vec::new(),
            last: None,
            moved: Moved::default(),
        }
    }

    /// The table as it is after every move so far.
    pub fn homes(&self) -> &Homes {
        &self.homes
    }

    /// Moves for balance so far.
    pub fn moved(&self) -> Moved {
        self.moved
    }

    /// A worker is up, with these owners of its devices (see [`Partition`](super::Partition)), and
    /// serves nothing yet.
    pub fn worker_up(&mut self, worker: WorkerId, owners: &[ShardIndex]) -> Vec<Move> {
        let served = self.reach.worker_down(worker);
        self.reach.worker_up(worker, owners);
        self.follow(&served)
    }

    /// A worker is gone: what only it served has no home there any longer.
    pub fn worker_down(&mut self, worker: WorkerId) -> Vec<Move> {
        let served = self.reach.worker_down(worker);
        self.follow(&served)
    }

    /// A worker serves a model from now on.
    pub fn model_up(&mut self, worker: WorkerId, model: ModelId) -> Vec<Move> {
        self.reach.model_up(worker, model);
        if self.loads.len() <= model.index() {
            self.loads.resize(model.index() + 1, Load::default());
        }
        self.keep_reachable(model).into_iter().collect()
    }

    /// A worker serves a model no longer.
    pub fn model_down(&mut self, worker: WorkerId, model: ModelId) -> Vec<Move> {
        self.reach.model_down(worker, model);
        self.keep_reachable(model).into_iter().collect()
    }

    /// A shard's report. Models that no worker serves are passed over.
    pub fn observe(&mut self, _now: Nanos, shard: ShardIndex, demand: &Demand) {
        for demand in &demand.models {
            let Some(load) = self.loads.get_mut(demand.model.index()) else { continue };
            load.note(shard, demand);
            if !load.active {
                load.active = true;
                self.active.push(demand.model);
            }
        }
    }

    /// One round: takes what was observed since the last one into account, and moves what has to
    /// move.
    pub fn balance(&mut self, now: Nanos) -> Vec<Move> {
        let seconds = self.interval(now).as_secs_f64();
        self.last = Some(now);
        self.update(seconds);
        self.plan(now)
    }

    /// Brings every model's averages up to date.
    fn update(&mut self, seconds: f64) {
        let (mut demand, mut changed) = (0.0, 0.0);
        let loads = &mut self.loads;
        self.active.retain(|model| {
            let load = &mut loads[model.index()];
            changed += load.update(seconds);
            demand += load.demand();
            !load.is_over()
        });
        if changed > UNREST * demand {
            for model in &self.active {
                self.loads[model.index()].doubt();
            }
        }
    }

    /// Since the last round; after a time without requests, the interval for which there are some.
    fn interval(&self, now: Nanos) -> Span {
        let since = self.last.map_or(BALANCE_INTERVAL, |last| now - last);
        since.min(BALANCE_INTERVAL.times(2)).max(Span::from_micros(1))
    }

    /// After workers came or went: the spread follows the devices, and no model stays where it
    /// cannot be served.
    fn follow(&mut self, models: &[ModelId]) -> Vec<Move> {
        let spread = spread::respread(self.homes.spread(), self.reach.devices());
        let change = spread.map(|spread| self.homes.change(Destination::Spread(spread)));
        let mut moves: Vec<Move> = change.into_iter().collect();
        if self.reach.devices().len() > 1 {
            moves.extend(models.iter().filter_map(|&model| self.keep_reachable(model)));
        }
        moves
    }

    /// Takes homes away from a model that cannot serve it. A model that was moved for that and has
    /// no demand goes back to where the spread says.
    fn keep_reachable(&mut self, model: ModelId) -> Option<Move> {
        let idle = self.loads.get(model.index()).is_none_or(|load| !load.active);
        if idle && self.homes.is_placed(model) {
            let back = self.homes.spread_home(model);
            if self.reach.reaches(model, back) {
                return Some(self.place(model, smallvec![]));
            }
        }
        let homes = self.homes.homes(model);
        if homes.iter().all(|home| self.reach.reaches(model, home.shard)) {
            return None;
        }
        let reached = self.reach.shards(model);
        let mut kept = homes;
        kept.retain(|home| reached.contains(home.shard));
        if kept.is_empty() {
            let shard = reached.in_rotation(model.index())?;
            kept.push(Home { shard, share: WHOLE });
        }
        let rest = kept.iter().skip(1).map(|home| home.share).sum::<u32>();
        kept[0].share = WHOLE - rest;
        Some(self.place(model, kept))
    }

    fn place(&mut self, model: ModelId, homes: super::Shares) -> Move {
        self.homes.change(Destination::Model { model, homes })
    }
}

/// Between two rounds: a shard's queue holds more than this at any SLO worth the name, and a report
/// of 50 ms tells a change from noise.
pub const BALANCE_INTERVAL: Span = Span::from_millis(50);

/// When this part of all demand changes in one round, no average is trusted for long.
const UNREST: f64 = 0.05;
