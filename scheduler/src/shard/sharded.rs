//! Several schedulers as one.

use clockwork_config::SchedulerConfig;
use clockwork_wire::{DeviceState, GpuId, ModelId, Nanos, WorkerId};

use super::{BALANCE_INTERVAL, Balancer, Demand, Partition, ShardIndex};
use crate::message::{Input, Output};
use crate::{Scheduler, scheduler};

/// As many schedulers as there are shards, with all that is between them; to whoever drives it, one
/// scheduler. It decides what a controller with as many scheduling cores decides, without the time
/// that messages between cores take. With one shard it decides exactly as that shard alone.
#[derive(Debug)]
pub struct Sharded {
    shards: Vec<Shard>,
    partition: Partition,
    balancer: Balancer,
    /// Which shards own devices of each worker, as they were last told.
    owners: Vec<Vec<ShardIndex>>,
    /// The next round of balancing; none while nothing is asked for.
    balance_at: Option<Nanos>,
    demand: Demand,
}

/// A scheduler, and whether it has to be asked.
#[derive(Debug)]
struct Shard {
    scheduler: Box<dyn Scheduler>,
    /// Whether something happened since it was last polled until it had nothing to say.
    stirred: bool,
    /// When it wants to be polled, if it is not stirred; kept, as there may be many that are not.
    wakeup: Option<Nanos>,
}

impl Sharded {
    /// `shards` schedulers of this configuration (1 to [`SHARDS_MAX`](super::SHARDS_MAX)), for as
    /// many workers as are `expected`. Action ids carry `epoch` and the shard.
    pub fn new(config: &SchedulerConfig, epoch: u32, shards: usize, expected: usize) -> Self {
        let shard = |index: ShardIndex| Shard {
            scheduler: scheduler(config.clone(), epoch, index.get()),
            stirred: true,
            wakeup: None,
        };
        let shards: Vec<_> = ShardIndex::all(shards).map(shard).collect();
        Self {
            partition: Partition::new(shards.len(), expected),
            balancer: Balancer::new(shards.len()),
            owners: Vec::new(),
            balance_at: None,
            demand: Demand::default(),
            shards,
        }
    }

    /// Who decides where requests go.
    pub fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    fn tell(&mut self, now: Nanos, shard: ShardIndex, input: Input) {
        let shard = &mut self.shards[shard.index()];
        shard.stirred = true;
        shard.scheduler.handle(now, input);
    }

    fn tell_owners(&mut self, now: Nanos, worker: WorkerId, input: &Input) {
        let owners = self.owners.get(worker.index()).cloned().unwrap_or_default();
        for shard in owners {
            self.tell(now, shard, input.clone());
        }
    }

    /// Every owner of a worker's devices hears of those that it owns.
    fn worker_up(&mut self, now: Nanos, worker: WorkerId, devices: Vec<DeviceState>) {
        let gpus: Vec<GpuId> = devices.iter().map(|device| device.gpu).collect();
        let owned: Vec<ShardIndex> =
            self.partition.join(worker, &gpus).iter().map(|&(_, shard)| shard).collect();
        self.balancer.worker_up(worker, &owned);
        if self.owners.len() <= worker.index() {
            self.owners.resize(worker.index() + 1, Vec::new());
        }
        let mut owners = owned.clone();
        if owners.is_empty() {
            // A worker without devices is told to somebody all the same.
            owners.extend(self.partition.owner(worker));
        }
        owners.sort_unstable();
        owners.dedup();
        let before = std::mem::replace(&mut self.owners[worker.index()], owners.clone());
        for shard in before.into_iter().filter(|shard| !owners.contains(shard)) {
            self.tell(now, shard, Input::WorkerDown { worker });
        }
        let mut parts: Vec<Vec<DeviceState>> = vec![Vec::new(); self.shards.len()];
        for (device, shard) in devices.into_iter().zip(owned) {
            parts[shard.index()].push(device);
        }
        for shard in owners {
            let devices = std::mem::take(&mut parts[shard.index()]);
            self.tell(now, shard, Input::WorkerUp { worker, devices });
        }
    }

    fn request(&mut self, now: Nanos, model: ModelId, n: u64, input: Input) {
        let shard = self.balancer.homes().home(model, n);
        if self.shards.len() > 1 && self.balance_at.is_none() {
            self.balance_at = Some(now + BALANCE_INTERVAL);
        }
        self.tell(now, shard, input);
    }

    /// A round of balancing, if one is due; the next one when there are requests again.
    fn balance(&mut self, now: Nanos) {
        if self.balance_at.is_none_or(|at| at > now) {
            return;
        }
        self.balance_at = None;
        for (index, shard) in ShardIndex::all(self.shards.len()).zip(&mut self.shards) {
            shard.scheduler.take_demand(now, &mut self.demand);
            self.balancer.observe(now, index, &self.demand);
        }
        self.balancer.balance(now);
    }
}

impl Scheduler for Sharded {
    fn handle(&mut self, now: Nanos, input: Input) {
        match &input {
            Input::Request(request) => {
                let (model, n) = (request.model, request.id.get());
                self.request(now, model, n, input);
            }
            Input::Result { result, .. } => {
                let shard = usize::try_from(result.id.shard).ok().and_then(ShardIndex::new);
                // A result of a shard that there is not is of another controller.
                if let Some(shard) = shard.filter(|shard| shard.index() < self.shards.len()) {
                    self.tell(now, shard, input);
                }
            }
            // Its model may have moved since the request came; whoever has it answers.
            Input::Withdraw { .. } | Input::Succeed { .. } => {
                for shard in ShardIndex::all(self.shards.len()) {
                    self.tell(now, shard, input.clone());
                }
            }
            Input::WorkerUp { worker, devices } => self.worker_up(now, *worker, devices.clone()),
            Input::WorkerDown { worker } => {
                let worker = *worker;
                self.balancer.worker_down(worker);
                self.tell_owners(now, worker, &input);
            }
            Input::ModelUp { worker, model, .. } => {
                let worker = *worker;
                self.balancer.model_up(worker, *model);
                self.tell_owners(now, worker, &input);
            }
            Input::ModelDown { worker, model } => {
                let worker = *worker;
                self.balancer.model_down(worker, *model);
                self.tell_owners(now, worker, &input);
            }
        }
    }

    fn poll(&mut self, now: Nanos) -> Option<Output> {
        self.balance(now);
        for shard in &mut self.shards {
            if !shard.stirred && shard.wakeup.is_none_or(|at| at > now) {
                continue;
            }
            let output = shard.scheduler.poll(now);
            shard.stirred = output.is_some();
            if output.is_some() {
                return output;
            }
            shard.wakeup = shard.scheduler.next_wakeup();
        }
        None
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        let wakeup = |shard: &Shard| {
            if shard.stirred { shard.scheduler.next_wakeup() } else { shard.wakeup }
        };
        self.shards.iter().filter_map(wakeup).chain(self.balance_at).min()
    }
}
