//! Walking over a tensor of many dimensions row by row.

use crate::artifact::DIMENSIONS;

/// Elements from one index to the next along each dimension; distances back wrap around.
pub(super) type Steps = [usize; DIMENSIONS];

pub(super) fn forward(strides: &[usize]) -> Steps {
    let mut steps = [0; DIMENSIONS];
    steps[..strides.len()].copy_from_slice(strides);
    steps
}

pub(super) fn signed(strides: &[isize]) -> Steps {
    let mut steps = [0; DIMENSIONS];
    for (step, stride) in steps.iter_mut().zip(strides) {
        *step = stride.cast_unsigned();
    }
    steps
}

/// For every index of the dimensions, in order, calls with the offset in each of `N` tensors, which
/// begin at `at`.
pub(super) fn each<const N: usize>(
    dims: &[usize],
    mut at: [usize; N],
    steps: [Steps; N],
    mut call: impl FnMut([usize; N]),
) {
    let mut index = [0; DIMENSIONS];
    for _ in 0..dims.iter().product() {
        call(at);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            for (at, steps) in at.iter_mut().zip(&steps) {
                *at = at.wrapping_add(steps[axis]);
            }
            if index[axis] < dims[axis] {
                break;
            }
            for (at, steps) in at.iter_mut().zip(&steps) {
                *at = at.wrapping_sub(steps[axis].wrapping_mul(dims[axis]));
            }
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_met_in_order() {
        let mut met = Vec::new();
        each(&[2, 3], [5, 0], [signed(&[10, -1]), forward(&[0, 7])], |at| met.push(at));
        assert_eq!(met, [[5, 0], [4, 7], [3, 14], [15, 0], [14, 7], [13, 14]]);
        let mut count = 0;
        each(&[], [3], [[1; DIMENSIONS]], |at| count += at[0]);
        assert_eq!(count, 3, "no dimensions have one index");
    }
}
