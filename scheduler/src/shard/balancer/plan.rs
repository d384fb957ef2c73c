//! One round of balancing: which shard gives what to which.
//!
//! The shard with the most demand per device gives to the one with the least, until all are even
//! or nothing fits. Three ways, the cheapest first:
//!
//! 1. *shift*: a model at home on both gets other weights; both hold it, so nothing is loaded;
//! 2. *move*: a model whose demand fits the difference changes its home, one that the target may
//!    still hold before one that it must load;
//! 3. *split*: a model with more demand than the difference gets the target as one more home, and
//!    is from then on what can be shifted.
//!
//! Against flapping: nothing happens within what chance explains, moves need a larger reason than
//! shifts, a round that began goes on until the shards are even (so that the next begins far from
//! its reason), and a model that has just moved stays for [`HOLD`].

use std::collections::BTreeMap;

use clockwork_wire::{ModelId, Nanos, Span};
use smallvec::SmallVec;

use super::{Balancer, Move};
use crate::shard::homes::WHOLE;
use crate::shard::{Home, ShardIndex, Shares};

/// The shards while a round is planned.
#[derive(Debug)]
struct Round {
    shards: Vec<Shard>,
    /// Demand per device over all shards.
    mean: f64,
    /// New parts of the models that change: shard and demand there.
    parts: BTreeMap<ModelId, Parts>,
}

type Parts = SmallVec<[(ShardIndex, f64); 4]>;

/// One shard of a round.
#[derive(Clone, Debug, Default)]
struct Shard {
    devices: f64,
    demand: f64,
    variance: f64,
    /// Its models with their demand here, the largest first once they are sorted.
    pieces: Vec<(f64, ModelId)>,
    /// Whether nothing more can be found for it in this round.
    settled: bool,
}

/// A decision of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Transfer {
    model: ModelId,
    amount: f64,
}

impl Balancer {
    /// Plans a round and makes its moves.
    pub(super) fn plan(&mut self, now: Nanos) -> Vec<Move> {
        let mut round = self.survey();
        self.join_small_parts(now, &mut round);
        let reason = round.imbalance();
        if reason > Reason::Shift {
            self.list_pieces(&mut round);
            self.even_out(now, &mut round, reason);
        }
        self.carry_out(now, round)
    }

    /// Adds the demand up by shard.
    fn survey(&self) -> Round {
        let mut shards = vec![Shard::default(); self.reach.devices().len()];
        for (shard, &devices) in shards.iter_mut().zip(self.reach.devices()) {
            shard.devices = f64::from(devices);
            shard.settled = devices == 0;
        }
        for &model in &self.active {
            let load = &self.loads[model.index()];
            for home in self.homes.homes(model) {
                let part = f64::from(home.share) / f64::from(WHOLE);
                let shard = &mut shards[home.shard.index()];
                shard.demand += part * load.demand();
                shard.variance += part * load.variance();
            }
        }
        let demand: f64 = shards.iter().map(|shard| shard.demand).sum();
        let devices: f64 = shards.iter().map(|shard| shard.devices).sum();
        Round { shards, mean: demand / devices.max(1.0), parts: BTreeMap::new() }
    }

    /// Gives parts of models that have cooled down to the model's largest home.
    fn join_small_parts(&self, now: Nanos, round: &mut Round) {
        for &model in &self.active {
            if self.homes.is_single(model) || self.is_held(now, model) {
                continue;
            }
            let homes = self.homes.homes(model);
            let demand = self.loads[model.index()].demand();
            let work = |home: &Home| demand * f64::from(home.share) / f64::from(WHOLE);
            let largest = homes.iter().max_by_key(|home| home.share).expect("there is a home");
            let small = |home: &&Home| work(home) < JOIN && home.shard != largest.shard;
            for home in homes.iter().filter(small) {
                let all = Transfer { model, amount: f64::INFINITY };
                self.transfer(round, home.shard, largest.shard, all);
            }
        }
    }

    fn list_pieces(&self, round: &mut Round) {
        // What has joined has been listed where it went.
        for shard in &mut round.shards {
            shard.pieces.clear();
        }
        for &model in &self.active {
            for &(shard, demand) in &self.parts(round, model) {
                round.shards[shard.index()].pieces.push((demand, model));
            }
        }
        for shard in &mut round.shards {
            shard.pieces.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
    }

    /// Transfers from the fullest shard to the emptiest, until all are even.
    fn even_out(&self, now: Nanos, round: &mut Round, reason: Reason) {
        for _ in 0..TRANSFERS_MAX {
            let Some((from, to)) = round.extremes() else { return };
            let difference = round.difference(from, to);
            if difference < EVEN * round.mean * round.shards[from.index()].devices {
                return;
            }
            let mut found = self.shift(round, from, to, difference);
            if found.is_none() && reason == Reason::Move {
                found = self.move_or_split(now, round, from, to, difference);
            }
            match found {
                Some(transfer) => self.transfer(round, from, to, transfer),
                None => round.settle(from, to),
            }
        }
    }

    /// The largest model that both shards have.
    fn shift(
        &self,
        round: &Round,
        from: ShardIndex,
        to: ShardIndex,
        difference: f64,
    ) -> Option<Transfer> {
        let shared = |&&(_, model): &&(f64, ModelId)| {
            (round.parts.contains_key(&model) || !self.homes.is_single(model))
                && self.parts(round, model).iter().any(|&(shard, _)| shard == to)
        };
        let &(demand, model) = round.shards[from.index()].pieces.iter().find(shared)?;
        Some(Transfer { model, amount: difference.min(demand) })
    }

    /// The model to move, or to split if none fits.
    fn move_or_split(
        &self,
        now: Nanos,
        round: &Round,
        from: ShardIndex,
        to: ShardIndex,
        difference: f64,
    ) -> Option<Transfer> {
        let pieces = &round.shards[from.index()].pieces;
        let free = |model| !self.is_held(now, model) && self.reach.reaches(model, to);
        let fits = pieces.iter().filter(|&&(demand, _)| {
            (difference * FIT_LEAST..=difference * FIT_MOST).contains(&demand)
        });
        let known = |model: ModelId| self.loads[model.index()].seen.contains(to);
        let worth = |&(demand, model): &(f64, ModelId)| {
            if known(model) { demand * KNOWN } else { demand }
        };
        let fits = fits.filter(|&&(_, model)| free(model)).take(CANDIDATES);
        let whole = fits.max_by(|a, b| worth(a).total_cmp(&worth(b)));
        let hottest = || pieces.iter().take(CANDIDATES).find(|&&(_, model)| free(model));
        let splits = |&&(demand, _): &&(f64, ModelId)| {
            difference >= SPLIT_LEAST && demand >= difference + SPLIT_LEAST
        };
        match whole {
            Some(&(amount, model)) => Some(Transfer { model, amount }),
            None => {
                hottest().filter(splits).map(|&(_, model)| Transfer { model, amount: difference })
            }
        }
    }

    /// Makes a transfer in the plan.
    fn transfer(&self, round: &mut Round, from: ShardIndex, to: ShardIndex, transfer: Transfer) {
        let Transfer { model, amount } = transfer;
        let mut parts = self.parts(round, model);
        let at = parts.iter().position(|&(shard, _)| shard == from);
        let here = &mut parts[at.expect("a shard gives what it has")].1;
        let moved = if *here - amount < SHARE_LEAST * *here { *here } else { amount };
        *here -= moved;
        match parts.iter_mut().find(|(shard, _)| *shard == to) {
            Some((_, there)) => *there += moved,
            None => parts.push((to, moved)),
        }
        parts.retain(|&mut (_, demand)| demand > 0.0);
        round.note(from, -moved, model, &parts);
        round.note(to, moved, model, &parts);
        round.parts.insert(model, parts);
    }

    /// Demand of a model by shard, as the round has it so far.
    fn parts(&self, round: &Round, model: ModelId) -> Parts {
        if let Some(parts) = round.parts.get(&model) {
            return parts.clone();
        }
        let demand = self.loads[model.index()].demand();
        let part = |home: &Home| (home.shard, demand * f64::from(home.share) / f64::from(WHOLE));
        self.homes.homes(model).iter().map(part).collect()
    }

    fn is_held(&self, now: Nanos, model: ModelId) -> bool {
        now < self.loads[model.index()].moved + HOLD
    }

    /// Turns what a round decided into moves.
    fn carry_out(&mut self, now: Nanos, round: Round) -> Vec<Move> {
        let mut moves = Vec::new();
        for (model, parts) in round.parts {
            let old = self.homes.homes(model);
            let new = shares(&parts);
            if new.is_empty() || old == new {
                continue;
            }
            if new.iter().any(|home| old.iter().all(|other| other.shard != home.shard)) {
                self.loads[model.index()].moved = now;
                self.moved.homes += 1;
            } else {
                self.moved.weights += 1;
            }
            moves.push(self.place(model, new));
        }
        moves
    }
}

/// What an imbalance is reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Nothing.
    None,
    /// To change weights between homes.
    Shift,
    /// To give models other homes.
    Move,
}

impl Round {
    /// What the most uneven shard is reason for.
    fn imbalance(&self) -> Reason {
        let mut reason = Reason::None;
        for shard in self.shards.iter().filter(|shard| shard.devices > 0.0) {
            let even = self.mean * shard.devices;
            let excess = (shard.demand - even).abs();
            let chance = shard.variance.sqrt();
            // Where devices have time to spare, an imbalance costs little.
            let busy = (shard.demand / shard.devices).max(self.mean);
            let patience = if busy < BUSY { PATIENCE } else { 1.0 };
            if excess > patience * (MOVE_CHANCE * chance + MOVE_LEAST * even) {
                return Reason::Move;
            }
            if excess > patience * (SHIFT_CHANCE * chance + SHIFT_LEAST * even) {
                reason = Reason::Shift;
            }
        }
        reason
    }

    /// The shards with the most and the least demand per device.
    fn extremes(&self) -> Option<(ShardIndex, ShardIndex)> {
        let open = || ShardIndex::all(self.shards.len()).filter(|&s| !self.at(s).settled);
        let ratio = |shard: ShardIndex| self.at(shard).demand / self.at(shard).devices;
        let most = open().max_by(|&a, &b| ratio(a).total_cmp(&ratio(b)))?;
        let least = open().min_by(|&a, &b| ratio(a).total_cmp(&ratio(b)))?;
        (ratio(most) > self.mean && ratio(least) < self.mean).then_some((most, least))
    }

    /// The demand that `from` should give to `to`, so that neither passes the mean.
    fn difference(&self, from: ShardIndex, to: ShardIndex) -> f64 {
        let (from, to) = (self.at(from), self.at(to));
        (from.demand - self.mean * from.devices).min(self.mean * to.devices - to.demand)
    }

    /// Nothing can go from one to the other: the one that is less off the mean is left as it is.
    fn settle(&mut self, from: ShardIndex, to: ShardIndex) {
        let off = |shard: ShardIndex| {
            let shard = &self.shards[shard.index()];
            (shard.demand / shard.devices - self.mean).abs()
        };
        let settled = if off(from) < off(to) { from } else { to };
        self.shards[settled.index()].settled = true;
    }

    /// Notes that `shard` has `more` of a model.
    fn note(&mut self, shard: ShardIndex, more: f64, model: ModelId, parts: &Parts) {
        let index = shard.index();
        let shard_now = parts.iter().find(|&&(other, _)| other == shard).map(|&(_, d)| d);
        let shard = &mut self.shards[index];
        shard.demand += more;
        let listed = shard.pieces.iter().position(|&(_, other)| other == model);
        match (listed, shard_now) {
            (Some(at), Some(demand)) => shard.pieces[at].0 = demand,
            (Some(at), None) => {
                shard.pieces.remove(at);
            }
            (None, Some(demand)) => {
                let at = shard.pieces.partition_point(|&(other, _)| other >= demand);
                shard.pieces.insert(at, (demand, model));
            }
            (None, None) => {}
        }
    }

    fn at(&self, shard: ShardIndex) -> &Shard {
        &self.shards[shard.index()]
    }
}

/// Demand by shard as parts that add up to the whole.
fn shares(parts: &Parts) -> Shares {
    let demand: f64 = parts.iter().map(|&(_, demand)| demand).sum();
    let part = |&(shard, part): &(ShardIndex, f64)| {
        let share = Span::from_f64(part / demand * f64::from(WHOLE)).get();
        Home { shard, share: u32::try_from(share).unwrap_or(WHOLE).min(WHOLE) }
    };
    let mut homes: Shares = parts.iter().map(part).filter(|home| home.share > 0).collect();
    homes.sort_unstable_by_key(|home| home.shard);
    // Rounding goes to the largest.
    let rest = homes.iter().map(|home| home.share).sum::<u32>();
    if let Some(largest) = homes.iter_mut().max_by_key(|home| home.share) {
        largest.share = largest.share + WHOLE - rest;
    }
    homes
}

/// How long a model stays where it has been moved to.
const HOLD: Span = Span::from_millis(500);

/// Shards this close to the mean are even.
const EVEN: f64 = 0.002;

/// Weights change beyond this many standard deviations plus this part of a shard's due.
const SHIFT_CHANCE: f64 = 1.0;
const SHIFT_LEAST: f64 = 0.002;

/// Models move beyond this many standard deviations plus this part of a shard's due.
const MOVE_CHANCE: f64 = 1.5;
const MOVE_LEAST: f64 = 0.01;

/// Below this demand per device an imbalance must be larger by [`PATIENCE`].
const BUSY: f64 = 0.6;
const PATIENCE: f64 = 8.0;

/// A model fits a difference if its demand is within these parts of it.
const FIT_LEAST: f64 = 0.1;
const FIT_MOST: f64 = 1.2;

/// How much better a model is to move if the target may still hold it.
const KNOWN: f64 = 1.3;

/// Devices that both parts of a split keep busy at least.
const SPLIT_LEAST: f64 = 0.2;

/// A home with less than this of its model's former demand here gives all of it.
const SHARE_LEAST: f64 = 0.02;

/// Parts that keep less of a device busy than this join the model's largest home.
const JOIN: f64 = 0.05;

/// Transfers of a round at most.
const TRANSFERS_MAX: usize = 128;

/// Models looked at for one transfer at most.
const CANDIDATES: usize = 32;
