//! Why bytes are refused. Every variant is the peer's fault and ends its connection.

use thiserror::Error;

use super::FrameKind;

/// What is wrong with received bytes: the field, its value, and what is allowed.
///
/// All of these are the peer's fault; the answer is one log line and a closed connection.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DecodeError {
    /// The first bytes are not a Clockwork frame's.
    #[error("magic is {found:02x?}; a frame begins with {expected:02x?} (is the peer Clockwork?)")]
    Magic {
        /// What was read.
        found: [u8; 4],
        /// What every frame begins with.
        expected: [u8; 4],
    },
    /// A length or count beyond its limit; nothing was allocated for it.
    #[error("{field} {value} exceeds the limit of {limit} bytes")]
    TooLong {
        /// Which length.
        field: &'static str,
        /// What the peer announced.
        value: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// A number outside its range, or an unknown enumeration value.
    #[error("{field} is {value}; allowed is {min} to {max}")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// What was read.
        value: u64,
        /// The smallest allowed value.
        min: u64,
        /// The largest allowed value.
        max: u64,
    },
    /// Two parts of a message that must agree do not.
    #[error("{field} is {value} but must be {expected}")]
    Mismatch {
        /// Which field.
        field: &'static str,
        /// What was read.
        value: u64,
        /// What the rest of the message demands.
        expected: u64,
    },
    /// Values that must rise do not, or an end lies before its beginning.
    #[error("{field} is {value}, which must not come before {bound}")]
    Disorder {
        /// Which field.
        field: &'static str,
        /// What was read.
        value: u64,
        /// The least that is allowed after what was read before.
        bound: u64,
    },
    /// A factor that is negative, infinite, or not a number.
    #[error("{field} is {value}; allowed is any finite number from 0")]
    Factor {
        /// Which field.
        field: &'static str,
        /// What was read.
        value: f32,
    },
    /// A part that must be there is not.
    #[error("{field} is missing although the status says that it is there")]
    Missing {
        /// Which field.
        field: &'static str,
    },
    /// The header does not verify as the table that the preamble names.
    #[error("{kind:?} header of {len} bytes does not verify: {reason}")]
    Malformed {
        /// Which table was expected.
        kind: FrameKind,
        /// How long the header is.
        len: usize,
        /// The verifier's words, on one line.
        reason: String,
    },
}
