//! The 32 bytes before every header. All numbers are little-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 0..4 | magic `CLKW` |
//! | 4 | protocol version |
//! | 5 | frame kind |
//! | 6..8 | flags, none defined yet |
//! | 8..12 | header length |
//! | 12..16 | body length |
//! | 16..24 | send time, by the sender's clock |
//! | 24..28 | sequence number |
//! | 28..32 | cumulative acknowledgement |

use super::{DecodeError, Limits, check};
use crate::{Foreign, Nanos};

/// Bytes of a preamble.
pub const PREAMBLE_BYTES: usize = 32;

/// The protocol version. Frames of another version are refused.
pub const VERSION: u8 = 2;

/// What a frame's header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A [`Hello`](crate::Hello): the first frame in each direction.
    Hello,
    /// Client to controller.
    Requests,
    /// Controller to client.
    Responses,
    /// Controller to worker.
    Actions,
    /// Worker to controller.
    Results,
    /// One payload on a bulk connection.
    Body,
    /// A clock reading on an idle connection.
    Ping,
}

impl FrameKind {
    const ALL: [Self; 7] = [
        Self::Hello,
        Self::Requests,
        Self::Responses,
        Self::Actions,
        Self::Results,
        Self::Body,
        Self::Ping,
    ];

    /// The number on the wire; from 1, so that zeroed memory is no frame.
    const fn number(self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Requests => 2,
            Self::Responses => 3,
            Self::Actions => 4,
            Self::Results => 5,
            Self::Body => 6,
            Self::Ping => 7,
        }
    }
}

/// How long a frame is, what it holds, and where it stands in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// What the header is.
    pub kind: FrameKind,
    /// Reserved: 0.
    pub flags: u16,
    /// Bytes of the header.
    pub header_len: u32,
    /// Bytes of raw payload behind the header.
    pub body_len: u32,
    /// The sender's clock when the frame was flushed.
    pub sent: Foreign<Nanos>,
    /// The sender's number for this frame in its session.
    pub sequence: u32,
    /// The highest sequence number such that the sender has applied every frame up to it.
    pub ack: u32,
}

impl Preamble {
    /// A preamble without time and numbers, which [`stamp`] puts in.
    pub const fn new(kind: FrameKind, header_len: u32, body_len: u32) -> Self {
        let sent = Foreign::new(Nanos::ZERO);
        Self { kind, flags: 0, header_len, body_len, sent, sequence: 0, ack: 0 }
    }

    /// The bytes.
    pub fn encode(&self) -> [u8; PREAMBLE_BYTES] {
        let mut bytes = [0; PREAMBLE_BYTES];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 4, [VERSION, self.kind.number()]);
        put(&mut bytes, 6, self.flags.to_le_bytes());
        put(&mut bytes, 8, self.header_len.to_le_bytes());
        put(&mut bytes, 12, self.body_len.to_le_bytes());
        put(&mut bytes, SENT, self.sent.into_raw().get().to_le_bytes());
        put(&mut bytes, SEQUENCE, self.sequence.to_le_bytes());
        put(&mut bytes, ACK, self.ack.to_le_bytes());
        bytes
    }

    /// Reads a preamble. Both lengths are within `limits` then.
    ///
    /// # Errors
    /// If this is no preamble of our version, or announces more than `limits` allow.
    pub fn decode(bytes: &[u8; PREAMBLE_BYTES], limits: &Limits) -> Result<Self, DecodeError> {
        let found = take(bytes, 0);
        if found != MAGIC {
            return Err(DecodeError::Magic { found, expected: MAGIC });
        }
        let [version, number] = take(bytes, 4);
        check::equal("protocol version", version, VERSION)?;
        check::range("frame kind", number, FIRST, LAST)?;
        let kind = FrameKind::ALL[usize::from(number - FIRST)];
        let flags = u16::from_le_bytes(take(bytes, 6));
        check::equal("flags", flags, 0_u16)?;
        let header_len = u32::from_le_bytes(take(bytes, 8));
        check::length("header length", header_len.into(), limits.header)?;
        let body_len = u32::from_le_bytes(take(bytes, 12));
        check::length("body length", body_len.into(), limits.body)?;
        Ok(Self {
            kind,
            flags,
            header_len,
            body_len,
            sent: Foreign::new(Nanos::new(u64::from_le_bytes(take(bytes, SENT)))),
            sequence: u32::from_le_bytes(take(bytes, SEQUENCE)),
            ack: u32::from_le_bytes(take(bytes, ACK)),
        })
    }

    /// Bytes of the whole frame.
    pub fn frame_len(&self) -> u64 {
        check::wide(PREAMBLE_BYTES) + u64::from(self.header_len) + u64::from(self.body_len)
    }
}

/// Puts send time, sequence number and acknowledgement into the frame at the start of `frame`.
///
/// # Panics
/// If `frame` is shorter than a preamble.
pub fn stamp(frame: &mut [u8], sent: Nanos, sequence: u32, ack: u32) {
    let preamble = frame.first_chunk_mut().expect("a frame begins with a preamble");
    put(preamble, SENT, sent.get().to_le_bytes());
    put(preamble, SEQUENCE, sequence.to_le_bytes());
    put(preamble, ACK, ack.to_le_bytes());
}

/// Stamps every frame of a buffer of whole frames, with rising sequence numbers from `sequence` on,
/// and returns the next number.
///
/// # Panics
/// If `frames` does not consist of whole frames.
pub fn stamp_all(mut frames: &mut [u8], sent: Nanos, mut sequence: u32, ack: u32) -> u32 {
    while let Some(bytes) = frames.first_chunk() {
        let lengths = [take(bytes, 8), take(bytes, 12)].map(u32::from_le_bytes).map(u64::from);
        let len = usize::try_from(lengths.iter().sum::<u64>()).expect("a frame fits in memory");
        stamp(frames, sent, sequence, ack);
        sequence = sequence.wrapping_add(1);
        frames = frames.get_mut(PREAMBLE_BYTES + len..).expect("the buffer holds whole frames");
    }
    assert!(frames.is_empty(), "{} bytes after the last frame", frames.len());
    sequence
}

fn put<const N: usize>(bytes: &mut [u8; PREAMBLE_BYTES], at: usize, field: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&field);
}

fn take<const N: usize>(bytes: &[u8; PREAMBLE_BYTES], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("fields lie within the preamble")
}

const MAGIC: [u8; 4] = *b"CLKW";
const FIRST: u8 = FrameKind::Hello.number();
const LAST: u8 = FrameKind::Ping.number();
const SENT: usize = 16;
const SEQUENCE: usize = 24;
const ACK: usize = 28;
