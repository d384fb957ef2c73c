//! What the two sides of a link say to each other, and how it becomes frames.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use bytes::Bytes;
use clockwork_wire::codec::{BodyId, Chain, DecodeError, FrameKind, Limits};
use clockwork_wire::{ClockOffset, Foreign, Localize, Nanos, Payload, Role};

use super::Part;

/// One side of a kind of link.
pub trait Dialect: fmt::Debug + Sized + 'static {
    /// Our role.
    const OURS: Role;
    /// The peer's role.
    const THEIRS: Role;
    /// The frames that we hear.
    const HEARS: FrameKind;

    /// What we say.
    type Say: fmt::Debug;
    /// What we hear, complete with its body.
    type Hear: fmt::Debug + 'static;
    /// Collects what we say into one frame.
    type Encoder: Default;

    /// Puts a message into the frame; gives its body if that travels apart.
    fn encode(encoder: &mut Self::Encoder, message: Self::Say) -> Option<Parcel>;

    /// Whether the frame should be finished before more is put in.
    fn is_full(encoder: &Self::Encoder) -> bool;

    /// Appends the frame and starts the next one.
    fn finish(encoder: &mut Self::Encoder, out: &mut Chain);

    /// Hands every message of a frame to `ear`.
    ///
    /// # Errors
    /// If the bytes are not such a frame.
    fn decode(
        header: &[u8],
        body: &Body,
        limits: &Limits,
        ear: &mut Ear<'_, Self>,
    ) -> Result<(), DecodeError>;

    /// The message, now that its body is here.
    #[must_use]
    fn with_body(message: Self::Hear, body: Payload) -> Self::Hear;
}

/// The raw bytes behind a frame's header.
#[derive(Clone, Debug, Default)]
pub struct Body(Bytes);

impl Body {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// How many there are.
    ///
    /// # Panics
    /// If a preamble could not have said so.
    pub fn len(&self) -> u32 {
        u32::try_from(self.0.len()).expect("a preamble's lengths are 32 bits wide")
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A message's payload: a view, unless it is so short that it must not keep all of the receive
    /// buffer from being used again.
    ///
    /// # Panics
    /// If the range does not lie within.
    pub fn payload(&self, range: Range<usize>) -> Payload {
        if range.is_empty() {
            Payload::EMPTY
        } else if range.len() < VIEWED_MIN {
            Payload::new(self.0[range].to_vec())
        } else {
            self.0.slice(range).into()
        }
    }
}

/// Takes in the messages of a frame.
pub struct Ear<'a, D: Dialect> {
    pub(super) offset: ClockOffset,
    pub(super) hear: &'a mut dyn FnMut(D::Hear),
    pub(super) wait: &'a mut dyn FnMut(BodyId, D::Hear),
}

impl<D: Dialect> Ear<'_, D> {
    /// A message that is complete.
    pub fn hear(&mut self, message: D::Hear) {
        (self.hear)(message);
    }

    /// A message whose body comes on the bulk connection.
    pub fn wait(&mut self, id: BodyId, message: D::Hear) {
        (self.wait)(id, message);
    }

    /// A word with its instants moved to our clock.
    pub fn local<T: Localize>(&self, word: Foreign<T>) -> T {
        word.into_local(self.offset)
    }
}

impl<D: Dialect> fmt::Debug for Ear<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ear({:?})", self.offset)
    }
}

/// A body that travels apart from its message, and its urgency.
#[derive(Debug)]
pub struct Parcel {
    /// Its message.
    pub id: BodyId,
    /// The bytes, one part after the other.
    pub parts: Vec<Part>,
    /// The parcel with the smallest goes first; equals go in the order in which they were sent.
    pub latest: Nanos,
    /// Not worth sending after this.
    pub send_by: Nanos,
}

impl Parcel {
    /// All of its bytes.
    ///
    /// # Panics
    /// If there are 4 GiB of them: a message could not even announce it.
    pub fn len(&self) -> u32 {
        u32::try_from(self.parts.iter().map(|p| p.len()).sum::<usize>())
            .expect("a body's length fits its message")
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|p| p.is_empty())
    }
}

/// Names a peer in the log: its role and address.
pub(super) fn name<D: Dialect>(address: SocketAddr) -> String {
    let role = match D::THEIRS {
        Role::Client => "client",
        Role::Controller => "controller",
        Role::Worker => "worker",
    };
    format!("{role} {address}")
}

/// A payload from this length on is a view of the receive buffer, not a copy.
const VIEWED_MIN: usize = 1024;
