//! Matrix products on the `gemm` crate's microkernels.
//!
//! The crate's own driver allocates packing buffers on every call. Here nothing is packed: the
//! layouts that the compiler and the column matrix give are already what a microkernel streams
//! best, so that this driver is three loops over memory that somebody else owns.
#![expect(unsafe_code, reason = "microkernels take raw pointers")]

use std::fmt;
use std::ptr;

use gemm_f32::microkernel::scalar::f32 as scalar;
#[cfg(target_arch = "x86_64")]
use gemm_f32::microkernel::{avx512f::f32 as avx512, fma::f32 as fma};

use crate::artifact::LANES;

/// The microkernels for the processor that we run on.
#[derive(Clone, Copy)]
pub struct Kernels {
    name: &'static str,
    /// Elements of a vector register; divides [`LANES`].
    lanes: usize,
    /// Registers of output columns that one call computes at most.
    registers: usize,
    /// Output rows that one call computes at most.
    rows: usize,
    /// The microkernel for so many registers and rows, both counted from 0.
    at: fn(usize, usize) -> Microkernel,
}

/// `output += left * right`, all row by row.
pub(super) struct Product<'a> {
    pub(super) rows: usize,
    pub(super) depth: usize,
    pub(super) columns: usize,
    /// `rows x depth`.
    pub(super) left: &'a [f32],
    /// `depth x right_stride`, of which the first `columns` of each row count.
    pub(super) right: &'a [f32],
    /// A multiple of [`LANES`], at least `columns`.
    pub(super) right_stride: usize,
    /// `rows x columns`.
    pub(super) output: &'a mut [f32],
}

impl Kernels {
    /// The fastest microkernels that this processor has instructions for.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if fused && is_x86_feature_detected!("avx512f") {
                return Self {
                    name: "avx512f",
                    lanes: 16,
                    registers: avx512::MR_DIV_N,
                    rows: avx512::NR,
                    at: |registers, rows| avx512::UKR[registers][rows],
                };
            }
            if fused {
                return Self {
                    name: "avx2+fma",
                    lanes: 8,
                    registers: fma::MR_DIV_N,
                    rows: fma::NR,
                    at: |registers, rows| fma::UKR[registers][rows],
                };
            }
        }
        Self::portable()
    }

    /// Microkernels that any processor can run.
    pub fn portable() -> Self {
        Self {
            name: "scalar",
            lanes: 1,
            registers: scalar::MR_DIV_N,
            rows: scalar::NR,
            at: |registers, rows| scalar::UKR[registers][rows],
        }
    }

    /// Adds a product to its output. Each output element is summed in an order that depends on
    /// `depth` alone, so that a batch gives the very bits that its members give alone.
    ///
    /// # Panics
    /// If a matrix is shorter than its shape says.
    pub(super) fn multiply(&self, product: Product<'_>) {
        let Product { rows, depth, columns, left, right, right_stride, output } = product;
        assert!(left.len() >= rows * depth, "the left matrix is shorter than its shape");
        assert!(right.len() >= depth * right_stride, "the right matrix is shorter than its shape");
        assert!(output.len() >= rows * columns, "the output is shorter than its shape");
        assert!(right_stride.is_multiple_of(LANES), "rows are padded to whole registers");
        assert!(columns <= right_stride, "a row holds its columns");
        let strides = Strides { output: columns, left: depth, right: right_stride };
        for begin in (0..depth).step_by(DEPTH_BLOCK) {
            let deep = DEPTH_BLOCK.min(depth - begin);
            for column in (0..columns).step_by(self.lanes * self.registers) {
                let right = &right[begin * right_stride + column..];
                for row in (0..rows).step_by(self.rows) {
                    let tile = Tile {
                        rows: self.rows.min(rows - row),
                        depth: deep,
                        columns: (self.lanes * self.registers).min(columns - column),
                    };
                    let left = &left[row * depth + begin..];
                    let output = &mut output[row * columns + column..];
                    self.multiply_tile(&tile, &strides, left, right, output);
                }
            }
        }
    }

    /// One call of a microkernel. The slices begin at the tile's first elements.
    fn multiply_tile(
        &self,
        tile: &Tile,
        strides: &Strides,
        left: &[f32],
        right: &[f32],
        output: &mut [f32],
    ) {
        let registers = tile.columns.div_ceil(self.lanes);
        // What the call below touches, so that its safety can be read off here.
        let read = (tile.depth - 1) * strides.right + registers * self.lanes;
        assert!(read <= right.len(), "whole registers are read from every row on the right");
        assert!((tile.rows - 1) * strides.left + tile.depth <= left.len());
        assert!((tile.rows - 1) * strides.output + tile.columns <= output.len());
        let microkernel = (self.at)(registers - 1, tile.rows - 1);
        let signed = |stride: usize| isize::try_from(stride).expect("a slice's length fits isize");
        // SAFETY: the processor has the instructions (`detect` asked it). The microkernel is the
        // one for `registers` registers of `lanes` columns and for `tile.rows` rows. For each of
        // `tile.depth` steps it reads `registers * lanes` elements on the right (`lhs`, step
        // `strides.right`) and one per row on the left (`rhs`, step 1, row step `strides.left`); it
        // reads and writes `tile.columns` elements in each row of the output (row step
        // `strides.output`). The three assertions above keep all of that inside the slices, and the
        // output is borrowed alone. The last pointer is a prefetch hint that no kernel reads.
        unsafe {
            microkernel(
                tile.columns,
                tile.rows,
                tile.depth,
                output.as_mut_ptr(),
                right.as_ptr(),
                left.as_ptr(),
                signed(strides.output),
                1,
                signed(strides.right),
                1,
                signed(strides.left),
                1.0,
                1.0,
                ACCUMULATE,
                false,
                false,
                false,
                ptr::null(),
            );
        }
    }
}

/// Prints the name only.
impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernels({})", self.name)
    }
}

/// The part of a product that one call computes.
struct Tile {
    rows: usize,
    depth: usize,
    columns: usize,
}

/// Elements from one row to the next.
struct Strides {
    output: usize,
    left: usize,
    right: usize,
}

/// Width, height and depth of the tile; output, right and left; their strides (output rows, output
/// columns, right rows, left columns, left rows); factors of the old output and of the product; what
/// to do with the old output; three conjugations; a prefetch hint.
type Microkernel = unsafe fn(
    usize,
    usize,
    usize,
    *mut f32,
    *const f32,
    *const f32,
    isize,
    isize,
    isize,
    isize,
    isize,
    f32,
    f32,
    u8,
    bool,
    bool,
    bool,
    *const f32,
);

/// Rows of the right matrix per pass: with 64 columns 64 KiB, which stay in a second-level cache
/// while all rows of the left matrix pass by.
const DEPTH_BLOCK: usize = 256;

/// Tells a microkernel to add to what the output contains.
const ACCUMULATE: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, so that sums are exact in any order.
    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        let number = |i: usize| u16::try_from((i * 7 + seed) % 9).map_or(0.0, f32::from) - 4.0;
        (0..len).map(number).collect()
    }

    fn check(kernels: Kernels, rows: usize, depth: usize, columns: usize) {
        let right_stride = columns.next_multiple_of(LANES);
        let (left, right) = (numbers(rows * depth, 1), numbers(depth * right_stride, 2));
        let mut output = numbers(rows * columns, 3);
        let mut expected = output.clone();
        for (i, sum) in expected.iter_mut().enumerate() {
            let (row, column) = (i / columns, i % columns);
            *sum += (0..depth)
                .map(|k| left[row * depth + k] * right[k * right_stride + column])
                .sum::<f32>();
        }
        let (left, right) = (&left[..], &right[..]);
        let output_ref = &mut output[..];
        let product =
            Product { rows, depth, columns, left, right, right_stride, output: output_ref };
        kernels.multiply(product);
        assert_eq!(output, expected, "{kernels:?}, {rows} x {depth} x {columns}");
    }

    #[test]
    fn every_set_of_microkernels_multiplies_every_small_shape() {
        for kernels in [Kernels::detect(), Kernels::portable()] {
            for rows in 1..=8 {
                for depth in [1, 2, 3, 5, 255, 256, 257, 600] {
                    for columns in [1, 7, 8, 15, 16, 17, 33, 63, 64, 65, 130] {
                        check(kernels, rows, depth, columns);
                    }
                }
            }
        }
    }
}
