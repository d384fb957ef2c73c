//! Decides: which action, on which device, in which window, and what to answer.
//!
//! A [`Scheduler`] has no clock, no socket and no thread. Whoever drives it (the controller's
//! runtime with a real clock, or the simulator with a virtual one) makes *turns*: read the clock
//! once, [`handle`](Scheduler::handle) everything that has been received, then
//! [`poll`](Scheduler::poll) until `None`, then come back at [`next_wakeup`](Scheduler::next_wakeup)
//! or when something arrives. Payload bytes never enter: requests are ids here.

pub mod message;

pub mod clockwork;
pub mod direct;
pub mod echo;
pub mod infer5;

pub mod shard;

mod cluster;
mod estimate;
mod flight;
mod queue;
mod request;
mod timeline;

pub use clockwork::Clockwork;
pub use direct::Direct;
pub use echo::Echo;
pub use infer5::Infer5;
pub use message::{ActionRecord, Input, Order, Output, Request, Response};
pub use shard::{Demand, Sharded};

use clockwork_config::{SchedulerConfig, SchedulerKind};
use clockwork_wire::{ModelId, Nanos};

/// The whole contract between a scheduler and whoever drives it.
pub trait Scheduler: std::fmt::Debug {
    /// Takes in what happened. Never blocks; work is bounded by the number of devices and queued
    /// requests. `now` never decreases from call to call.
    fn handle(&mut self, now: Nanos, input: Input);

    /// Takes out the next decision; `None` until something happens or `next_wakeup` passes.
    fn poll(&mut self, now: Nanos) -> Option<Output>;

    /// When to poll again if nothing arrives; `None` means "only when something arrives".
    fn next_wakeup(&self) -> Option<Nanos>;

    /// Whether a copy of a model is on its way to a device. Of a scheduler that copies nothing ahead of
    /// requests it need not be known.
    fn is_loading(&self, _model: ModelId) -> bool {
        false
    }

    /// Says in `demand` what every model was asked for since the last call, for the balancer of
    /// several shards; what `demand` said before is replaced. A scheduler that does not count says
    /// nothing, and its models stay where they are.
    fn take_demand(&mut self, _now: Nanos, demand: &mut Demand) {
        demand.models.clear();
    }
}

/// The scheduler that the configuration names. `epoch` and `shard` go into every action's id.
pub fn scheduler(config: SchedulerConfig, epoch: u32, shard: u32) -> Box<dyn Scheduler> {
    match config.kind {
        // INFER4 is the previous generation; the same scheduler answers to its name.
        SchedulerKind::Infer5 | SchedulerKind::Infer4 => {
            Box::new(Infer5::new(config, epoch, shard))
        }
        SchedulerKind::Clockwork => Box::new(Clockwork::new(config, epoch, shard)),
        SchedulerKind::Echo => Box::new(Echo::new(&config)),
        SchedulerKind::Direct => Box::new(Direct::new(config, epoch, shard)),
    }
}
