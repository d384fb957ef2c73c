//! What the balancer promises, on made-up demand.

use clockwork_wire::{ModelId, Nanos, Span, WorkerId};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::shard::ModelDemand;

/// A balancer, and a world that asks each model for a steady rate.
struct World {
    balancer: Balancer,
    now: Nanos,
    /// Devices' worth of requests, by model.
    demand: Vec<f64>,
    /// Requests that went to each shard in the last round, in devices.
    seen: Vec<f64>,
    numbers: u64,
}

impl World {
    /// `shards` shards of one worker with `devices` devices each, which serves every model.
    fn new(shards: usize, devices: usize, demand: Vec<f64>) -> Self {
        let mut balancer = Balancer::new(shards);
        for (index, shard) in ShardIndex::all(shards).enumerate() {
            let worker = WorkerId::from_index(index);
            balancer.worker_up(worker, &vec![shard; devices]);
            for model in 0..demand.len() {
                balancer.model_up(worker, ModelId::from_index(model));
            }
        }
        let now = Nanos::new(1_000_000_000);
        Self { balancer, now, demand, seen: vec![0.0; shards], numbers: 0 }
    }

    /// One round: 2 ms a request.
    fn round(&mut self) -> Vec<Move> {
        let mut reports = vec![Demand::default(); self.seen.len()];
        self.seen.fill(0.0);
        for (index, &devices) in self.demand.iter().enumerate() {
            let model = ModelId::from_index(index);
            let mut counts = vec![0_u32; self.seen.len()];
            let requests = Span::from_f64(devices * 25.0).get();
            for _ in 0..requests {
                counts[self.balancer.homes().home(model, self.numbers).index()] += 1;
                self.numbers += 1;
            }
            for (shard, &requests) in counts.iter().enumerate().filter(|&(_, &n)| n > 0) {
                self.seen[shard] += f64::from(requests) / 25.0;
                let work = Span::from_millis(2).times(requests.into());
                reports[shard].models.push(ModelDemand { model, requests, work });
            }
        }
        self.now += BALANCE_INTERVAL;
        for (shard, report) in ShardIndex::all(self.seen.len()).zip(&reports) {
            self.balancer.observe(self.now, shard, report);
        }
        self.balancer.balance(self.now)
    }

    fn rounds(&mut self, count: usize) -> usize {
        (0..count).map(|_| self.round().len()).sum()
    }

    /// How far the fullest shard is above its due in the last round.
    fn excess(&self) -> f64 {
        let mean =
            self.seen.iter().sum::<f64>() / f64::from(u32::try_from(self.seen.len()).unwrap());
        self.seen.iter().fold(0.0, |most: f64, &seen| most.max(seen / mean - 1.0))
    }
}

/// Zipf-like, so that the first models are too hot for a shard of ten devices.
fn skewed(models: u32, total: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=models).map(|rank| 1.0 / f64::from(rank).powf(0.95)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum * total).collect()
}

#[test]
fn equal_models_need_no_move() {
    let mut world = World::new(4, 10, vec![0.4; 80]);
    assert_eq!(world.rounds(40), 0);
}

#[test]
fn skewed_demand_is_evened_out_and_then_stays() {
    for shards in [2, 4, 8, 16] {
        let total = f64::from(u32::try_from(shards).unwrap()) * 9.0;
        let mut world = World::new(shards, 10, skewed(500, total));
        world.rounds(20);
        assert!(world.excess() < 0.03, "{shards} shards: {:?}", world.seen);
        let moves = world.rounds(100);
        assert!(moves <= shards, "{shards} shards: {moves} moves in 100 steady rounds");
    }
}

/// A model whose small parts join and which moves in the same round was listed twice where it had been,
/// and the shard was then asked for what it no longer had.
#[test]
fn what_joins_and_moves_in_one_round_is_listed_once() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    for shards in [3, 4, 8, 12] {
        let mut world = World::new(shards, 4, vec![0.3; 40]);
        for _ in 0..300 {
            for _ in 0..4 {
                let model = random.random_range(0..40);
                world.demand[model] = [0.0, 0.04, 0.1, 0.3, 1.0, 8.0][random.random_range(0..6)];
            }
            world.rounds(random.random_range(1..8));
        }
    }
}

#[test]
fn a_model_too_hot_for_a_shard_gets_several_homes_and_gives_them_up_when_it_cools() {
    let mut demand = vec![0.2; 60];
    demand[7] = 20.0;
    let mut world = World::new(4, 10, demand);
    world.rounds(30);
    let homes = |world: &World| world.balancer.homes().homes(ModelId::new(7)).len();
    assert!(homes(&world) >= 3, "{:?}", world.balancer.homes().homes(ModelId::new(7)));
    assert!(world.excess() < 0.03, "{:?}", world.seen);
    world.demand[7] = 0.04;
    world.rounds(100);
    assert_eq!(homes(&world), 1);
}

#[test]
fn popularity_that_turns_round_is_followed_within_a_few_rounds() {
    let mut world = World::new(8, 10, skewed(400, 70.0));
    world.rounds(40);
    world.demand.reverse();
    world.rounds(6);
    assert!(world.excess() < 0.1, "{:?}", world.seen);
    world.rounds(30);
    assert!(world.excess() < 0.03, "{:?}", world.seen);
}

#[test]
fn what_has_time_to_spare_is_left_alone() {
    let mut demand = vec![0.1; 40];
    demand[0] = 0.5;
    let mut world = World::new(4, 10, demand);
    assert_eq!(world.rounds(40), 0);
}

#[test]
fn homes_are_only_where_a_model_is_served() {
    let mut balancer = Balancer::new(3);
    let workers: Vec<_> = (0..3).map(WorkerId::new).collect();
    for (&worker, shard) in workers.iter().zip(ShardIndex::all(3)) {
        balancer.worker_up(worker, &[shard; 2]);
    }
    let model = ModelId::new(0);
    let home = |balancer: &Balancer| balancer.homes().home(model, 0).index();
    balancer.model_up(workers[1], model);
    assert_eq!(home(&balancer), 1);
    balancer.model_up(workers[0], model);
    assert_eq!(home(&balancer), 0, "without demand it is where the spread says");
    balancer.worker_down(workers[0]);
    assert_eq!(home(&balancer), 1);
    balancer.model_down(workers[1], model);
    assert_eq!(home(&balancer), 1, "nobody serves it; somebody must say so");
}

#[test]
fn copies_of_the_table_follow_every_event() {
    let mut world = World::new(3, 4, skewed(50, 11.0));
    let mut copy = world.balancer.homes().clone();
    let mut follow = |moves: Vec<Move>, balancer: &Balancer| {
        for change in &moves {
            copy.apply(change).unwrap();
        }
        assert_eq!(&copy, balancer.homes());
    };
    for round in 0..30 {
        let moves = world.round();
        follow(moves, &world.balancer);
        if round == 10 {
            let moves = world.balancer.worker_down(WorkerId::new(1));
            assert!(!moves.is_empty());
            follow(moves, &world.balancer);
        }
    }
    assert!(world.seen[1] == 0.0, "{:?}", world.seen);
}
