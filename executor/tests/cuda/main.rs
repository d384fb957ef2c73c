//! Kernels for NVIDIA GPUs: they compile, and they compute what those for processors do.
//!
//! The test's binary needs no source tree, so that it can be carried to a machine with a GPU:
//! `cargo test -p clockwork-executor --test cuda --no-run` says where it is; there,
//! `LD_LIBRARY_PATH=<libraries> ./cuda-<hash> gpu --nocapture` runs the kernels on the first GPU, and says why if it
//! does not.

mod batched;
mod case;
mod emulator;
mod epilogue;
mod gpu;
mod image;
mod kernels;
mod nvrtc;
mod shapes;
mod table;
