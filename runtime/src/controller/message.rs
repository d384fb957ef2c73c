//! What the controller's machine takes in and gives out. Links, sockets and frames are the shell's.

use std::sync::Arc;

use clockwork_scheduler::shard::{Demand, Homes, Move, ShardIndex};
use clockwork_wire::{
    ActionId, ClientId, DeviceState, LoadedModel, ModelProfile, Nanos, Payload, WorkerId,
};

use super::group::Group;
use crate::net::{Answer, Ask, Batch, Command, Part, Report};
use crate::telemetry::{ActionRow, RequestRecord};

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// A client is there.
    ClientUp(ClientId),
    /// A client is gone; what it asked for is answered to nobody.
    ClientDown(ClientId),
    /// A client asks.
    Ask {
        /// The client.
        client: ClientId,
        /// What it asks, with its input.
        ask: Ask<Payload>,
        /// When it was read.
        received: Nanos,
    },
    /// A worker's link is up; nothing is known of its state yet.
    WorkerUp(WorkerId),
    /// A worker's link is down.
    WorkerDown(WorkerId),
    /// A worker reports.
    Report {
        /// The worker.
        worker: WorkerId,
        /// What it reports, with the outputs of a batch.
        report: Report<Payload>,
        /// When it was read.
        received: Nanos,
    },
    /// The network could not send an action's inputs by its send-by time.
    Unsent(WorkerId, ActionId),
    /// To a shard that is not the first: what the first one said.
    News(Arc<News>),
    /// To the first shard: another one has requests, so that there will be demand.
    Stirred,
    /// To the first shard: another one's demand.
    Demand(ShardIndex, Demand),
    /// To the first shard: another one has copied the new versions of the replacement with this number
    /// to its devices.
    Warmed(u64),
    /// To the first shard: another one has answered all that the old versions of the replacement with
    /// this number were asked for.
    Drained(u64),
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Say this to a client.
    Answer(ClientId, Answer<Part>),
    /// Say this to a worker.
    Command(WorkerId, Command<Batch>),
    /// Show this on the console.
    Print(String),
    /// A row for the request log.
    Request(RequestRecord),
    /// A row for the action log.
    Action(ActionRow),
    /// Tell all cores; only from the first of several shards.
    News(News),
    /// Hand this to the first shard; only from the others.
    ToFirst(Input),
}

/// What the first of several shards tells all cores. It alone speaks with clients and workers of
/// models; the others learn from it what there is, in the order in which it happened.
#[derive(Debug)]
pub enum News {
    /// A worker is up, and serves these models.
    WorkerUp {
        /// The worker.
        worker: WorkerId,
        /// Its devices, each with its owner.
        devices: Vec<(ShardIndex, DeviceState)>,
        /// What it serves.
        models: Vec<LoadedModel>,
    },
    /// A worker is gone.
    WorkerDown(WorkerId),
    /// A worker serves models that were loaded together.
    ModelsUp {
        /// The worker.
        worker: WorkerId,
        /// The models.
        group: Group,
        /// What each of them is.
        profile: Arc<ModelProfile>,
    },
    /// A worker is not to be used any longer for models that are unloaded.
    ModelsDown {
        /// The worker.
        worker: WorkerId,
        /// The models.
        group: Group,
    },
    /// Later versions of models will serve soon, and are to be on devices by then.
    Warm {
        /// The replacement's number.
        number: u64,
        /// What will serve instead of what.
        swaps: Vec<Swap>,
    },
    /// From now on later versions of models serve.
    Replaced {
        /// The replacement's number.
        number: u64,
        /// What serves instead of what.
        swaps: Vec<Swap>,
    },
    /// Serving begins, and this is where requests go.
    Homes(Homes),
    /// Some go elsewhere from now on.
    Moves(Vec<Move>),
    /// Every shard is to say its demand.
    DemandWanted,
}

/// Models, and later versions of them in the same order.
#[derive(Clone, Debug)]
pub struct Swap {
    /// What was asked so far.
    pub(super) old: Group,
    /// What is asked from now on; clients know it by the same ids.
    pub(super) version: Group,
}
