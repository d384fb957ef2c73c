//! Runs a plan in memory that somebody else owns. Nothing is allocated.

use std::ops::Range;

use super::convolution::convolve;
use super::kernels::{Operands, activate, add, copy, pool, softmax};
use super::matrix::{Kernels, Product};
use crate::artifact::{Activation, CheckedStep, Extent, Kernel, Linear, Plan, Space};

/// The memory of one inference.
#[derive(Debug)]
pub struct Memory<'a> {
    /// The inputs of the batch, one after the other.
    pub input: &'a [f32],
    /// The outputs of the batch, one after the other.
    pub output: &'a mut [f32],
    /// Intermediate tensors.
    pub workspace: &'a mut [f32],
    /// The model's weights.
    pub weights: &'a [f32],
}

/// Executes a plan.
///
/// # Panics
/// If a memory is smaller than [`Plan::sizes`] says.
pub fn run(kernels: &Kernels, plan: &Plan, memory: Memory<'_>) {
    let sizes = plan.sizes();
    let Memory { input, output, workspace, weights } = memory;
    let spaces = Spaces { input: &input[..sizes.input], weights: &weights[..sizes.weights] };
    let (output, workspace) = (&mut output[..sizes.output], &mut workspace[..sizes.workspace]);
    for step in plan.steps() {
        execute(kernels, &step.kernel, spaces.operands(step, output, workspace));
    }
}

fn execute(kernels: &Kernels, kernel: &Kernel, operands: Operands<'_>) {
    match kernel {
        Kernel::Convolution(convolution) => convolve(kernels, convolution, operands),
        Kernel::Linear(linear) => multiply(kernels, linear, operands),
        Kernel::Pool(shape) => pool(shape, operands),
        Kernel::Add(shape) => add(shape.activation, operands),
        Kernel::Relu(_) => copy(Activation::Relu, operands),
        Kernel::Softmax(rows) => softmax(rows, operands),
        Kernel::Copy(shape) => copy(shape.activation, operands),
    }
}

fn multiply(kernels: &Kernels, linear: &Linear, operands: Operands<'_>) {
    let Operands { reads: [input, weights, bias], write, .. } = operands;
    for row in write.chunks_exact_mut(linear.columns) {
        row.copy_from_slice(bias);
    }
    kernels.multiply(Product {
        rows: linear.rows,
        depth: linear.inner,
        columns: linear.columns,
        left: input,
        right: weights,
        right_stride: linear.stride(),
        output: write,
    });
    activate(linear.activation, write);
}

/// The memories that are only read.
struct Spaces<'a> {
    input: &'a [f32],
    weights: &'a [f32],
}

impl<'a> Spaces<'a> {
    /// A step's tensors. What it writes is cut out of the workspace; what it reads lies in the
    /// pieces that remain, which the plan's check has made sure of.
    fn operands<'b>(
        &self,
        step: &CheckedStep,
        output: &'b mut [f32],
        workspace: &'b mut [f32],
    ) -> Operands<'b>
    where
        'a: 'b,
    {
        let in_output = step.write.space == Space::Output;
        let write = if in_output { 0..0 } else { step.write.range.clone() };
        // An absent scratch area must not come before the written range.
        let absent = write.end..write.end;
        let scratch = if step.scratch.is_empty() { absent } else { step.scratch.clone() };
        let cut = Cut::new(workspace, write, scratch);
        let reads = step.reads.each_ref().map(|extent| self.read(extent, &cut.rest));
        let write = if in_output { &mut output[step.write.range.clone()] } else { cut.write };
        Operands { reads, scratch: cut.scratch, write }
    }

    fn read<'b>(&self, extent: &Extent, rest: &[(usize, &'b [f32]); 3]) -> &'b [f32]
    where
        'a: 'b,
    {
        let range = extent.range.clone();
        match extent.space {
            Space::Input => &self.input[range],
            Space::Weights => &self.weights[range],
            Space::Workspace | Space::Output => rest
                .iter()
                .find_map(|&(begin, piece)| {
                    piece.get(range.start.checked_sub(begin)?..range.end.checked_sub(begin)?)
                })
                .expect("a checked step reads nothing that it writes"),
        }
    }
}

/// A workspace of which two ranges are to be written, and the rest is only read.
struct Cut<'a> {
    write: &'a mut [f32],
    scratch: &'a mut [f32],
    /// Where each piece of the rest begins, and the piece.
    rest: [(usize, &'a [f32]); 3],
}

impl<'a> Cut<'a> {
    fn new(workspace: &'a mut [f32], write: Range<usize>, scratch: Range<usize>) -> Self {
        let write_first = write.start <= scratch.start && write.end <= scratch.start;
        let (first, second) = if write_first { (write, scratch) } else { (scratch, write) };
        let (before, rest) = workspace.split_at_mut(first.start);
        let (low, rest) = rest.split_at_mut(first.len());
        let (between, rest) = rest.split_at_mut(second.start - first.end);
        let (high, behind) = rest.split_at_mut(second.len());
        let rest = [(0, &*before), (first.end, &*between), (second.end, &*behind)];
        let (write, scratch) = if write_first { (low, high) } else { (high, low) };
        Self { write, scratch, rest }
    }
}
