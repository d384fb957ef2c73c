//! What a hub tells its owner.

use std::net::SocketAddr;
use std::{fmt, io};

use clockwork_wire::codec::BodyId;
use clockwork_wire::{Hello, Nanos, Span};

use super::reader::ReadError;
use crate::rt::Panicked;

/// A link of a hub; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// What it said of itself.
    pub hello: Hello,
}

/// Something happened on a link. For one link: first `Up`, then messages, last `Down`.
#[derive(Debug)]
pub enum Event<H> {
    /// The link is usable: both sides have agreed, and the offset between the clocks is known.
    Up {
        /// The link.
        link: LinkId,
        /// Who is there.
        peer: Peer,
    },
    /// A message, complete with its body, its instants on our clock. One whose body never came
    /// arrives without it after [`Settings::pairing`](super::Settings::pairing).
    Heard {
        /// The link.
        link: LinkId,
        /// What was said.
        message: H,
        /// When it was read.
        received: Nanos,
    },
    /// The body of one of our messages was not sent: its send-by time had passed.
    Dropped {
        /// The link.
        link: LinkId,
        /// The message.
        id: BodyId,
    },
    /// The link is gone. Said once for every link that was `Up`.
    Down {
        /// The link.
        link: LinkId,
        /// Why, in words; it has been logged.
        reason: LinkEnd,
        /// The last frame that we took in whole: for the hello of a new link of this session.
        last_applied: u32,
    },
}

/// Why a link is gone.
#[derive(Debug, thiserror::Error)]
pub enum LinkEnd {
    /// The peer closed it, or its process ended.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer's bytes make no sense, or stopped in the middle of a frame.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The peer's frames make sense, but not in this order.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// Writing failed.
    #[error("writing failed: {0}")]
    Io(io::Error),
    /// The peer said nothing for so long, not even a ping.
    #[error("the peer said nothing for {0}")]
    Silent(Span),
    /// The peer does not take what we send.
    #[error("the peer does not read what it is sent; too many bytes wait for it")]
    Stuck,
    /// A bug of ours.
    #[error("the connection's task {0}")]
    Panicked(Panicked),
    /// We closed it.
    #[error("{0}")]
    Ours(String),
}

impl LinkEnd {
    /// Whether this is how links normally end.
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Closed | Self::Ours(_))
    }
}
