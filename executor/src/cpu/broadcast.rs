//! Functions of two or three tensors that are broadcast to one shape.
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use super::activation::activate;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::run::Operands;
use super::walk;
use crate::artifact::{Broadcast, Combination, Select};

pub(super) fn combine(kernels: Kernels, shape: &Broadcast, operands: Operands<'_>) {
    let Operands { reads: [left, right, ..], write, .. } = operands;
    kernels.work(Combine { shape, left, right, output: write });
}

struct Combine<'a> {
    shape: &'a Broadcast,
    left: &'a [f32],
    right: &'a [f32],
    output: &'a mut [f32],
}

impl Combine<'_> {
    #[inline(always)]
    fn each(self, of: impl Fn(f32, f32) -> f32 + Copy) {
        let Self { shape, left, right, output } = self;
        let grid = &shape.grid;
        let (width, outer) = (grid.width(), grid.dims.len() - 1);
        let [left_steps, right_steps] = shape.strides.each_ref().map(|s| walk::forward(s));
        let inner = [left_steps[outer], right_steps[outer]];
        let mut rows = output.chunks_mut(grid.pitch);
        walk::each(&grid.dims[..outer], [0; 2], [left_steps, right_steps], |[l, r]| {
            let row = &mut rows.next().expect("a row per index")[..width];
            let (left, right) = (&left[l..], &right[r..]);
            match inner {
                [1, 1] => pairs(row, left, right, of),
                [1, 0] => alone(row, left, |x| of(x, right[0])),
                [0, 1] => alone(row, right, |x| of(left[0], x)),
                [l, r] => {
                    for (index, element) in row.iter_mut().enumerate() {
                        *element = of(left[index * l], right[index * r]);
                    }
                }
            }
            activate(shape.activation, row);
        });
    }
}

/// Elements side by side.
#[inline(always)]
fn pairs(row: &mut [f32], left: &[f32], right: &[f32], of: impl Fn(f32, f32) -> f32) {
    for ((to, left), right) in row.iter_mut().zip(left).zip(right) {
        *to = of(*left, *right);
    }
}

/// One side is the same for the whole row.
#[inline(always)]
fn alone(row: &mut [f32], input: &[f32], of: impl Fn(f32) -> f32) {
    for (to, from) in row.iter_mut().zip(input) {
        *to = of(*from);
    }
}

impl Work for Combine<'_> {
    #[inline(always)]
    #[expect(clippy::float_cmp, reason = "the operator asks for equality")]
    fn run<V: Lanes>(self) {
        let truth = |truth: bool| if truth { 1.0 } else { 0.0 };
        match self.shape.combination {
            Combination::Add => self.each(|a, b| a + b),
            Combination::And => self.each(|a, b| truth(a != 0.0 && b != 0.0)),
            Combination::Divide => self.each(|a, b| a / b),
            Combination::Equal => self.each(|a, b| truth(a == b)),
            Combination::Greater => self.each(|a, b| truth(a > b)),
            Combination::GreaterOrEqual => self.each(|a, b| truth(a >= b)),
            Combination::Less => self.each(|a, b| truth(a < b)),
            Combination::LessOrEqual => self.each(|a, b| truth(a <= b)),
            Combination::Max => self.each(|a, b| if a > b { a } else { b }),
            Combination::Min => self.each(|a, b| if a < b { a } else { b }),
            Combination::Multiply => self.each(|a, b| a * b),
            Combination::Or => self.each(|a, b| truth(a != 0.0 || b != 0.0)),
            Combination::Power => self.each(f32::powf),
            Combination::Slope => self.each(|a, b| if a < 0.0 { a * b } else { a }),
            Combination::Subtract => self.each(|a, b| a - b),
        }
    }
}

pub(super) fn select(shape: &Select, operands: Operands<'_>) {
    let Operands { reads: [condition, yes, no, ..], write, .. } = operands;
    let grid = &shape.grid;
    let (width, outer) = (grid.width(), grid.dims.len() - 1);
    let steps = shape.strides.each_ref().map(|strides| walk::forward(strides));
    let [c, y, n] = steps.map(|steps| steps[outer]);
    let mut rows = write.chunks_mut(grid.pitch);
    walk::each(&grid.dims[..outer], [0; 3], steps, |at| {
        let row = &mut rows.next().expect("a row per index")[..width];
        for (index, element) in row.iter_mut().enumerate() {
            let chosen = condition[at[0] + index * c] != 0.0;
            *element = if chosen { yes[at[1] + index * y] } else { no[at[2] + index * n] };
        }
    });
}
