//! One payload on a bulk connection: a preamble, the id of its message, the raw bytes.
//!
//! The header is 24 bytes, little-endian: whose id it is (1 request, 2 action), epoch, shard, zero,
//! and the number. It is no flatbuffer, so that it has a fixed length and the payload can be written
//! right behind it and read right into its final buffer.

use super::{
    DecodeError, FrameKind, INLINE_MAX, Limits, PREAMBLE_BYTES, Preamble, check, is_inline,
};
use crate::{ActionId, RequestId};

/// Bytes before the payload of a body frame: the preamble and the header.
pub const BODY_PREFIX_BYTES: usize = PREAMBLE_BYTES + HEADER_BYTES;

/// The message to which a payload belongs. The direction tells inputs from outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyId {
    /// Of the request or the response with this id (client link).
    Request(RequestId),
    /// Of the action or the result with this id (worker link).
    Action(ActionId),
}

impl BodyId {
    /// Reads the header of a body frame whose payload has `body_len` bytes.
    ///
    /// # Errors
    /// If the header is not one of ours, or if a payload of `body_len` bytes belongs with its
    /// message or exceeds `limits`.
    pub fn decode(header: &[u8], body_len: u32, limits: &Limits) -> Result<Self, DecodeError> {
        check::equal("body: header length", check::wide(header.len()), check::wide(HEADER_BYTES))?;
        check::length("body length", body_len.into(), limits.body)?;
        check::range("body length", body_len, INLINE_MAX + 1, limits.body)?;
        let link = number(header, 0);
        let (epoch, shard) = (number(header, 4), number(header, 8));
        check::range("body.link", link, REQUEST, ACTION)?;
        check::equal("body.reserved", number(header, 12), 0_u32)?;
        let counter = u64::from(number(header, 16)) | u64::from(number(header, 20)) << 32;
        if link == ACTION {
            return Ok(Self::Action(ActionId { epoch, shard, counter }));
        }
        check::equal("body.epoch", epoch, 0_u32)?;
        check::equal("body.shard", shard, 0_u32)?;
        Ok(Self::Request(RequestId::new(counter)))
    }
}

/// What precedes a payload of `len` bytes on a bulk connection; the caller writes the payload right
/// behind it, and [`stamp`](super::stamp)s the whole when it flushes.
///
/// # Panics
/// If `len` is so small that the payload travels with its message ([`INLINE_MAX`]).
pub fn body_prefix(id: BodyId, len: u32) -> [u8; BODY_PREFIX_BYTES] {
    assert!(!is_inline(len), "a payload of {len} bytes travels with its message");
    let (link, id) = match id {
        BodyId::Request(id) => (REQUEST, ActionId { counter: id.get(), ..ActionId::default() }),
        BodyId::Action(id) => (ACTION, id),
    };
    let header_len = u32::try_from(HEADER_BYTES).expect("24 fits");
    let mut bytes = [0; BODY_PREFIX_BYTES];
    let (preamble, header) = bytes.split_at_mut(PREAMBLE_BYTES);
    preamble.copy_from_slice(&Preamble::new(FrameKind::Body, header_len, len).encode());
    header[0..4].copy_from_slice(&link.to_le_bytes());
    header[4..8].copy_from_slice(&id.epoch.to_le_bytes());
    header[8..12].copy_from_slice(&id.shard.to_le_bytes());
    header[16..24].copy_from_slice(&id.counter.to_le_bytes());
    bytes
}

fn number(header: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*header[at..].first_chunk().expect("the length was checked"))
}

const HEADER_BYTES: usize = 24;
const REQUEST: u32 = 1;
const ACTION: u32 = 2;
