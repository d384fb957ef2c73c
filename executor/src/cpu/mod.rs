//! The processor as a device: compiled plans run by our kernels, or libraries that somebody else
//! compiled (`program`), in memory that is owned from start to end.
//!
//! [`CpuDevice`] is the [`Device`](crate::Device); behind it a thread owns the memory (`memory`),
//! and does what it is told (`device_core`). [`run`] executes a plan: every step is one kernel.
//! Nothing is allocated per inference and nothing is decided but what the plan says. Where a batch's
//! elements would not stay in a cache from one step to the next, the plan repeats its steps for a few
//! requests at a time.
//!
//! Images lie channels last. Convolutions and fully connected layers are one kind of matrix product
//! (`product`): panels of weights, whose columns are the lanes of vector registers, times the inputs
//! of pixels, which are found through tables of pointers and broadcast. One microkernel (`tile`) is
//! written once and compiled for every instruction set (`lanes`, `isa`); on AVX-512 it is as fast as
//! the `gemm` crate's, which cannot follow a window over an image.

mod activation;
mod batched;
mod broadcast;
mod convolution;
mod depthwise;
mod function;
mod linear;
mod math;
mod movement;
mod pointwise;
mod pool;
mod product;
mod range;
mod resize;
mod strided;
mod table;
mod walk;
mod window;
mod winograd;

mod isa;
mod lanes;
mod tile;

mod alone;
mod device;
mod device_core;
mod memory;
mod profile;
mod program;
mod run;

pub use alone::{Alone, AloneError};
pub use device::CpuDevice;
pub use device_core::Host;
#[cfg(feature = "cuda")]
pub(crate) use device_core::{copy_inputs, guarded};
pub use isa::Kernels;
pub use run::{Memory, run, run_observed};
