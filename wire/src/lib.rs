//! The words of Clockwork and their bytes.
//!
//! Every crate speaks these words: instants and spans, ids, requests, actions, results, models. The
//! pure crates take the words alone (`default-features = false`); the processes also take the
//! feature `codec`, which turns words into frames and hostile bytes into a `DecodeError`.
//!
//! A request travels in this order, and so do the modules:
//!
//! 1. a client asks for a model by name and then for inferences ([`request`]);
//! 2. the controller answers each inference with actions for workers ([`action`]);
//! 3. a worker reports what it did ([`result`]) and what it holds ([`model`], [`worker`]);
//! 4. the controller responds ([`request`]) with a [`Status`].
//!
//! ```
//! use clockwork_wire::{Nanos, Span, Window};
//!
//! let now = Nanos::new(1_000);
//! let window = Window::new(now, now + Span::from_millis(10));
//! assert!(window.contains(now));
//! assert_eq!(window.latest - now, Span::from_millis(10));
//! ```
//!

pub mod action;
pub mod id;
pub mod model;
pub mod payload;
pub mod request;
pub mod result;
pub mod session;
pub mod size;
pub mod status;
pub mod time;
pub mod upload;
pub mod worker;

#[cfg(feature = "codec")]
pub mod codec;

pub use action::{Action, ActionKind, LoadModel, UnloadModel, Window};
pub use id::{ActionId, BootId, ClientId, GpuId, ModelId, RequestId, SessionId, UserId, WorkerId};
pub use model::{BatchProfile, ModelProfile, part_of_load, whole_of_load};
pub use payload::{Encoding, InputSpec, Payload};
pub use request::{
    InferRequest, InferResponse, ListedModel, LoadRequest, LoadResponse, Origin, ReplaceRequest,
    ReplaceResponse, UnloadRequest, UnloadResponse,
};
pub use result::{ActionResult, Interval, ModelLoaded, ModelUnloaded};
pub use session::{Credits, Hello, Home, LinkKind, Role};
pub use size::{BatchSize, PAGE_BYTES, PageRange, Pages};
pub use status::Status;
pub use time::{ClockOffset, Foreign, Localize, Nanos, Span};
pub use upload::{
    ModelUploaded, UploadFile, UploadModel, UploadRequest, UploadResponse, UploadStep,
};
pub use worker::{DeviceState, LoadedModel, WorkerState};
