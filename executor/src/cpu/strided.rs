//! Copies that walk by strides.

use super::run::Operands;
use super::walk;
use crate::artifact::{Border, Gather, Strided};

pub(super) fn copy(shape: &Strided, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    let grid = &shape.grid;
    let (width, outer) = (grid.width(), grid.dims.len() - 1);
    let steps = walk::signed(&shape.strides);
    let inner = steps[outer];
    let mut rows = write.chunks_mut(grid.pitch);
    walk::each(&grid.dims[..outer], [shape.begin], [steps], |[at]| {
        let row = &mut rows.next().expect("a row per index")[..width];
        match inner {
            0 => row.fill(input[at]),
            1 => row.copy_from_slice(&input[at..at + width]),
            _ => {
                let mut from = at;
                for element in row {
                    *element = input[from];
                    from = from.wrapping_add(inner);
                }
            }
        }
    });
}

pub(super) fn border(shape: &Border, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    write.fill(shape.value);
    let outer = shape.dims.len() - 1;
    let mut strides = [1; crate::artifact::DIMENSIONS];
    let mut begin = shape.begin[outer];
    for axis in (0..outer).rev() {
        let next = axis + 1;
        strides[axis] = strides[next] * (shape.dims[next] + shape.begin[next] + shape.end[next]);
        begin += shape.begin[axis] * strides[axis];
    }
    let mut rows = input.chunks_exact(shape.dims[outer]);
    walk::each(&shape.dims[..outer], [begin], [strides], |[at]| {
        let row = rows.next().expect("a row per index");
        write[at..at + row.len()].copy_from_slice(row);
    });
}

pub(super) fn gather(shape: &Gather, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    let Gather { len, inner, .. } = *shape;
    let blocks = input.chunks_exact(len * inner);
    for (block, output) in blocks.zip(write.chunks_exact_mut(shape.indices.len() * inner)) {
        for (entry, &index) in output.chunks_exact_mut(inner).zip(&shape.indices) {
            entry.copy_from_slice(&block[index * inner..][..inner]);
        }
    }
}
