//! Products of two computed matrices.

use super::isa::Kernels;
use super::linear::Matrix;
use super::product::Product;
use super::run::Operands;
use super::walk;
use crate::artifact::{Activation, Matmul, panels};

/// Every right matrix is brought into panels, like the weights of a fully connected layer.
pub(super) fn multiply(kernels: Kernels, shape: &Matmul, operands: Operands<'_>) {
    let Operands { reads: [left, right, ..], scratch, write } = operands;
    let Matmul { rows, inner, columns, .. } = *shape;
    let padded = scratch.len() / (inner + 1);
    let (weights, zeros) = scratch.split_at_mut(inner * padded);
    zeros.fill(0.0);
    let mut packed = None;
    let mut outputs = write.chunks_exact_mut(rows * columns);
    let steps = [walk::forward(&shape.left.outer), walk::forward(&shape.right.outer)];
    walk::each(&shape.outer, [0; 2], steps, |[left_at, right_at]| {
        if packed != Some(right_at) {
            pack(shape, &right[right_at..], weights);
            packed = Some(right_at);
        }
        let product = Product {
            pixels: rows,
            taps: 1,
            channels: inner,
            columns,
            weights,
            bias: zeros,
            output: outputs.next().expect("a result per index"),
            pitch: columns,
            residual: None,
            activation: Activation::None,
        };
        let matrix = Matrix { elements: &left[left_at..], pitch: shape.left.row };
        product.compute(kernels, &matrix);
    });
}

fn pack(shape: &Matmul, right: &[f32], weights: &mut [f32]) {
    let (row, column) = (shape.right.row, shape.right.column);
    let (mut first, mut rest) = (0, weights);
    for width in panels(shape.columns) {
        let (panel, others) = rest.split_at_mut(width * shape.inner);
        let count = width.min(shape.columns - first);
        for (index, line) in panel.chunks_exact_mut(width).enumerate() {
            let from = &right[index * row + first * column..];
            let (line, padding) = line.split_at_mut(count);
            padding.fill(0.0);
            if column == 1 {
                line.copy_from_slice(&from[..count]);
            } else {
                for (to, from) in line.iter_mut().zip(from.iter().step_by(column)) {
                    *to = *from;
                }
            }
        }
        (first, rest) = (first + width, others);
    }
}
