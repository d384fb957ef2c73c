//! Which launch a step becomes: a function of `kernels`, a grid, and its parameters.
//!
//! All is decided here, from shapes and addresses: a captured graph launches the same functions with
//! the same parameters for ever. Nothing here needs a GPU.
//!
//! * A step is one launch. Where lengths, pitches and addresses allow it, its threads read and write
//!   16 bytes at once.
//! * What a sum is made of, and in which order, never depends on the number of images: an image of a
//!   batch gets the same bits as one alone.
//! * io memory has no address yet when a graph is captured: kernels that touch it find its begin in
//!   the *descriptor*.

mod channel;
mod depthwise;
mod function;
mod gather;
mod matmul;
mod movement;
mod names;
mod operand;
mod parts;
mod pointwise;
mod pool;
mod range;
mod resize;
mod strided;
mod table;
mod tables;

use bytemuck::Pod;
use thiserror::Error;

use crate::artifact::{CheckedStep, Element, Kernel};

pub use channel::Epilogue;
pub use names::functions;
pub use tables::Tables;

use operand::Site;

/// Where the memories of a plan begin, in bytes of the device's address space. All are multiples of
/// 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Two addresses: where the inputs of a batch begin, and its outputs. Whoever runs the plan
    /// writes them before each run; they are multiples of 16.
    pub descriptor: u64,
    /// Workspace.
    pub workspace: u64,
    /// Weights.
    pub weights: u64,
    /// [`Tables`].
    pub tables: u64,
}

/// One launch of one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The function's name in the module that is compiled of [`kernels`](super::kernels).
    pub function: &'static str,
    /// Blocks along x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y, z. Shared memory is static: none is asked for at a launch.
    pub block: [u32; 3],
    /// The function's only parameter.
    pub parameters: Parameters,
}

/// A kernel's only parameter: a struct that is passed by value, at most 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters(Vec<u64>);

impl Parameters {
    fn new<P: Pod>(value: &P) -> Self {
        const { assert!(size_of::<P>() <= 4096 && size_of::<P>().is_multiple_of(8)) };
        let (words, _) = bytemuck::bytes_of(value).as_chunks();
        Self(words.iter().map(|&word| u64::from_ne_bytes(word)).collect())
    }

    /// The struct's bytes, which begin at a multiple of 8.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// Why a step is no launch of ours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LaunchError {
    /// A library computes it.
    #[error("a {0} is computed by a library")]
    Library(&'static str),
    /// It does more than a kernel counts.
    #[error("{0} is more than a kernel counts; at most 2^31 - 1")]
    TooLarge(usize),
}

/// The launch of a step of a plan whose workspace and weights have such elements. Lists that its
/// kernel reads are added to `tables`.
///
/// # Errors
/// If a library computes it, or a tensor is too large.
pub fn launch(
    step: &CheckedStep,
    element: Element,
    at: &Addresses,
    tables: &mut Tables,
) -> Result<Launch, LaunchError> {
    let site = Site { step, element, at };
    match &step.kernel {
        Kernel::Convolution(_) => Err(LaunchError::Library("convolution")),
        Kernel::Winograd(_) => Err(LaunchError::Library("winograd convolution")),
        Kernel::Linear(_) => Err(LaunchError::Library("linear layer")),
        Kernel::Depthwise(shape) => depthwise::depthwise(site, shape),
        Kernel::Pool(shape) => pool::pool(site, shape),
        Kernel::Add(shape) => pointwise::add(site, shape),
        Kernel::Map(shape) => pointwise::map(site, shape),
        Kernel::Softmax(shape) => range::softmax(site, shape),
        Kernel::Elementwise(shape) => function::elementwise(site, shape),
        Kernel::Broadcast(shape) => strided::broadcast(site, shape),
        Kernel::Select(shape) => strided::select(site, shape),
        Kernel::Strided(shape) => strided::strided(site, shape),
        Kernel::Border(shape) => strided::border(site, shape),
        Kernel::Gather(shape) => gather::gather(site, shape, tables),
        Kernel::Lookup(shape) => table::lookup(site, shape),
        Kernel::Integers(shape) => table::integers(site, shape),
        Kernel::Embedding(shape) => table::embedding(site, shape),
        Kernel::Reduce(shape) => range::reduce(site, shape),
        Kernel::Shares(shape) => range::shares(site, shape),
        Kernel::Normalize(shape) => range::normalize(site, shape),
        Kernel::Affine(shape) => channel::affine(site, shape),
        Kernel::Resize(shape) => resize::resize(site, shape, tables),
        Kernel::Matmul(shape) => matmul::matmul(site, shape),
        Kernel::ToPixels(shape) => movement::to_pixels(site, shape),
        Kernel::ToPlanes(shape) => movement::to_planes(site, shape),
    }
}
