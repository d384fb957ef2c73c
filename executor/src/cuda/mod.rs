//! NVIDIA GPUs as devices.
//!
//! A plan for a GPU is the same flat list of checked steps as one for the processor. Convolutions and
//! fully connected layers are computed by libraries; every other step is one launch of one of our
//! [`kernels`], which [`launch`] chooses.

pub mod kernels;
pub mod launch;
