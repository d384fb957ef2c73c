//! Carries out actions inside their windows on a device.
//!
//! A `Worker` owns devices and decides nothing but whether an action can still start in its
//! window. It is a state machine without clock, socket or file: whoever drives it makes turns
//! (`handle` what arrived, `poll` until `None`, come back at `next_wakeup`).
//! Hardware is behind one seam, the trait [`Device`].
//!
//! ```
//! use clockwork_executor::emulated::Emulated;
//! use clockwork_executor::{DeviceSpec, Input, Inputs, ModelSource, Output, Worker, zoo};
//! use clockwork_wire::{
//!     Action, ActionId, ActionKind, BatchSize, GpuId, LoadModel, ModelId, Nanos, PageRange, Pages,
//!     Span, Window,
//! };
//!
//! let spec = DeviceSpec {
//!     class: "v100".to_owned(),
//!     pages: Pages::new(1376),
//!     io_pool: 512 << 20,
//!     workspace_pool: 512 << 20,
//!     depth: 1,
//! };
//! let mut worker = Worker::new(Default::default(), vec![Box::new(Emulated::new(spec))]);
//!
//! // A model is asked for by name; whoever drives the worker finds it.
//! let (start, model) = (Nanos::new(1_000), ModelId::new(0));
//! let id = |counter| ActionId { epoch: 1, shard: 0, counter };
//! worker.handle(start, Input::LoadModel(LoadModel {
//!     id: id(0),
//!     model,
//!     copies: 1,
//!     name: "resnet50_v2".to_owned(),
//!     max_batch: BatchSize::ONE,
//!     max_exec: Span::MAX,
//!     shown: model,
//! }));
//! let Some(Output::Resolve { id: asked, name, .. }) = worker.poll(start) else { unreachable!() };
//! let source = zoo::profile(&name).map(ModelSource::Profile).ok_or(name.into());
//! worker.handle(start, Input::Resolved { id: asked, source });
//! assert!(matches!(worker.poll(start), Some(Output::ModelLoaded(_))));
//!
//! // Its weights are copied to the device: 8.372 ms later they are there.
//! let action = Action {
//!     id: id(1),
//!     kind: ActionKind::Load,
//!     model,
//!     gpu: GpuId::new(0),
//!     window: Window::new(start, start + Span::from_millis(10)),
//!     expected: Span::ZERO,
//!     pages: PageRange::WHOLE,
//! };
//! worker.handle(start, Input::Action { action, inputs: Inputs::default() });
//! assert!(worker.poll(start).is_none());
//! let end = worker.next_wakeup().unwrap();
//! assert_eq!(end - start, Span::new(8_372_000));
//! let Some(Output::Result { result, .. }) = worker.poll(end) else { unreachable!() };
//! assert!(result.status.is_ok());
//! ```

pub mod artifact;
#[cfg(feature = "compile")]
pub mod compile;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod device;
pub mod emulated;
pub mod library;
pub mod message;
pub mod pages;
pub mod pool;
pub mod upload;
pub mod worker;
pub mod zoo;

mod device_thread;
mod durations;
mod queue;

pub use device::{
    Completion, Device, DeviceSpec, Fault, Operation, Prepare, Stop, Stopped, Unprepared, Wanted,
};
pub use message::{Input, Inputs, ModelSource, Output};
pub use worker::{Counters, Worker, WorkerConfig};
