//! How two processes meet: who they are, and what they grant each other.

use crate::{BootId, SessionId};

/// What a process does for a living.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Asks for inferences.
    Client,
    /// Decides.
    Controller,
    /// Owns devices.
    Worker,
}

/// Which of the two connections between two peers this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// All headers, and payloads up to 16 KiB.
    Control,
    /// Larger payloads, named by the id of the message they belong to.
    Bulk,
}

/// How much a peer may have outstanding on a connection; beyond it the answer is
/// [`Status::OVERLOADED`](crate::Status::OVERLOADED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credits {
    /// Unanswered requests.
    pub requests: u32,
    /// Bytes of their payloads.
    pub bytes: u64,
}

impl Credits {
    /// No limit.
    pub const UNLIMITED: Self = Self { requests: u32::MAX, bytes: u64::MAX };
}

/// The core of the controller that decides for a model, as a hint: a request that comes over the
/// connection of that core ([`Hello::core`]) has no core to cross.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Home(u16);

impl Home {
    /// No hint: any connection is as good.
    pub const UNKNOWN: Self = Self(0);

    /// The hint as it travels: 0 for none, else one more than the core.
    pub const fn from_wire(number: u16) -> Self {
        Self(number)
    }

    /// The hint as it travels.
    pub const fn to_wire(self) -> u16 {
        self.0
    }

    /// That core, counted from 0; no hint for one that is beyond 65,534.
    pub fn of(core: u32) -> Self {
        Self(core.checked_add(1).and_then(|n| u16::try_from(n).ok()).unwrap_or(0))
    }

    /// The core, if there is a hint.
    pub fn core(self) -> Option<u32> {
        self.0.checked_sub(1).map(u32::from)
    }
}

/// The first frame in each direction of every connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The sender's role.
    pub role: Role,
    /// Which connection this is.
    pub link: LinkKind,
    /// The sender's boot: equal ids mean equal clocks.
    pub boot: BootId,
    /// The session. The dialling side chooses it on the control connection and repeats it on bulk.
    pub session: SessionId,
    /// The controller's start; workers and clients repeat what they were told, 0 at first.
    pub epoch: u32,
    /// Sequence number of the last frame that the sender applied in this session.
    pub last_applied: u32,
    /// What the sender grants.
    pub credits: Credits,
    /// Cores of the sender that accept connections.
    pub cores: u32,
    /// Which of the sender's cores serves this connection, from 0.
    pub core: u32,
    /// The shared secret, if one is configured; empty otherwise.
    pub token: String,
    /// Empty, or why the sender refuses the connection, which it then closes.
    pub refusal: String,
}
