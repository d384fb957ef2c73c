//! NVIDIA GPUs as devices.
//!
//! A plan for a GPU is the same flat list of checked steps as one for the processor. Convolutions are
//! computed by cuDNN and fully connected layers by cuBLASLt, with the algorithms that were fastest when
//! the model was first seen on this class of devices; every other step is one launch of one of our
//! [`kernels`], which [`launch`] chooses. All steps of a batch size are captured into one graph, so that
//! running it costs the host one call.
//!
//! Driver and libraries are opened when they are first needed: where they are missing that is an error
//! in words, and everything else works.

mod alone;
mod choice;
mod clock;
mod convolution;
mod core;
mod device;
mod driver;
mod engine;
mod error;
mod graph_memory;
mod health;
mod host;
pub mod kernels;
pub mod launch;
#[cfg(test)]
mod launches;
mod linear;
mod loader;
mod memory;
mod memory_driver;
mod module;
mod pages;
mod reservation;
mod setup;
mod wait;
mod weights_cache;

pub use alone::{Alone, Took};
pub use device::{CudaDevice, CudaOptions};
pub use driver::{GpuInfo, available, gpus};
pub use error::CudaError;
pub use health::Health;
