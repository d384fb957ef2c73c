//! The names of the functions that are launched.

use super::operand::Operand;
use super::{channel, depthwise, function, gather, matmul, movement};
use super::{pointwise, pool, range, resize, strided, table};
use crate::artifact::Element;

/// A kernel for f32 and f16, each element by element and *wide*: 16 bytes at once.
#[derive(Debug)]
pub(super) struct Names(pub(super) [&'static str; 4]);

/// A kernel for what it reads and what it writes being f32 or f16, each element by element and wide.
#[derive(Debug)]
pub(super) struct Moving(pub(super) [&'static str; 8]);

/// A kernel for f32 and f16, element by element.
pub(super) type Pair = [&'static str; 2];

macro_rules! names {
    ($kernel:literal) => {
        $crate::cuda::launch::names::Names([
            concat!($kernel, "_f32"),
            concat!($kernel, "_f32_wide"),
            concat!($kernel, "_f16"),
            concat!($kernel, "_f16_wide"),
        ])
    };
}

macro_rules! moving {
    ($kernel:literal) => {
        $crate::cuda::launch::names::Moving([
            concat!($kernel, "_f32_f32"),
            concat!($kernel, "_f32_f32_wide"),
            concat!($kernel, "_f32_f16"),
            concat!($kernel, "_f32_f16_wide"),
            concat!($kernel, "_f16_f32"),
            concat!($kernel, "_f16_f32_wide"),
            concat!($kernel, "_f16_f16"),
            concat!($kernel, "_f16_f16_wide"),
        ])
    };
}

pub(super) use {moving, names};

impl Names {
    pub(super) fn of(&self, element: Element, wide: bool) -> &'static str {
        self.0[index(element) * 2 + usize::from(wide)]
    }
}

impl Moving {
    pub(super) fn of(&self, read: Operand, write: Operand, wide: bool) -> &'static str {
        self.0[index(read.element) * 4 + index(write.element) * 2 + usize::from(wide)]
    }
}

/// The function of a kernel that is never wide.
pub(super) fn lone(pair: Pair, element: Element) -> &'static str {
    pair[index(element)]
}

const fn index(element: Element) -> usize {
    match element {
        Element::F32 => 0,
        Element::F16 => 1,
    }
}

/// Every function that a launch may name.
pub fn functions() -> impl Iterator<Item = &'static str> {
    let own = OWN.iter().flat_map(|names| names.0);
    own.chain(MOVE.iter().flat_map(|names| names.0))
        .chain(depthwise::tiles())
        .chain(matmul::MATMUL)
        .chain(table::INTEGERS)
}

const OWN: [&Names; 19] = [
    &pointwise::ADD,
    &channel::AFFINE,
    &channel::EPILOGUE,
    &function::ELEMENTWISE,
    &pool::POOL,
    &pool::POOL_2,
    &pool::POOL_3,
    &depthwise::DEPTHWISE,
    &resize::RESIZE,
    &gather::GATHER,
    &table::LOOKUP,
    &strided::BROADCAST,
    &strided::SELECT,
    &strided::BORDER,
    &range::REDUCE_ROWS,
    &range::REDUCE_COLUMNS,
    &range::NORMALIZE,
    &range::SHARES_ROWS,
    &range::SHARES_COLUMNS,
];

const MOVE: [&Moving; 4] =
    [&pointwise::MAP, &strided::STRIDED, &movement::TO_PIXELS, &movement::TO_PLANES];
