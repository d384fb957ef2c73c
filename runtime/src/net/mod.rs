//! Frames over TCP: links between processes, typed at both ends.
//!
//! A *link* is a pair of connections between two processes: *control* for all messages and small
//! payloads, *bulk* for large ones. A [`Hub`] owns a core's links of one kind and is its owner's
//! only door to the network:
//!
//! * reader tasks cut what arrives into frames, decode them, pair messages with their bodies and
//!   put them as [`Event`]s into the hub's inbox; then they ring once, however much has come;
//! * the owner makes a turn: it takes out all events, decides, and [sends](Hub::send). What it
//!   sends to one link in one turn is one frame, written by [`Hub::flush`] at once where the socket
//!   takes it; where it does not, a waiting task goes on.
//!
//! Why two connections: a 10 MB batch of inputs must never delay a LOAD or a CANCEL behind it. Why
//! one frame per turn: a system call costs as much as encoding ten messages.
//!
//! Kinds of link: [`ClientSide`] and [`ServiceSide`] between client and controller,
//! [`ControllerSide`] and [`WorkerSide`] between controller and worker.
//!
//! Bytes that make no sense, a peer that says nothing, one that reads nothing, and a panic in one
//! of its tasks end a link with one log line, and nothing else.
//!
//! ```
//! use clockwork_runtime::net::{Answer, Ask, ClientSide, Event, Hub, ServiceSide, Settings};
//! use clockwork_runtime::rt::{self, Listener, Options, TurnBell};
//! use clockwork_wire::codec::Listing;
//! use clockwork_wire::{RequestId, Status};
//! # use clockwork_runtime::net::hello;
//! # use clockwork_wire::{Role, Span};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! rt::run(&Options::default(), async {
//!     // A controller that answers every request for a listing with an empty one.
//!     let listener = Listener::adopt(rt::listen("127.0.0.1:0".parse()?)?)?;
//!     let address = listener.address();
//!     let bell = TurnBell::new();
//!     let clients = Hub::<ServiceSide>::new(bell.local(), Settings::default());
//!     let accepting = clients.accept(listener, |_, _| Ok(hello(Role::Controller)));
//!     let hub = clients.clone();
//!     let serving = rt::spawn(async move {
//!         loop {
//!             bell.wait(None).await;
//!             while let Some(event) = hub.next() {
//!                 if let Event::Heard { link, message: Ask::List(id), .. } = event {
//!                     let (status, models) = (Status::OK, Vec::new());
//!                     let listing = Listing { id, status, models, gpus: 0 };
//!                     hub.send(link, Answer::Listing(listing));
//!                 }
//!             }
//!             hub.flush();
//!         }
//!     });
//!
//!     // A client that asks once.
//!     let bell = TurnBell::new();
//!     let controller = Hub::<ClientSide>::new(bell.local(), Settings::default());
//!     controller.dial(address, hello(Role::Client)).await?;
//!     let answer = 'answer: loop {
//!         bell.wait(None).await;
//!         while let Some(event) = controller.next() {
//!             match event {
//!                 Event::Up { link, .. } => {
//!                     controller.send(link, Ask::List(RequestId::new(7)));
//!                 }
//!                 Event::Heard { message, .. } => break 'answer message,
//!                 Event::Dropped { .. } | Event::Down { .. } => {}
//!             }
//!         }
//!         controller.flush();
//!     };
//!     assert!(matches!(answer, Answer::Listing(listing) if listing.id == RequestId::new(7)));
//!
//!     controller.shutdown(Span::from_secs(1)).await;
//!     accepting.cancel().await;
//!     serving.cancel().await;
//!     clients.shutdown(Span::from_secs(1)).await;
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! })?
//! # }
//! ```

mod backoff;
mod bulk;
mod client_link;
mod counters;
mod dialect;
mod door;
mod event;
mod handshake;
mod hub;
mod inbox;
mod link;
mod meeting;
mod outbox;
mod pairing;
mod pump;
mod reader;
mod settings;
mod slab;
mod worker_link;

pub use backoff::Backoff;
pub use client_link::{Answer, Ask, ClientSide, ServiceSide};
/// A payload on its way out. Clones share the bytes, so that one input serves a thousand requests, and
/// slices the output of a batch its requests.
pub use clockwork_wire::Payload as Part;
pub use counters::{Counters, Traffic};
pub use dialect::{Body, Dialect, Ear, Parcel};
pub use door::{Arrival, attend};
pub use event::{Event, LinkEnd, LinkId, Peer};
pub use handshake::{HandshakeError, hello};
pub use hub::{Hub, is_acknowledged};
pub use reader::ReadError;
pub use settings::Settings;
pub use worker_link::{Batch, Command, ControllerSide, Report, WorkerSide};
