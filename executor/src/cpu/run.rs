//! Runs a plan in memory that somebody else owns. Nothing is allocated.

use std::ops::Range;

use super::convolution::convolve;
use super::depthwise::depthwise;
use super::isa::Kernels;
use super::linear::multiply;
use super::movement::{to_pixels, to_planes};
use super::pointwise::{add, map, softmax};
use super::pool::pool;
use super::{batched, broadcast, function, range, resize, strided, table, winograd};
use crate::artifact::{CheckedStep, Extent, Kernel, Plan, READS, Space};

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

/// The tensors of one step. The plan's check has made sure that lengths and shapes agree.
pub(super) struct Operands<'a> {
    /// What it reads; an empty slice stands for none.
    pub(super) reads: [&'a [f32]; READS],
    /// Its scratch area.
    pub(super) scratch: &'a mut [f32],
    /// What it writes. Elements between the rows of a tensor belong to somebody else.
    pub(super) write: &'a mut [f32],
}

/// Executes a plan.
///
/// # Panics
/// If a memory is smaller than [`Plan::sizes`] says.
pub fn run(kernels: &Kernels, plan: &Plan, memory: Memory<'_>) {
    run_observed(kernels, plan, memory, |_| ());
}

/// Executes a plan and says after each step which one it was: where the time goes, and what a step
/// has written, can be seen from outside. A step that is repeated is named every time.
///
/// # Panics
/// If a memory is smaller than [`Plan::sizes`] says.
pub fn run_observed(
    kernels: &Kernels,
    plan: &Plan,
    memory: Memory<'_>,
    mut done: impl FnMut(usize),
) {
    let sizes = plan.sizes();
    let Memory { input, output, workspace, weights } = memory;
    let spaces = Spaces { input: &input[..sizes.input], weights: &weights[..sizes.weights] };
    let (output, workspace) = (&mut output[..sizes.output], &mut workspace[..sizes.workspace]);
    for (index, time) in plan.order() {
        let step = &plan.steps()[index];
        execute(*kernels, &step.kernel, spaces.operands(step, time, output, workspace));
        done(index);
    }
}

fn execute(kernels: Kernels, kernel: &Kernel, operands: Operands<'_>) {
    match kernel {
        Kernel::Convolution(shape) => convolve(kernels, shape, operands),
        Kernel::Winograd(shape) => winograd::convolve(kernels, shape, operands),
        Kernel::Depthwise(shape) => depthwise(kernels, shape, operands),
        Kernel::Linear(shape) => multiply(kernels, shape, operands),
        Kernel::Pool(shape) => pool(kernels, shape, operands),
        Kernel::Add(shape) => add(kernels, shape, operands),
        Kernel::Map(shape) => map(kernels, shape, operands),
        Kernel::Softmax(rows) => softmax(rows, operands),
        Kernel::Elementwise(shape) => function::apply(kernels, shape, operands),
        Kernel::Broadcast(shape) => broadcast::combine(kernels, shape, operands),
        Kernel::Select(shape) => broadcast::select(shape, operands),
        Kernel::Strided(shape) => strided::copy(shape, operands),
        Kernel::Border(shape) => strided::border(shape, operands),
        Kernel::Gather(shape) => strided::gather(shape, operands),
        Kernel::Lookup(shape) => table::lookup(shape, operands),
        Kernel::Integers(shape) => table::integers(shape, operands),
        Kernel::Embedding(shape) => table::embedding(shape, operands),
        Kernel::Reduce(shape) => range::reduce(kernels, shape, operands),
        Kernel::Shares(shape) => range::shares(kernels, shape, operands),
        Kernel::Normalize(shape) => range::normalize(kernels, shape, operands),
        Kernel::Affine(shape) => range::affine(kernels, shape, operands),
        Kernel::Resize(shape) => resize::resize(shape, operands),
        Kernel::Matmul(shape) => batched::multiply(kernels, shape, operands),
        Kernel::ToPixels(transfer) => to_pixels(transfer, operands),
        Kernel::ToPlanes(transfer) => to_planes(transfer, operands),
    }
}

/// The memories that are only read.
struct Spaces<'a> {
    input: &'a [f32],
    weights: &'a [f32],
}

impl<'a> Spaces<'a> {
    /// A step's tensors when it has been done `time` times before. What it writes is cut out of the
    /// workspace; what it reads lies in the pieces that remain, which the plan's check has made sure
    /// of.
    fn operands<'b>(
        &self,
        step: &CheckedStep,
        time: usize,
        output: &'b mut [f32],
        workspace: &'b mut [f32],
    ) -> Operands<'b>
    where
        'a: 'b,
    {
        let in_output = step.write.space == Space::Output;
        let written = step.write.at(time);
        let write = if in_output { 0..0 } else { written.clone() };
        // An absent scratch area must not come before the written range.
        let absent = write.end..write.end;
        let scratch = if step.scratch.is_empty() { absent } else { step.scratch.clone() };
        let cut = Cut::new(workspace, write, scratch);
        let reads = step.reads.each_ref().map(|extent| self.read(extent, time, &cut.rest));
        let write = if in_output { &mut output[written] } else { cut.write };
        Operands { reads, scratch: cut.scratch, write }
    }

    fn read<'b>(&self, extent: &Extent, time: usize, rest: &[(usize, &'b [f32]); 3]) -> &'b [f32]
    where
        'a: 'b,
    {
        let range = extent.at(time);
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
