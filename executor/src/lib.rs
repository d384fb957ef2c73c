//! Carries out actions inside their windows on a device.
//!
//! A `Worker` owns devices and decides nothing but whether an action can still start in its
//! window. It is a state machine without clock, socket or file: whoever drives it makes turns
//! (`handle` what arrived, `poll` until `None`, come back at `next_wakeup`).
//! Hardware is behind one seam, the trait [`Device`].

pub mod device;
pub mod emulated;
pub mod message;
pub mod pages;
pub mod pool;
pub mod worker;
pub mod zoo;

mod queue;

pub use device::{Completion, Device, DeviceSpec, Fault, Operation};
pub use message::{Input, Inputs, ModelSource, Output};
pub use worker::{Counters, Worker, WorkerConfig};
