//! Several shards: what the first one tells all, what each makes of it, and the rounds of balancing.
//!
//! The first shard's machine alone starts up, speaks with workers of their state and with clients of
//! models. What the others must know of it travels as [`News`], which the first one hears as well: so
//! every scheduler is told of its part in the same way.

use std::collections::BTreeSet;
use std::sync::Arc;

use clockwork_scheduler::Input as Told;
use clockwork_scheduler::shard::{BALANCE_INTERVAL, Balancer, Demand, Move, Partition, ShardIndex};
use clockwork_wire::{DeviceState, GpuId, LoadedModel, ModelProfile, Nanos, WorkerId};

use super::group::Group;
use super::machine::{Controller, Options};
use super::message::{Input, News, Output, Swap};

/// What one of several shards keeps.
#[derive(Debug)]
pub(super) struct Member {
    shard: ShardIndex,
    /// Workers of whose devices some are its own.
    workers: BTreeSet<WorkerId>,
    /// Whether it is known that there are requests since the last round of balancing.
    stirred: bool,
    /// On the first one.
    manager: Option<Manager>,
}

/// What the first shard keeps for all.
#[derive(Debug)]
struct Manager {
    shards: usize,
    partition: Partition,
    balancer: Balancer,
    /// The next round of balancing; none while nothing is asked for.
    balance_at: Option<Nanos>,
    /// Demands of the present round that have not come.
    awaited: usize,
}

impl Member {
    /// A shard that knows of no worker yet.
    pub(super) fn new(options: &Options) -> Self {
        let (shard, shards) = (options.shard, options.shards);
        let manager = || Manager {
            shards,
            partition: Partition::new(shards, options.workers),
            balancer: Balancer::new(shards),
            balance_at: None,
            awaited: 0,
        };
        let manager = (shard == ShardIndex::FIRST).then(manager);
        Self { shard, workers: BTreeSet::new(), stirred: false, manager }
    }
}

impl Manager {
    /// Gives every device of a worker its owner.
    fn worker_up(
        &mut self,
        worker: WorkerId,
        devices: Vec<DeviceState>,
        models: Vec<LoadedModel>,
    ) -> (News, Vec<Move>) {
        let gpus: Vec<GpuId> = devices.iter().map(|device| device.gpu).collect();
        let owned = self.partition.join(worker, &gpus);
        let owners: Vec<ShardIndex> = owned.iter().map(|&(_, shard)| shard).collect();
        let mut moves = self.balancer.worker_up(worker, &owners);
        for loaded in &models {
            moves.extend(self.balancer.model_up(worker, loaded.model));
        }
        let devices = owners.into_iter().zip(devices).collect();
        (News::WorkerUp { worker, devices, models }, moves)
    }

    /// Begins to count towards the next round.
    fn stir(&mut self, now: Nanos) {
        self.balance_at.get_or_insert(now + BALANCE_INTERVAL);
    }

    /// Whether a round is to begin.
    fn begins(&mut self, now: Nanos) -> bool {
        if self.balance_at.is_none_or(|at| at > now) {
            return false;
        }
        if self.awaited > 0 {
            self.balance_at = Some(now + BALANCE_INTERVAL);
            return false;
        }
        self.balance_at = None;
        self.awaited = self.shards;
        true
    }

    /// Takes in a shard's demand; what moves, once all have come.
    fn observe(&mut self, now: Nanos, shard: ShardIndex, demand: &Demand) -> Vec<Move> {
        self.balancer.observe(now, shard, demand);
        self.awaited = self.awaited.saturating_sub(1);
        if self.awaited == 0 { self.balancer.balance(now) } else { Vec::new() }
    }
}

/// The first shard tells all.
impl Controller {
    /// Of a worker that is up.
    pub(super) fn announce_up(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        devices: Vec<DeviceState>,
        models: Vec<LoadedModel>,
    ) {
        let Some(manager) = self.manager() else { return };
        let (news, moves) = manager.worker_up(worker, devices, models);
        self.announce(now, news);
        self.announce_moves(moves);
    }

    /// Of a worker that is gone; `false` if there is nobody to tell.
    pub(super) fn announce_down(&mut self, now: Nanos, worker: WorkerId) -> bool {
        let Some(manager) = self.manager() else { return false };
        let moves = manager.balancer.worker_down(worker);
        self.announce(now, News::WorkerDown(worker));
        self.announce_moves(moves);
        true
    }

    /// Of models that a worker has loaded; `false` if there is nobody to tell.
    pub(super) fn announce_models(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        group: &Group,
        profile: &Arc<ModelProfile>,
    ) -> bool {
        let Some(manager) = self.manager() else { return false };
        let moves =
            group.models().flat_map(|model| manager.balancer.model_up(worker, model)).collect();
        let (group, profile) = (group.clone(), Arc::clone(profile));
        self.announce(now, News::ModelsUp { worker, group, profile });
        self.announce_moves(moves);
        true
    }

    /// Of models that a worker is not to be used for any longer; `false` if there is nobody to tell.
    pub(super) fn announce_models_down(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        group: &Group,
    ) -> bool {
        let Some(manager) = self.manager() else { return false };
        let down = |model| manager.balancer.model_down(worker, model);
        let moves = group.models().flat_map(down).collect();
        self.announce(now, News::ModelsDown { worker, group: group.clone() });
        self.announce_moves(moves);
        true
    }

    /// Of later versions that will serve soon.
    pub(super) fn announce_warming(&mut self, now: Nanos, number: u64, swaps: Vec<Swap>) {
        self.warm(now, number, &swaps);
        if self.manager().is_some() {
            self.decided.push_back(Output::News(News::Warm { number, swaps }));
        }
    }

    /// Of later versions that serve from now on.
    pub(super) fn announce_swaps(&mut self, now: Nanos, number: u64, swaps: Vec<Swap>) {
        self.switch(now, number, &swaps);
        if self.manager().is_some() {
            self.decided.push_back(Output::News(News::Replaced { number, swaps }));
        }
    }

    /// Of the homes, when serving begins.
    pub(super) fn announce_homes(&mut self) {
        if let Some(manager) = self.manager() {
            let homes = manager.balancer.homes().clone();
            self.decided.push_back(Output::News(News::Homes(homes)));
        }
    }

    fn announce_moves(&mut self, moves: Vec<Move>) {
        if !moves.is_empty() {
            self.decided.push_back(Output::News(News::Moves(moves)));
        }
    }

    fn announce(&mut self, now: Nanos, news: News) {
        self.hear(now, &news);
        self.decided.push_back(Output::News(news));
    }

    fn manager(&mut self) -> Option<&mut Manager> {
        self.member.as_mut()?.manager.as_mut()
    }
}

/// Every shard hears it.
impl Controller {
    /// Takes in what the first shard said.
    pub(super) fn hear(&mut self, now: Nanos, news: &News) {
        match news {
            News::WorkerUp { worker, devices, models } => {
                self.hear_worker(now, *worker, devices, models);
            }
            News::WorkerDown(worker) => self.hear_down(now, *worker),
            News::ModelsUp { worker, group, profile } => {
                self.catalog.add(group, profile);
                if self.owns(*worker) {
                    self.tell_models(now, *worker, group, profile);
                }
            }
            News::ModelsDown { worker, group } => self.hear_models_down(now, *worker, group),
            News::Warm { number, swaps } => self.warm(now, *number, swaps),
            News::Replaced { number, swaps } => self.switch(now, *number, swaps),
            News::Homes(_) | News::Moves(_) => {}
            News::DemandWanted => self.say_demand(now),
        }
    }

    fn hear_worker(
        &mut self,
        now: Nanos,
        worker: WorkerId,
        devices: &[(ShardIndex, DeviceState)],
        models: &[LoadedModel],
    ) {
        self.catalog.adopt(models, false);
        let Some(member) = &mut self.member else { return };
        let ours = devices.iter().filter(|(shard, _)| *shard == member.shard);
        let devices: Vec<_> = ours.map(|(_, device)| device.clone()).collect();
        if devices.is_empty() {
            return self.hear_down(now, worker);
        }
        member.workers.insert(worker);
        self.scheduler.handle(now, Told::WorkerUp { worker, devices });
        for loaded in models {
            let (model, profile) = (loaded.model, Arc::clone(&loaded.profile));
            self.scheduler.handle(now, Told::ModelUp { worker, model, profile });
        }
    }

    fn hear_down(&mut self, now: Nanos, worker: WorkerId) {
        if self.member.as_mut().is_some_and(|member| member.workers.remove(&worker)) {
            self.scheduler.handle(now, Told::WorkerDown { worker });
        }
    }

    pub(super) fn owns(&self, worker: WorkerId) -> bool {
        self.member.as_ref().is_some_and(|member| member.workers.contains(&worker))
    }
}

/// Rounds of balancing: the first shard asks for demand while there are requests anywhere, and moves
/// models when all have answered.
impl Controller {
    /// A request is taken in.
    pub(super) fn stir(&mut self, now: Nanos) {
        let Some(member) = &mut self.member else { return };
        if std::mem::replace(&mut member.stirred, true) {
            return;
        }
        match &mut member.manager {
            Some(manager) => manager.stir(now),
            None => self.decided.push_back(Output::ToFirst(Input::Stirred)),
        }
    }

    /// Another shard has taken in a request.
    pub(super) fn stirred(&mut self, now: Nanos) {
        if let Some(manager) = self.manager() {
            manager.stir(now);
        }
    }

    /// Begins a round, if one is due.
    pub(super) fn balance(&mut self, now: Nanos) {
        if self.manager().is_some_and(|manager| manager.begins(now)) {
            self.announce(now, News::DemandWanted);
        }
    }

    /// The next round of balancing.
    pub(super) fn next_balance(&self) -> Option<Nanos> {
        self.member.as_ref()?.manager.as_ref()?.balance_at
    }

    /// Another shard's demand.
    pub(super) fn demand(&mut self, now: Nanos, shard: ShardIndex, demand: &Demand) {
        if let Some(manager) = self.manager() {
            let moves = manager.observe(now, shard, demand);
            self.announce_moves(moves);
        }
    }

    fn say_demand(&mut self, now: Nanos) {
        let Some(member) = &mut self.member else { return };
        member.stirred = false;
        let mut demand = Demand::default();
        self.scheduler.take_demand(now, &mut demand);
        let (shard, first) = (member.shard, member.manager.is_some());
        if first {
            self.demand(now, shard, &demand);
        } else {
            self.decided.push_back(Output::ToFirst(Input::Demand(shard, demand)));
        }
    }
}
