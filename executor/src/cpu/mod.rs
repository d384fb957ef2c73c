//! The processor as a device: compiled plans run by our kernels, or libraries that somebody else
//! compiled (`program`), in memory that is owned from start to end.
//!
//! [`CpuDevice`] is the [`Device`](crate::Device); behind it a thread owns the memory (`memory`),
//! and does what it is told (`device_core`). [`run`] executes a plan: every step is one kernel, and matrix
//! products are the `gemm` crate's microkernels (`matrix`). Nothing is allocated per inference and
//! nothing is decided but what the plan says.

mod convolution;

mod device;
mod device_core;
mod durations;
mod kernels;
mod matrix;
mod memory;
mod profile;
mod program;
mod run;

pub use device::CpuDevice;
pub use device_core::Host;
pub use matrix::Kernels;
pub use run::{Memory, run};
