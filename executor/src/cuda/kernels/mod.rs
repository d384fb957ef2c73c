//! The source of our kernels, in CUDA C++.
//!
//! All files make one translation unit, which includes no header: NVRTC finds none on a machine
//! without a toolkit. Every function that [`functions`](super::launch::functions) names is an entry
//! point; its only parameter is a struct that one file of [`launch`](super::launch) mirrors.

/// The files, in the order in which they need each other.
const FILES: [&str; 18] = [
    include_str!("base.cuh"),
    include_str!("element.cuh"),
    include_str!("activation.cuh"),
    include_str!("team.cuh"),
    include_str!("walk.cuh"),
    include_str!("window.cuh"),
    include_str!("pointwise.cu"),
    include_str!("channel.cu"),
    include_str!("function.cu"),
    include_str!("pool.cu"),
    include_str!("depthwise.cu"),
    include_str!("range.cu"),
    include_str!("strided.cu"),
    include_str!("gather.cu"),
    include_str!("table.cu"),
    include_str!("resize.cu"),
    include_str!("matmul.cu"),
    include_str!("movement.cu"),
];

/// The translation unit.
pub fn source() -> String {
    FILES.concat()
}
