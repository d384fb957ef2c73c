//! Several schedulers beside each other: who owns which device, which shard a model's requests go
//! to, and when that changes. Pure like everything that decides; cores and rings are elsewhere.
//!
//! A *shard* is one scheduler with devices of its own. Every shard knows every model that its
//! workers serve; a model's *home* is the shard to which its requests go. So moving a model is a
//! change of one table and costs the target a cold start, nothing else: what is queued stays where
//! it is, and the copies that are left behind give way like any others.
//!
//! * [`Partition`] says which shard owns which device, when a worker comes up;
//! * [`Homes`] is the table: looked up for every request, held in a copy by every core;
//! * [`Demand`] is what a shard reports of its models, every [`BALANCE_INTERVAL`];
//! * [`Balancer`] turns reports into [`Move`]s, few of them, which bring every copy of the table up
//!   to date;
//! * [`Sharded`] is all of that behind the trait of a single scheduler, for simulations and tests.
//!
//! *Why not one queue for all shards?* Because then every request crosses cores. With homes a client
//! sends a request to the core that serves it, and the price is what the balancer cannot even out:
//! measured in `docs/results/shards.md`.
//!
//! *Why a central balancer rather than shards that steal from each other?* A shard that steals takes
//! a request whose model it does not hold. Demand per model changes slowly against the 50 ms in
//! which the balancer answers; what changes faster, the queues absorb.

mod balancer;
mod demand;
mod homes;
mod partition;
mod sharded;

pub use self::balancer::{BALANCE_INTERVAL, Balancer, Moved};
pub use self::demand::{Demand, ModelDemand, Offered, efficient_work};
pub use self::homes::{Destination, Home, Homes, Move, Shares, Staleness};
pub use self::partition::Partition;
pub use self::sharded::Sharded;

use std::fmt;

/// A shard: the index of one scheduler among those of a controller, as in
/// [`ActionId::shard`](clockwork_wire::ActionId).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardIndex(u8);

impl ShardIndex {
    /// The first shard, and the only one of a controller that has one.
    pub const FIRST: Self = Self(0);

    /// The shard with this number; `None` if it is not below [`SHARDS_MAX`].
    pub fn new(number: usize) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (usize::from(number) < SHARDS_MAX).then_some(Self(number))
    }

    /// The shard's number, below [`SHARDS_MAX`]; also its place in tables.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The number as action ids carry it.
    pub fn get(self) -> u32 {
        u32::from(self.0)
    }

    /// The shards 0 to `count` - 1; at least one and at most [`SHARDS_MAX`].
    pub fn all(count: usize) -> impl DoubleEndedIterator<Item = Self> + Clone {
        (0..=u8::MAX).take(count.clamp(1, SHARDS_MAX)).map(Self)
    }
}

impl fmt::Display for ShardIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Shards of one controller at most: a set of them is one word.
pub const SHARDS_MAX: usize = 64;

/// A set of shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ShardSet(u64);

impl ShardSet {
    fn contains(self, shard: ShardIndex) -> bool {
        self.0 >> shard.0 & 1 == 1
    }

    fn insert(&mut self, shard: ShardIndex) {
        self.0 |= 1 << shard.0;
    }

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn iter(self) -> impl Iterator<Item = ShardIndex> {
        ShardIndex::all(SHARDS_MAX).filter(move |&shard| self.contains(shard))
    }

    /// The `turn`-th of its shards, in rotation; `None` if it is empty.
    fn in_rotation(self, turn: usize) -> Option<ShardIndex> {
        let count = usize::try_from(self.0.count_ones()).expect("64 fits usize");
        if count == 0 { None } else { self.iter().nth(turn % count) }
    }
}

impl FromIterator<ShardIndex> for ShardSet {
    fn from_iter<T: IntoIterator<Item = ShardIndex>>(shards: T) -> Self {
        let mut set = Self::default();
        for shard in shards {
            set.insert(shard);
        }
        set
    }
}
