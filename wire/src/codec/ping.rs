//! A clock reading for an idle connection. The reading itself is the preamble's send time.

use super::frame::FrameWriter;
use super::generated as fb;
use super::{DecodeError, FrameKind, Limits, check};

/// What a peer knows of the way to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// The sender's current minimum of receive time minus our send time, in nanoseconds (network
    /// time plus skew); `None` until it has received anything.
    pub delta_min: Option<i64>,
}

/// Appends a ping frame to `out`.
pub fn encode_ping(ping: &Ping, out: &mut Vec<u8>) {
    let mut frame = FrameWriter::new(FrameKind::Ping);
    let root = fb::Ping::create(
        &mut frame.builder,
        &fb::PingArgs {
            delta_min: ping.delta_min.unwrap_or_default(),
            delta_known: ping.delta_min.is_some(),
        },
    );
    frame.finish(root, out);
}

/// Reads the header of a ping frame.
///
/// # Errors
/// If the header does not verify, or there is a body.
pub fn decode_ping(header: &[u8], body_len: u32, limits: &Limits) -> Result<Ping, DecodeError> {
    let raw = limits.root::<fb::Ping<'_>>(FrameKind::Ping, header)?;
    check::equal("ping: body length", body_len, 0_u32)?;
    Ok(Ping { delta_min: raw.delta_known().then(|| raw.delta_min()) })
}
