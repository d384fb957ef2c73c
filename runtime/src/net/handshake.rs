//! The first frame in each direction of every connection.

use std::net::SocketAddr;

use clockwork_wire::codec::{FrameKind, Limits, decode_hello, encode_hello, stamp};
use clockwork_wire::{Credits, Foreign, Hello, LinkKind, Nanos, Role, SessionId, Span};

use super::reader::{FrameReader, ReadError};
use crate::clock;
use crate::rt::{self, Stream};

/// Why two processes did not come together.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// Nobody listens there, or the way there is blocked.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The peer.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The peer left as soon as it had come.
    #[error("a connection broke before hello: {0}")]
    Gone(std::io::Error),
    /// The peer said no.
    #[error("{address} refuses the connection: {reason}")]
    Refused {
        /// The peer.
        address: SocketAddr,
        /// The peer's words.
        reason: String,
    },
    /// We said no.
    #[error("refused {address}: {reason}")]
    Unwanted {
        /// The peer.
        address: SocketAddr,
        /// Our words, which the peer has been told.
        reason: String,
    },
    /// The peer is something else than it should be.
    #[error("{address} is a {found:?}, not a {wanted:?}: is the address right?")]
    Role {
        /// The peer.
        address: SocketAddr,
        /// What it is.
        found: Role,
        /// What it should be.
        wanted: Role,
    },
    /// The peer said something else than hello.
    #[error("{address} did not say hello: {source}")]
    Read {
        /// The peer.
        address: SocketAddr,
        /// What went wrong.
        source: ReadError,
    },
    /// The peer began with another frame, or left.
    #[error("{address} {what} instead of saying hello")]
    NoHello {
        /// The peer.
        address: SocketAddr,
        /// What it did.
        what: &'static str,
    },
    /// The peer said nothing in time.
    #[error("{address} did not say hello within {within}")]
    Timeout {
        /// The peer.
        address: SocketAddr,
        /// The time that it had.
        within: Span,
    },
}

/// A hello that was heard, and when.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) hello: Hello,
    pub(super) sent: Foreign<Nanos>,
    pub(super) received: Nanos,
}

/// Says hello.
pub(super) async fn say(stream: &Stream, hello: &Hello) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    encode_hello(hello, &mut bytes);
    stamp(&mut bytes, clock::now(), 0, 0);
    stream.write_all(&bytes).await
}

/// Waits for the peer's hello. Until it has been heard the peer may send little.
pub(super) async fn hear(
    stream: &Stream,
    reader: &mut FrameReader,
    within: Span,
) -> Result<Heard, HandshakeError> {
    let address = stream.peer();
    let timeout = async {
        rt::sleep(within).await;
        Err(HandshakeError::Timeout { address, within })
    };
    futures_lite::future::or(hear_now(address, reader), timeout).await
}

async fn hear_now(address: SocketAddr, reader: &mut FrameReader) -> Result<Heard, HandshakeError> {
    let no_hello = |what| HandshakeError::NoHello { address, what };
    let frame = reader.next().await.map_err(|source| HandshakeError::Read { address, source })?;
    let Some(frame) = frame else { return Err(no_hello("left")) };
    let received = clock::now();
    if frame.preamble.kind != FrameKind::Hello {
        return Err(no_hello("sent another frame"));
    }
    let hello = decode_hello(&frame.header, frame.preamble.body_len, &Limits::HELLO)
        .map_err(|e| HandshakeError::Read { address, source: e.into() })?;
    Ok(Heard { hello, sent: frame.preamble.sent, received })
}

/// Who this process is, before it knows more: its role and boot; no session, no token, no limit.
pub fn hello(role: Role) -> Hello {
    Hello {
        role,
        link: LinkKind::Control,
        boot: clock::boot_id(),
        session: SessionId::new(0),
        epoch: 0,
        last_applied: 0,
        credits: Credits::UNLIMITED,
        cores: 1,
        core: 0,
        token: String::new(),
        refusal: String::new(),
    }
}
