//! Kernels for NVIDIA GPUs: they compile, and they compute what those for processors do.

mod batched;
mod case;
mod emulator;
mod epilogue;
mod gpu;
mod image;
mod kernels;
mod nvrtc;
mod shapes;
