//! A factor and a summand per channel, which the operation before can take over.

use crate::artifact::Combination;
use crate::compile::graph::{Affine, Convolution, Info, Linear, Node, Op};

/// `scale * x + shift` along one dimension; one entry stands for all.
pub(super) struct Line {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Line {
    /// What a node does to its computed input, if it is such a line along this dimension.
    pub(super) fn of(node: &Node, values: &[Info], axis: usize) -> Option<Self> {
        if let Op::Affine(affine) = &node.op {
            let (scale, shift) = (affine.scale.clone(), affine.shift.clone());
            return (axis == 1).then_some(Self { scale, shift });
        }
        let Op::Binary { kind, .. } = &node.op else { return None };
        Self::of_binary(*kind, node, values, axis)
    }

    fn of_binary(kind: Combination, node: &Node, values: &[Info], axis: usize) -> Option<Self> {
        let [left, right] = node.inputs[..] else { return None };
        let constant_left = values[left].constant.is_some();
        let constant = values[if constant_left { left } else { right }].constant.as_ref()?;
        let rank = values[node.output].dims.len();
        let numbers = constant.floats()?;
        // The only dimension of the constant that is not 1 must be ours.
        let ours =
            |(index, &dim): (usize, &usize)| dim == 1 || index + rank - constant.dims.len() == axis;
        if !constant.dims.iter().enumerate().all(ours) {
            return None;
        }
        let (one, zero) = (vec![1.0; numbers.len()], vec![0.0; numbers.len()]);
        let each = |function: fn(f32) -> f32| numbers.iter().map(|&x| function(x)).collect();
        let (scale, shift) = match (kind, constant_left) {
            (Combination::Add, _) => (one, numbers.to_vec()),
            (Combination::Subtract, false) => (one, each(|x| -x)),
            (Combination::Subtract, true) => (vec![-1.0; numbers.len()], numbers.to_vec()),
            (Combination::Multiply, _) => (numbers.to_vec(), zero),
            (Combination::Divide, false) if !numbers.contains(&0.0) => (each(|x| 1.0 / x), zero),
            _ => return None,
        };
        Some(Self { scale, shift })
    }

    /// Factor and summand of each of so many channels.
    fn over(&self, channels: usize) -> Option<impl Iterator<Item = (f32, f32)>> {
        let step = usize::from(self.scale.len() != 1);
        let fits = step == 0 || self.scale.len() == channels;
        fits.then(|| (0..channels).map(move |at| (self.scale[at * step], self.shift[at * step])))
    }

    pub(super) fn scale_filters(&self, convolution: &mut Convolution) -> bool {
        let channels = convolution.bias.len();
        let Some(line) = self.over(channels) else { return false };
        let filter = convolution.weights.len() / channels;
        let filters = convolution.weights.chunks_exact_mut(filter);
        for ((filter, bias), (scale, shift)) in filters.zip(&mut convolution.bias).zip(line) {
            for weight in filter {
                *weight *= scale;
            }
            *bias = *bias * scale + shift;
        }
        true
    }

    pub(super) fn scale_columns(&self, linear: &mut Linear) -> bool {
        let columns = linear.bias.len();
        let Some(line) = self.over(columns) else { return false };
        for (column, (scale, shift)) in line.enumerate() {
            for weight in linear.weights[column..].iter_mut().step_by(columns) {
                *weight *= scale;
            }
            linear.bias[column] = linear.bias[column] * scale + shift;
        }
        true
    }

    /// Becomes the line that goes with a normalization.
    pub(super) fn follow_normal(
        &self,
        line: &mut Option<(Vec<f32>, Vec<f32>)>,
        columns: usize,
    ) -> bool {
        let Some(own) = self.over(columns) else { return false };
        let (scales, shifts) = line.get_or_insert_with(|| (vec![1.0; columns], vec![0.0; columns]));
        for ((old_scale, old_shift), (scale, shift)) in scales.iter_mut().zip(shifts).zip(own) {
            *old_scale *= scale;
            *old_shift = *old_shift * scale + shift;
        }
        true
    }

    pub(super) fn follow(&self, affine: &mut Affine) -> bool {
        let Some(line) = self.over(affine.scale.len()) else { return false };
        let parts = affine.scale.iter_mut().zip(&mut affine.shift);
        for ((own, bias), (scale, shift)) in parts.zip(line) {
            *own *= scale;
            *bias = *bias * scale + shift;
        }
        true
    }
}
