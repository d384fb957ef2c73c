//! Words to bytes and back.
//!
//! A frame is a [`Preamble`] of fixed size, a flatbuffers header, and raw payload bytes. An encoder
//! collects the messages of one turn and [`finish`](RequestsEncoder::finish) appends them to an
//! output buffer as one frame; [`stamp`] puts in the send time when the buffer is flushed. A decoder
//! verifies a header once and checks every field, so that reading it afterwards cannot fail.
//!
//! A payload of at most [`INLINE_MAX`] bytes follows the header, in the order of the messages. A
//! larger one travels on the bulk connection as a frame of its own, named by a [`BodyId`], so that it
//! never delays a header. A message says how long its payload is; [`is_inline`] of that length tells
//! both ends where it travels.
//!
//! ```
//! use clockwork_wire::codec::{
//!     FrameKind, Limits, PREAMBLE_BYTES, Preamble, Requests, RequestsEncoder, stamp,
//! };
//! use clockwork_wire::{InferRequest, InputSpec, ModelId, Nanos, RequestId, Span, UserId};
//!
//! let request = InferRequest {
//!     id: RequestId::new(1),
//!     user: UserId::new(0),
//!     model: ModelId::new(7),
//!     slo_factor: 0.0,
//!     slo: Span::from_millis(100),
//!     input: InputSpec { len: 3, ..InputSpec::default() },
//! };
//! let mut encoder = RequestsEncoder::new();
//! encoder.infer(&request, &[1, 2, 3]);
//! let mut out = Vec::new();
//! encoder.finish(&mut out);
//! stamp(&mut out, Nanos::new(5), 1, 0);
//!
//! let limits = Limits::default();
//! let (preamble, rest) = out.split_first_chunk::<PREAMBLE_BYTES>().unwrap();
//! let preamble = Preamble::decode(preamble, &limits)?;
//! assert_eq!(preamble.kind, FrameKind::Requests);
//! let (header, body) = rest.split_at(preamble.header_len.try_into()?);
//! let requests = Requests::decode(header, preamble.body_len, &limits)?;
//! for (read, inline) in requests.infers() {
//!     assert_eq!(read, request);
//!     assert_eq!(&body[inline], &[1, 2, 3]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod chain;
mod check;
mod error;
mod frame;
mod limits;
mod preamble;
mod word;

mod hello;
mod ping;

mod requests;
mod responses;

mod actions;
mod profile;
mod results;
mod state;
mod upload;

#[rustfmt::skip]
#[allow(warnings, unsafe_code, reason = "flatc writes this file; it is not ours to polish")]
mod generated;

pub use actions::{ActionMessage, Actions, ActionsEncoder, Sizes};
pub use body::{BODY_PREFIX_BYTES, BodyId, body_prefix};
pub use chain::{Chain, Sink};
pub use error::DecodeError;
pub use frame::{INLINE_MAX, is_inline};
pub use hello::{decode_hello, encode_hello};
pub use limits::Limits;
pub use ping::{Ping, decode_ping, encode_ping};
pub use preamble::{FrameKind, PREAMBLE_BYTES, Preamble, VERSION, stamp, stamp_all};
pub use requests::{Requests, RequestsEncoder};
pub use responses::{Listing, Responses, ResponsesEncoder};
pub use results::{Results, ResultsEncoder};

/// The longest name on the wire, in bytes: of a model, a device class, a token.
pub const NAME_MAX: usize = 255;

/// The longest text for people on the wire, in bytes; encoders cut longer ones.
pub const MESSAGE_MAX: usize = 1024;

/// The most copies of a model that one message makes or reports.
pub const COPIES_MAX: u32 = 65_536;

/// The most files of one upload.
pub const UPLOAD_FILES_MAX: usize = 1024;

/// The most bytes of one step of an upload: so few that messages behind it hardly wait.
pub const UPLOAD_DATA_MAX: usize = 64 << 10;

/// The longest run of equal models in a state or a listing: [`COPIES_MAX`] as a length.
const RUN_MAX: usize = 65_536;

#[cfg(test)]
mod tests;
