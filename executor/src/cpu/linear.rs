//! Fully connected layers.
#![expect(unsafe_code, reason = "the table of a microkernel's inputs has raw pointers")]

use std::ops::Range;

use super::isa::Kernels;
use super::product::{Inputs, Part, Product};
use super::run::Operands;
use super::tile::Sources;
use crate::artifact::Linear;

pub(super) fn multiply(kernels: Kernels, linear: &Linear, operands: Operands<'_>) {
    let Operands { reads: [input, weights, bias, _], write, .. } = operands;
    let product = Product {
        pixels: linear.rows,
        taps: 1,
        channels: linear.inner,
        columns: linear.columns,
        weights,
        bias,
        output: write,
        pitch: linear.columns,
        residual: None,
        activation: linear.activation,
    };
    product.compute(kernels, &Matrix { elements: input, pitch: linear.inner });
}

/// Rows of a matrix as pixels.
pub(super) struct Matrix<'a> {
    pub(super) elements: &'a [f32],
    pub(super) pitch: usize,
}

// SAFETY: every pointer is that of a slice of `channels` elements that the matrix borrows.
unsafe impl Inputs for Matrix<'_> {
    fn look_up(&self, rows: Range<usize>, part: &Part, table: &mut [Sources]) {
        let Some(sources) = table.first_mut() else { return };
        for (row, source) in rows.zip(sources) {
            *source = self.elements[row * self.pitch..][part.channels.clone()].as_ptr();
        }
    }
}
