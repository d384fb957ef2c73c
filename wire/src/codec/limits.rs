//! How much a peer may send at once; checked before anything is allocated.

use flatbuffers::{Follow, Verifiable, VerifierOptions, root_with_opts};

use super::{DecodeError, FrameKind, check};

/// The largest frame that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a header. Too small refuses the state of a worker with many models.
    pub header: u32,
    /// Bytes of a payload, of all inline payloads of a frame, and of what a header expands to.
    pub body: u32,
}

impl Default for Limits {
    /// 4 MiB of header and 256 MiB of body.
    fn default() -> Self {
        Self { header: 4 << 20, body: 256 << 20 }
    }
}

impl Limits {
    /// For a peer that has not said hello yet.
    pub const HELLO: Self = Self { header: 4 << 10, body: 0 };

    /// The verified table in `header`.
    pub(super) fn root<'buf, T>(
        self,
        kind: FrameKind,
        header: &'buf [u8],
    ) -> Result<T::Inner, DecodeError>
    where
        T: Follow<'buf> + Verifiable + 'buf,
    {
        check::length("header length", check::wide(header.len()), self.header)?;
        root_with_opts::<T>(&verifier(header.len()), header).map_err(|error| {
            let text = error.to_string();
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            let reason = check::cut(&lines.join(" "), REASON_MAX).to_owned();
            DecodeError::Malformed { kind, len: header.len(), reason }
        })
    }
}

/// Bounds that a header from our encoders never reaches, and that keep a hostile one, whose tables
/// point at the same bytes many times, from costing more than its length.
fn verifier(len: usize) -> VerifierOptions {
    VerifierOptions {
        // Root, list element, profile in it; some room for tables that grow.
        max_depth: 8,
        // A table takes an offset and a pointer to its vtable, 8 bytes together.
        max_tables: len / 8 + 1,
        // The verifier counts a table's vtable, which tables share, and every field look-up.
        max_apparent_size: len.saturating_mul(8).saturating_add(1024),
        ignore_missing_null_terminator: false,
    }
}

/// Bytes of a verifier's complaint that reach the log.
const REASON_MAX: usize = 200;
