//! Who decides in the controller: one scheduler or several shards.

use clockwork_config::SchedulerConfig;
use clockwork_scheduler::shard::Moved;
use clockwork_scheduler::{Scheduler, Sharded};

use super::EPOCH;

/// A scheduler, or shards beside each other.
#[derive(Debug)]
pub(crate) enum Decider {
    /// Nothing is around it.
    One(Box<dyn Scheduler>),
    /// At least one shard, with homes and a balancer.
    Shards(Box<Sharded>),
}

impl Decider {
    /// So many shards for so many workers; 0: one scheduler, and nothing around it.
    pub(crate) fn new(config: SchedulerConfig, shards: usize, workers: usize) -> Self {
        match shards {
            0 => Self::One(clockwork_scheduler::scheduler(config, EPOCH, 0)),
            _ => Self::Shards(Box::new(Sharded::new(&config, EPOCH, shards, workers))),
        }
    }

    /// What has been moved between shards so far.
    pub(crate) fn moved(&self) -> Moved {
        match self {
            Self::One(_) => Moved::default(),
            Self::Shards(shards) => shards.balancer().moved(),
        }
    }

    pub(crate) fn scheduler(&self) -> &dyn Scheduler {
        match self {
            Self::One(scheduler) => &**scheduler,
            Self::Shards(shards) => &**shards,
        }
    }

    pub(crate) fn scheduler_mut(&mut self) -> &mut dyn Scheduler {
        match self {
            Self::One(scheduler) => &mut **scheduler,
            Self::Shards(shards) => &mut **shards,
        }
    }

    pub(crate) fn into_scheduler(self) -> Box<dyn Scheduler> {
        match self {
            Self::One(scheduler) => scheduler,
            Self::Shards(shards) => shards,
        }
    }
}
